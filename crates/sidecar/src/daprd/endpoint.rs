//! Where a daprd is: what `DAPR_GRPC_ENDPOINT`, `DAPR_HTTP_ENDPOINT` and the ports say.

use http::Uri;

/// The port of an endpoint that names none, with and without TLS.
const TLS_PORT: u16 = 443;
const PLAIN_PORT: u16 = 80;

/// Reads a gRPC endpoint in the forms that Dapr's SDKs take: `host:port`, `http://host:port`, `https://host`,
/// `dns:host:port`, and `?tls=true` behind any of them that names no scheme.
///
/// # Errors
/// A sentence part.
pub fn grpc(text: &str) -> Result<Uri, String> {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let tls = match query {
        "" | "tls=false" => false,
        "tls=true" => true,
        other => return Err(format!("has the query `{other}`: only `tls=true` is known")),
    };
    if let Some(scheme) = ["https", "http"].into_iter().find(|scheme| has_scheme(address, scheme)) {
        if !query.is_empty() {
            return Err("has a scheme and `tls` both".to_owned());
        }
        return with_port(scheme, &address[scheme.len() + 3..]);
    }
    if address.contains("://")
        || ["unix:", "vsock:", "ipv4:", "ipv6:", "xds:"].iter().any(|name| address.starts_with(name))
    {
        return Err("is of a kind that is not known: give `host:port`, or an http or https URL".to_owned());
    }
    let address = address.strip_prefix("dns:").unwrap_or(address);
    with_port(if tls { "https" } else { "http" }, address)
}

/// The base URL of the HTTP API.
///
/// # Errors
/// A sentence part.
pub fn http(text: &str) -> Result<Uri, String> {
    crate::http_client::parse_base(text.trim_end_matches('/'))
}

fn has_scheme(address: &str, scheme: &str) -> bool {
    address.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://"))
}

fn with_port(scheme: &str, authority: &str) -> Result<Uri, String> {
    let authority = authority.trim_end_matches('/');
    let default = if scheme == "https" { TLS_PORT } else { PLAIN_PORT };
    let parsed: http::uri::Authority = authority.parse().map_err(|error| format!("is no address: {error}"))?;
    if authority.contains('@') || parsed.host().is_empty() {
        return Err("is no `host:port`".to_owned());
    }
    let authority = match parsed.port() {
        Some(_) if parsed.port_u16().is_none() => return Err("has no port that can be one".to_owned()),
        Some(_) => authority.to_owned(),
        None => format!("{authority}:{default}"),
    };
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_sdks_are_read() {
        for (text, url) in [
            ("127.0.0.1:50001", "http://127.0.0.1:50001/"),
            ("localhost:50001?tls=true", "https://localhost:50001/"),
            ("dns:dapr.example:1", "http://dapr.example:1/"),
            ("https://dapr.example", "https://dapr.example:443/"),
            ("http://[::1]:7/", "http://[::1]:7/"),
            ("dapr.example", "http://dapr.example:80/"),
        ] {
            assert_eq!(grpc(text).expect(text).to_string(), url);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", "unix:/tmp/s", "ftp://h", "https://h?tls=true", "h:1?x=y", "user@h:1", "h:99999", "a b:1"] {
            grpc(text).expect_err(text);
        }
    }
}
