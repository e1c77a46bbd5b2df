//! Headers that belong to one connection, and those that only Dapr may set.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Stripped both ways on invocation, as daprd does since 1.18.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "te",
    "trailer",
    "proxy-authorization",
    "proxy-authenticate",
];

/// The app that calls.
const CALLER_APP_ID: HeaderName = HeaderName::from_static("dapr-caller-app-id");
/// The app that is called.
const CALLEE_APP_ID: HeaderName = HeaderName::from_static("dapr-callee-app-id");
/// The namespace of the app that calls.
const CALLER_NAMESPACE: HeaderName = HeaderName::from_static("dapr-caller-namespace");
/// Addresses an app in a request without an invoke path.
const APP_ID: HeaderName = HeaderName::from_static("dapr-app-id");

/// Removes the hop-by-hop headers and those that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Makes a caller's headers those that the called app sees: no connection's business, no forged identity.
pub(crate) fn prepare_request(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    for name in [APP_ID, CALLER_APP_ID, CALLEE_APP_ID, CALLER_NAMESPACE, HeaderName::from_static("dapr-api-token")] {
        headers.remove(name);
    }
}

/// Adds what two sidecars add between two apps.
pub(crate) fn add_identity(headers: &mut HeaderMap, caller: &str, callee: &str, namespace: &str) {
    for (name, value) in [(CALLER_APP_ID, caller), (CALLEE_APP_ID, callee), (CALLER_NAMESPACE, namespace)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.append("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    headers.append("x-forwarded-host", HeaderValue::from_static("localhost"));
    headers.append(header::FORWARDED, HeaderValue::from_static("for=127.0.0.1;by=127.0.0.1;host=localhost"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_headers_and_those_named_by_connection_are_stripped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "x-mine, close"), ("x-mine", "1"), ("te", "trailers"), ("x-kept", "1")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn a_caller_cannot_forge_who_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert(CALLER_APP_ID, HeaderValue::from_static("admin"));
        prepare_request(&mut headers);
        add_identity(&mut headers, "shop", "stock", "default");
        assert_eq!(headers.get_all(CALLER_APP_ID).iter().collect::<Vec<_>>(), ["shop"]);
    }
}
