//! Headers of HTTP as metadata of gRPC, by the rules of daprd.

use http::{HeaderMap, HeaderName};

/// Headers that HTTP and gRPC both give a meaning: daprd puts `dapr-` before an HTTP caller's (IANA's permanent registry, as
/// far as daprd has it).
const PREFIXED: [&str; 24] = [
    "accept",
    "accept-charset",
    "accept-language",
    "accept-ranges",
    "authorization",
    "cache-control",
    "content-type",
    "cookie",
    "date",
    "expect",
    "from",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-schedule-tag-match",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "referer",
    "user-agent",
    "via",
    "warning",
    "accept-encoding",
];

/// Those of the gRPC call itself, and those that frame the caller's message, which is another one here.
const NOT_HANDED_ON: [&str; 12] = [
    "content-type",
    "user-agent",
    "te",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "dapr-host",
    "dapr-content-length",
    "dapr-connection",
    "dapr-expect",
    "accept-encoding",
];

/// The headers that the caller sent, as the guest sees them over HTTP.
pub(super) fn to_headers(metadata: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in metadata {
        if let Some(name) = header_of(name.as_str()) {
            headers.append(name, value.clone());
        }
    }
    headers
}

fn header_of(name: &str) -> Option<HeaderName> {
    if NOT_HANDED_ON.contains(&name) || is_grpcs(name) {
        return None;
    }
    let plain = name.strip_prefix("dapr-").filter(|plain| PREFIXED.contains(plain));
    plain.unwrap_or(name).parse().ok()
}

/// The headers of a guest's answer that become metadata.
pub(super) fn of_answer(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !NOT_HANDED_ON.contains(&name.as_str()) && !is_grpcs(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Names that gRPC keeps for itself: binary values are no text of a header.
fn is_grpcs(name: &str) -> bool {
    name.starts_with("grpc-") || name.ends_with("-bin") || name.starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_headers_have_their_names_again_and_those_of_the_call_stay_behind() {
        for (metadata, header) in [
            ("x-mine", Some("x-mine")),
            ("dapr-user-agent", Some("user-agent")),
            ("dapr-accept", Some("accept")),
            ("dapr-if-match", Some("if-match")),
            ("dapr-caller-app-id", Some("dapr-caller-app-id")),
            ("traceparent", Some("traceparent")),
            ("user-agent", None),
            ("content-type", None),
            ("dapr-host", None),
            ("dapr-content-length", None),
            ("te", None),
            ("grpc-timeout", None),
            ("grpc-trace-bin", None),
            ("some-bin", None),
        ] {
            let found = header_of(metadata);
            assert_eq!(found.as_ref().map(HeaderName::as_str), header, "{metadata}");
        }
    }
}
