//! What Dapr asks of an app in its HTTP form: each request as daprd posts it, and what the answers mean.

use crate::{
    Body, Code, Error, Metadata, Result, bindings, body, configuration, jobs,
    pubsub::{BulkDelivery, Delivery, TopicStatus},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An answer is read up to here, in bytes; only small JSON says anything.
pub const MAX_ANSWER: u64 = 1 << 20;

const CLOUD_EVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What stands for itself in a segment of a path: RFC 3986's unreserved characters.
const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that frame a request or say who someone is: the metadata of an event sets none of them.
const NOT_FROM_METADATA: [HeaderName; 7] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("dapr-api-token"),
    HeaderName::from_static("dapr-caller-app-id"),
    HeaderName::from_static("dapr-callee-app-id"),
    HeaderName::from_static("dapr-caller-namespace"),
];

/// A message, posted to a path of the app.
///
/// # Errors
/// [`Code::RouteNotFound`] where the path is none.
pub fn topic(path: &str, delivery: &Delivery) -> Result<Request<Body>> {
    let mut request = post(&rooted(path), CLOUD_EVENT, &delivery.metadata, delivery.event.clone())?;
    if let Some(Ok(traceparent)) = delivery.traceparent.as_deref().map(HeaderValue::try_from) {
        request.headers_mut().insert("traceparent", traceparent);
    }
    Ok(request)
}

/// Several messages in one request.
///
/// # Errors
/// [`Code::RouteNotFound`] where the path is none; [`Code::Internal`] where an event is no JSON.
pub fn bulk(path: &str, delivery: &BulkDelivery) -> Result<Request<Body>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry<'a> {
        entry_id: &'a str,
        event: &'a RawValue,
        content_type: &'a str,
        metadata: &'a Metadata,
    }
    #[derive(Serialize)]
    struct Envelope<'a> {
        id: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
        topic: &'a str,
        pubsubname: &'a str,
        metadata: &'a Metadata,
        entries: Vec<Entry<'a>>,
    }
    let entries = delivery.entries.iter().map(|entry| {
        Ok(Entry {
            entry_id: &entry.entry_id,
            event: serde_json::from_slice(&entry.delivery.event).map_err(|error| unwritable(&error))?,
            content_type: entry.content_type.as_deref().unwrap_or("application/cloudevents+json"),
            metadata: &entry.delivery.metadata,
        })
    });
    let envelope = Envelope {
        id: &delivery.id,
        kind: "com.dapr.event.sent.bulk",
        topic: &delivery.topic,
        pubsubname: &delivery.pubsub,
        metadata: &delivery.metadata,
        entries: entries.collect::<Result<_>>()?,
    };
    let bytes = serde_json::to_vec(&envelope).map_err(|error| unwritable(&error))?;
    post(&rooted(path), JSON, &delivery.metadata, bytes)
}

/// What an answer says of each message. A missing or empty status asks for a retry, which is not so for a single message.
pub fn bulk_statuses(delivery: &BulkDelivery, status: StatusCode, answer: &[u8]) -> Vec<TopicStatus> {
    #[derive(Default, Deserialize)]
    struct Statuses {
        #[serde(default)]
        statuses: Vec<One>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct One {
        #[serde(default)]
        entry_id: String,
        #[serde(default)]
        status: String,
    }
    let all = |status| vec![status; delivery.entries.len()];
    if status == StatusCode::NOT_FOUND {
        return all(TopicStatus::Drop);
    }
    if !status.is_success() {
        return all(TopicStatus::Retry);
    }
    let answer: Statuses = serde_json::from_slice(answer).unwrap_or_default();
    let said: BTreeMap<&str, &str> =
        answer.statuses.iter().map(|one| (one.entry_id.as_str(), one.status.as_str())).collect();
    let of = |id: &str| match said.get(id).copied() {
        Some("SUCCESS") => TopicStatus::Success,
        Some("DROP") => TopicStatus::Drop,
        _ => TopicStatus::Retry,
    };
    delivery.entries.iter().map(|entry| of(&entry.entry_id)).collect()
}

/// The event of an input binding.
///
/// # Errors
/// [`Code::RouteNotFound`] where the binding's name can't be a path.
pub fn binding(event: &bindings::Event) -> Result<Request<Body>> {
    let mut request = post(&below(&[&event.binding]), JSON, &event.metadata, event.data.clone())?;
    if let Some(Ok(traceparent)) = event.metadata.get("traceparent").map(HeaderValue::try_from) {
        request.headers_mut().insert("traceparent", traceparent);
    }
    Ok(request)
}

/// What an app answered to the event of a binding: every 2xx takes it.
///
/// # Errors
/// [`Code::RouteNotFound`] for 404 and 405, which say that the app wants no such events; [`Code::BadGateway`] for the rest.
pub fn binding_reply(binding: &str, status: StatusCode, answer: Bytes) -> Result<bindings::Reply> {
    if status.is_success() {
        return Ok(bindings::Reply { data: answer, ..bindings::Reply::default() });
    }
    Err(refused(&format!("the event of the binding `{binding}`"), status))
}

/// A job that is due.
///
/// # Errors
/// [`Code::RouteNotFound`] where the job's name can't be a path.
pub fn job(event: &jobs::Event) -> Result<Request<Body>> {
    let content_type = event.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    post(&below(&["job", &event.name]), content_type.unwrap_or(JSON), &Metadata::new(), event.data.clone())
}

/// What an app answered to a job: every 2xx is a success.
///
/// # Errors
/// As [`binding_reply`].
pub fn job_done(name: &str, status: StatusCode) -> Result<()> {
    if status.is_success() { Ok(()) } else { Err(refused(&format!("the job `{name}`"), status)) }
}

/// Changed values: a request for each key.
///
/// # Errors
/// [`Code::RouteNotFound`] where store or key can't be a path.
pub fn configuration(update: &configuration::Update) -> Result<Vec<Request<Body>>> {
    #[derive(Serialize)]
    struct Item<'a> {
        value: &'a str,
        version: &'a str,
        metadata: &'a Metadata,
    }
    #[derive(Serialize)]
    struct Update<'a> {
        id: &'a str,
        items: BTreeMap<&'a str, Item<'a>>,
    }
    let request = |(key, item): (&String, &configuration::Item)| {
        let item = Item { value: &item.value, version: &item.version, metadata: &item.metadata };
        let update_of_key = Update { id: &update.id, items: BTreeMap::from([(key.as_str(), item)]) };
        let bytes = serde_json::to_vec(&update_of_key).map_err(|error| unwritable(&error))?;
        post(&below(&["configuration", &update.store, key]), JSON, &Metadata::new(), bytes)
    };
    update.items.iter().map(request).collect()
}

/// What an app answered to a change of configuration: every 2xx takes it.
///
/// # Errors
/// As [`binding_reply`].
pub fn configuration_taken(store: &str, status: StatusCode) -> Result<()> {
    if status.is_success() { Ok(()) } else { Err(refused(&format!("the update of `{store}`"), status)) }
}

fn refused(what: &str, status: StatusCode) -> Error {
    let code = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::RouteNotFound,
        _ => Code::BadGateway,
    };
    Error::new(code, format!("the app answered {what} with {status}"))
}

fn unwritable(error: &serde_json::Error) -> Error {
    Error::new(Code::Internal, format!("an event can't be written as JSON: {error}"))
}

fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// A path of whole segments, whatever is in them.
fn below(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, IN_SEGMENT))).collect()
}

fn post(path: &str, content_type: HeaderValue, metadata: &Metadata, data: impl Into<Bytes>) -> Result<Request<Body>> {
    let request = Request::post(path).body(body::full(data));
    let mut request =
        request.map_err(|error| Error::new(Code::RouteNotFound, format!("`{path}` is no path: {error}")))?;
    let headers = request.headers_mut();
    for (name, value) in metadata {
        // Metadata that are no headers stay behind, as in daprd.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            && !NOT_FROM_METADATA.contains(&name)
        {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, content_type);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::{BulkDeliveryEntry, Destination};

    fn bulk_of(ids: &[&str]) -> BulkDelivery {
        let destination = Destination::Path("/orders".into());
        let delivery = Delivery {
            pubsub: "bus".into(),
            topic: "orders".into(),
            destination: destination.clone(),
            event: Bytes::from_static(br#"{"id":"1"}"#),
            metadata: Metadata::new(),
            traceparent: None,
        };
        let entry = |id: &&str| BulkDeliveryEntry {
            entry_id: (*id).to_owned(),
            delivery: delivery.clone(),
            content_type: None,
        };
        BulkDelivery {
            id: "b".into(),
            pubsub: "bus".into(),
            topic: "orders".into(),
            destination,
            entries: ids.iter().map(entry).collect(),
            metadata: Metadata::new(),
        }
    }

    #[test]
    fn a_missing_status_of_a_bulk_delivery_asks_for_a_retry() {
        use TopicStatus::{Drop, Retry, Success};
        let delivery = bulk_of(&["a", "b", "c"]);
        for (status, answer, meaning) in [
            (
                200,
                r#"{"statuses":[{"entryId":"a","status":"SUCCESS"},{"entryId":"b","status":"DROP"}]}"#,
                [Success, Drop, Retry],
            ),
            (200, r#"{"statuses":[{"entryId":"a"}]}"#, [Retry; 3]),
            (200, "", [Retry; 3]),
            (404, "", [Drop; 3]),
            (500, "", [Retry; 3]),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(bulk_statuses(&delivery, status, answer.as_bytes()), meaning, "{status} {answer}");
        }
    }

    #[test]
    fn names_are_whole_segments_of_a_path() {
        let event = bindings::Event { binding: "a b/c".into(), ..bindings::Event::default() };
        assert_eq!(binding(&event).expect("a request").uri().path(), "/a%20b%2Fc");
        let event = jobs::Event { name: "clean-up".into(), ..jobs::Event::default() };
        assert_eq!(job(&event).expect("a request").uri().path(), "/job/clean-up");
    }

    #[test]
    fn metadata_say_nothing_of_framing_or_identity() {
        let metadata = [("Content-Length", "1"), ("dapr-caller-app-id", "x"), ("subject", "s"), ("a b", "c")];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let event = bindings::Event { binding: "b".into(), metadata, ..bindings::Event::default() };
        let request = binding(&event).expect("a request");
        assert_eq!(request.headers().len(), 2, "{:?}", request.headers());
        assert_eq!(request.headers()["subject"], "s");
    }
}
