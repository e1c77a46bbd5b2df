//! A topic event of Dapr's gRPC messages as the CloudEvent in JSON that it is over HTTP.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use dapr::dapr::proto::runtime::v1::{TopicEventCeRequest, TopicEventRequest};
use prost_types::{Struct, Value, value::Kind};
use serde_json::{Map, Value as Json, value::RawValue};
use std::collections::BTreeMap;

/// What both messages of a topic event have.
pub struct CloudEvent {
    id: String,
    source: String,
    kind: String,
    spec_version: String,
    content_type: String,
    data: Vec<u8>,
    extensions: Option<Struct>,
}

/// Both messages call these fields the same.
macro_rules! of_message {
    ($($message:ty),*) => {$(
        impl From<$message> for CloudEvent {
            fn from(event: $message) -> Self {
                Self {
                    id: event.id,
                    source: event.source,
                    kind: event.r#type,
                    spec_version: event.spec_version,
                    content_type: event.data_content_type,
                    data: event.data,
                    extensions: event.extensions,
                }
            }
        }
    )*};
}
of_message!(TopicEventRequest, TopicEventCeRequest);

impl CloudEvent {
    /// An extension whose value is a text.
    pub fn extension(&self, name: &str) -> Option<&str> {
        match &self.extensions.as_ref()?.fields.get(name)?.kind {
            Some(Kind::StringValue(text)) => Some(text),
            _ => None,
        }
    }

    /// The envelope as it goes over HTTP; an attribute has one value, whatever an extension of its name says.
    pub fn json(self, pubsub: &str, topic: &str) -> Bytes {
        let mut fields: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
        let mut put = |name: &str, value: Option<Box<RawValue>>| {
            value.map(|value| fields.insert(name.to_owned(), value));
        };
        for (name, value) in self.extensions.into_iter().flat_map(|extensions| extensions.fields) {
            put(&name, raw(&json_of(value)));
        }
        for (name, text) in [
            ("id", self.id.as_str()),
            ("source", &self.source),
            ("type", &self.kind),
            ("specversion", &self.spec_version),
            ("datacontenttype", &self.content_type),
            ("pubsubname", pubsub),
            ("topic", topic),
        ] {
            put(name, raw(&text).filter(|_| !text.is_empty()));
        }
        let (name, value) = data_of(&self.content_type, self.data);
        put(name, value);
        serde_json::to_vec(&fields).unwrap_or_default().into()
    }
}

/// Data as daprd's envelope has it: JSON as it is, text as a string, everything else as base64.
fn data_of(content_type: &str, data: Vec<u8>) -> (&'static str, Option<Box<RawValue>>) {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    if is_json && let Ok(json) = serde_json::from_slice::<Box<RawValue>>(&data) {
        return ("data", Some(json));
    }
    let is_binary = media_type == "application/octet-stream";
    match String::from_utf8(data) {
        Ok(text) if !is_binary => ("data", raw(&text).filter(|_| !text.is_empty())),
        Ok(text) => ("data_base64", raw(&BASE64_STANDARD.encode(text))),
        Err(binary) => ("data_base64", raw(&BASE64_STANDARD.encode(binary.into_bytes()))),
    }
}

fn raw(value: &impl serde::Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}

/// Protobuf's form of any JSON. How deep it may be was bounded where the message was decoded.
pub fn json_of(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => number_of(number),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(json_of).collect()),
        Some(Kind::StructValue(fields)) => {
            let fields = fields.fields.into_iter().map(|(name, value)| (name, json_of(value)));
            Json::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// Protobuf knows floating point alone; a whole number is written as one, as Go does.
fn number_of(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "whole, and smaller than an i64")]
        return Json::from(number as i64);
    }
    Json::from(number)
}
