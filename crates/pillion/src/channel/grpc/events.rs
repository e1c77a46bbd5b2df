//! Events between Dapr's messages and ours: subscriptions, topic events alone and in bulk, jobs.

use crate::channel::{events::MAX_BULK, headers, reserved::guest_of, subscribe::route};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use dapr::dapr::proto::runtime::v1::{
    BulkSubscribeConfig, JobEventRequest, TopicEventBulkRequest, TopicEventBulkResponse, TopicEventBulkResponseEntry,
    TopicEventCeRequest, TopicEventRequest, TopicRoutes, TopicRule, TopicSubscription,
    topic_event_bulk_request_entry::Event as BulkEvent, topic_event_response::TopicEventResponseStatus,
};
use http::HeaderMap;
use pillion_api::{
    Metadata, jobs,
    pubsub::{Bulk, BulkDelivery, BulkDeliveryEntry, Delivery, Destination, Subscription, TopicStatus},
};
use prost::Message;
use prost_types::{Any, Struct, Value, value::Kind};
use serde_json::{Map, Value as Json, value::RawValue};
use std::collections::BTreeMap;
use tonic::Status;

/// The type of a job's data that was scheduled over HTTP: any JSON.
const VALUE: &str = "google.protobuf.Value";
/// Wrappers of one field, in which SDKs put a job's data.
const WRAPPERS: [&str; 2] = ["google.protobuf.BytesValue", "google.protobuf.StringValue"];

pub(super) fn subscription(subscription: Subscription) -> TopicSubscription {
    let rule = |rule: pillion_api::pubsub::Rule| TopicRule { r#match: rule.matches, path: rule.path };
    let default = subscription.default.map(route).unwrap_or_default();
    TopicSubscription {
        pubsub_name: subscription.pubsub,
        topic: subscription.topic,
        metadata: subscription.metadata.into_iter().collect(),
        routes: Some(TopicRoutes { rules: subscription.rules.into_iter().map(rule).collect(), default }),
        dead_letter_topic: subscription.dead_letter_topic.unwrap_or_default(),
        bulk_subscribe: subscription.bulk.map(bulk_config),
    }
}

fn bulk_config(bulk: Bulk) -> BulkSubscribeConfig {
    let most = i32::MAX;
    BulkSubscribeConfig {
        enabled: true,
        max_messages_count: i32::try_from(bulk.max_messages).unwrap_or(most),
        max_await_duration_ms: i32::try_from(bulk.max_await_ms).unwrap_or(most),
    }
}

pub(super) fn delivery(event: TopicEventRequest, headers: &HeaderMap) -> Delivery {
    let destination = destination(event.path);
    let (pubsub, topic) = (event.pubsub_name, event.topic);
    let cloud_event = CloudEvent {
        id: event.id,
        source: event.source,
        kind: event.r#type,
        spec_version: event.spec_version,
        content_type: event.data_content_type,
        data: event.data,
        extensions: event.extensions,
    };
    let event = cloud_event.json(&pubsub, &topic);
    let traceparent = headers::traceparent(headers);
    Delivery { pubsub, topic, destination, event, metadata: headers::metadata(headers), traceparent }
}

/// # Errors
/// There are more messages than one delivery may have.
pub(super) fn bulk(events: TopicEventBulkRequest, headers: &HeaderMap) -> Result<BulkDelivery, Status> {
    if events.entries.len() > MAX_BULK {
        return Err(Status::resource_exhausted(format!("the bulk delivery has more than {MAX_BULK} messages")));
    }
    let TopicEventBulkRequest { id, entries, metadata, topic, pubsub_name: pubsub, path, .. } = events;
    let destination = destination(path);
    let entries = entries.into_iter().map(|entry| {
        let event = match entry.event {
            Some(BulkEvent::CloudEvent(event)) => CloudEvent::of_bulk(event).json(&pubsub, &topic),
            Some(BulkEvent::Bytes(raw)) => raw_event(&entry.entry_id, &pubsub, &topic, raw),
            None => raw_event(&entry.entry_id, &pubsub, &topic, Vec::new()),
        };
        let delivery = Delivery {
            pubsub: pubsub.clone(),
            topic: topic.clone(),
            destination: destination.clone(),
            event,
            metadata: entry.metadata.into_iter().collect(),
            traceparent: headers::traceparent(headers),
        };
        let content_type = Some(entry.content_type).filter(|content_type| !content_type.is_empty());
        BulkDeliveryEntry { entry_id: entry.entry_id, delivery, content_type }
    });
    let entries = entries.collect();
    let mut all: Metadata = headers::metadata(headers);
    all.extend(metadata);
    Ok(BulkDelivery { id, pubsub, topic, destination, entries, metadata: all })
}

/// Every entry gets a status, and one without is delivered again.
pub(super) fn bulk_answer(ids: Vec<String>, statuses: Vec<TopicStatus>) -> TopicEventBulkResponse {
    let statuses = statuses.into_iter().chain(std::iter::repeat(TopicStatus::Retry));
    let entry = |(entry_id, given)| TopicEventBulkResponseEntry { entry_id, status: status(given) };
    TopicEventBulkResponse { statuses: ids.into_iter().zip(statuses).map(entry).collect() }
}

pub(super) fn status(status: TopicStatus) -> i32 {
    match status {
        TopicStatus::Success => TopicEventResponseStatus::Success,
        TopicStatus::Retry => TopicEventResponseStatus::Retry,
        TopicStatus::Drop => TopicEventResponseStatus::Drop,
    }
    .into()
}

fn destination(path: String) -> Destination {
    match guest_of(&path) {
        Some(guest) => Destination::Guest(guest.to_owned()),
        None => Destination::Path(path),
    }
}

/// What both messages of a topic event have.
struct CloudEvent {
    id: String,
    source: String,
    kind: String,
    spec_version: String,
    content_type: String,
    data: Vec<u8>,
    extensions: Option<Struct>,
}

impl CloudEvent {
    fn of_bulk(event: TopicEventCeRequest) -> Self {
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

    /// The envelope as it goes over HTTP; an attribute has one value, whatever an extension of its name says.
    fn json(self, pubsub: &str, topic: &str) -> Bytes {
        let mut fields: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
        let mut put = |name: &str, value: Option<Box<RawValue>>| {
            value.map(|value| fields.insert(name.to_owned(), value));
        };
        for (name, value) in self.extensions.into_iter().flat_map(|extensions| extensions.fields) {
            put(&name, raw(&to_json(value)));
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

fn raw_event(id: &str, pubsub: &str, topic: &str, data: Vec<u8>) -> Bytes {
    let data = BASE64_STANDARD.encode(data);
    crate::channel::events::raw_envelope(id, pubsub, topic, &data).into()
}

/// How deep it may be was bounded where the message was decoded.
fn to_json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => number_of(number),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(to_json).collect()),
        Some(Kind::StructValue(fields)) => {
            let fields = fields.fields.into_iter().map(|(name, value)| (name, to_json(value)));
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

pub(super) fn job(request: JobEventRequest) -> jobs::Event {
    let Any { type_url, value } = request.data.unwrap_or_default();
    let name = type_url.rsplit('/').next().unwrap_or_default();
    let json = Some("application/json".to_owned());
    let (data, content_type) = match name {
        VALUE => match Value::decode(value.as_slice()) {
            Ok(value) => (to_json(value).to_string().into_bytes(), json),
            Err(_) => (value, None),
        },
        name if WRAPPERS.contains(&name) => (Vec::<u8>::decode(value.as_slice()).unwrap_or(value), None),
        _ => (value, None),
    };
    jobs::Event { name: request.name, data: data.into(), content_type }
}
