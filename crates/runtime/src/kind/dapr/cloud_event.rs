//! A CloudEvent as Dapr delivers it in JSON, taken apart for a handler.

use crate::host::dapr::metadata;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pillion_api::pubsub::Delivery;
use pillion_api::{Code, Error};
use pillion_wit::exports::pillion::dapr::topic_handler::TopicEvent;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Takes an event apart.
///
/// # Errors
/// [`Code::PubsubCloudEventsSer`] where it is no JSON object, or its `data_base64` is none.
pub(crate) fn topic_event(delivery: Delivery) -> Result<TopicEvent, Error> {
    let wrong = |why: &str| Error::new(Code::PubsubCloudEventsSer, format!("a message of `{}` {why}", delivery.topic));
    let mut attributes: BTreeMap<String, &RawValue> =
        serde_json::from_slice(&delivery.event).map_err(|error| wrong(&format!("is no CloudEvent: {error}")))?;
    let mut take = |name: &str| attributes.remove(name).map(text);
    let [id, source, event_type, spec_version] =
        ["id", "source", "type", "specversion"].map(|name| take(name).unwrap_or_default());
    let data_content_type = take("datacontenttype").unwrap_or_default();
    let (subject, time) = (take("subject"), take("time"));
    let base64 = take("data_base64");
    take("topic");
    take("pubsubname");
    let data = match (attributes.remove("data"), base64) {
        (_, Some(base64)) => STANDARD.decode(base64).map_err(|_| wrong("has a `data_base64` that is none"))?,
        (Some(data), None) => payload(data, &data_content_type),
        (None, None) => Vec::new(),
    };
    Ok(TopicEvent {
        id,
        source,
        event_type,
        spec_version,
        data_content_type,
        subject,
        time,
        data,
        extensions: attributes.into_iter().map(|(name, value)| (name, text(value))).collect(),
        pubsub: delivery.pubsub,
        topic: delivery.topic,
        metadata: metadata(delivery.metadata),
    })
}

/// Text as it is, anything else as JSON.
fn text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// JSON stays as it came, its text in quotes included; text of any other type is its bytes.
fn payload(data: &RawValue, content_type: &str) -> Vec<u8> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media == "application/json" || media.ends_with("+json");
    if json { data.get().as_bytes().to_vec() } else { text(data).into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::{Metadata, pubsub::Destination};

    fn event(json: &'static str) -> Result<TopicEvent, Error> {
        topic_event(Delivery {
            pubsub: "bus".into(),
            topic: "orders".into(),
            destination: Destination::Path("/".into()),
            event: json.into(),
            metadata: Metadata::new(),
            traceparent: None,
        })
    }

    #[test]
    fn the_payload_is_what_was_published() {
        for (json, data) in [
            (r#"{"datacontenttype":"application/json","data":{"a": 1.50}}"#, r#"{"a": 1.50}"#),
            (r#"{"datacontenttype":"application/json; charset=utf-8","data":"x"}"#, r#""x""#),
            (r#"{"datacontenttype":"text/plain","data":"x"}"#, "x"),
            (r#"{"datacontenttype":"text/plain","data":{"a":1}}"#, r#"{"a":1}"#),
            (r#"{"data_base64":"aGk=","data":"other"}"#, "hi"),
            (r#"{"data":"no type"}"#, "no type"),
            ("{}", ""),
        ] {
            assert_eq!(String::from_utf8(event(json).expect(json).data).expect("text"), data, "{json}");
        }
    }

    #[test]
    fn attributes_that_have_no_field_are_extensions() {
        let event = event(r#"{"id":"1","traceparent":7,"topic":"other","x":"y"}"#).expect("an event");
        assert_eq!((event.id.as_str(), event.topic.as_str()), ("1", "orders"));
        assert_eq!(event.extensions, [("traceparent".to_owned(), "7".to_owned()), ("x".to_owned(), "y".to_owned())]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for json in ["", "[]", "null", r#"{"data_base64":"?"}"#] {
            assert_eq!(event(json).expect_err(json).code(), Code::PubsubCloudEventsSer, "{json}");
        }
    }
}
