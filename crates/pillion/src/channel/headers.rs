//! What the headers of a call by daprd mean: who called, and which of them are an event's metadata.

use http::{HeaderMap, HeaderName, header};
use pillion_api::{Metadata, is_metadata};

/// `APP_API_TOKEN` over the wire.
pub(super) const API_TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");

/// daprd sets these itself where another app invokes, so none of its own events carries one.
const OF_INVOCATIONS: [&str; 3] = ["dapr-caller-app-id", "x-forwarded-host", "forwarded"];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Whether the call came by service invocation from another app.
pub(super) fn is_invoked(headers: &HeaderMap) -> bool {
    OF_INVOCATIONS.iter().any(|name| headers.contains_key(*name))
}

/// Whether another app is named as the one that invokes.
pub(super) fn names_caller(headers: &HeaderMap) -> bool {
    headers.contains_key(OF_INVOCATIONS[0])
}

/// Who calls, and from where, as daprd says it.
const IDENTITY: [&str; 3] = ["dapr-caller-app-id", "dapr-callee-app-id", "dapr-caller-namespace"];

/// daprd adds its own word to what a caller sent under the same name, in whichever order: where there are two, nobody can
/// tell which is forged, and the guest gets neither.
pub(super) fn forget_two_callers(headers: &mut HeaderMap) {
    for name in IDENTITY {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            headers.remove(name);
        }
    }
}

/// An event's metadata, which daprd sends as headers of the same names. The edge bounds them.
pub(super) fn metadata(headers: &HeaderMap) -> Metadata {
    let own = headers.iter().filter(|(name, _)| is_metadata(name.as_str()));
    own.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// The media type, if there is one.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    text(headers, &header::CONTENT_TYPE)
}

/// The span that calls.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    text(headers, &TRACEPARENT)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_caller_that_two_headers_name_is_nobody() {
        for (values, kept) in [(&["a"][..], 1), (&["a", "a"], 2), (&["a", "b"], 0), (&["b", "a", "a"], 0)] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDENTITY[0], HeaderValue::from_static(value));
            }
            forget_two_callers(&mut headers);
            assert_eq!(headers.len(), kept, "{values:?}");
        }
    }
}
