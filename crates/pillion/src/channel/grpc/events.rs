//! Events between Dapr's messages and ours: subscriptions, topic events alone and in bulk, jobs.

use crate::channel::{
    events::MAX_BULK,
    headers,
    reserved::{Reserved, guest_of},
    subscribe::route,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use dapr::dapr::proto::runtime::v1::{
    BulkSubscribeConfig, JobEventRequest, TopicEventBulkRequest, TopicEventBulkResponse, TopicEventBulkResponseEntry,
    TopicEventRequest, TopicRoutes, TopicRule, TopicSubscription, topic_event_bulk_request_entry::Event as BulkEvent,
    topic_event_response::TopicEventResponseStatus,
};
use http::HeaderMap;
use pillion_api::{
    Metadata, jobs,
    pubsub::{Bulk, BulkDelivery, BulkDeliveryEntry, Delivery, Destination, Subscription, TopicStatus},
};
use pillion_sidecar::daprd::event::{CloudEvent, json_of};
use prost::Message;
use prost_types::{Any, Value};
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

pub(super) fn delivery(mut event: TopicEventRequest, headers: &HeaderMap, reserved: &Reserved) -> Delivery {
    let destination = destination(std::mem::take(&mut event.path), reserved);
    let (pubsub, topic) = (std::mem::take(&mut event.pubsub_name), std::mem::take(&mut event.topic));
    let event = CloudEvent::from(event).json(&pubsub, &topic);
    let traceparent = headers::traceparent(headers);
    Delivery { pubsub, topic, destination, event, metadata: headers::metadata(headers), traceparent }
}

/// # Errors
/// There are more messages than one delivery may have.
pub(super) fn bulk(
    events: TopicEventBulkRequest,
    headers: &HeaderMap,
    reserved: &Reserved,
) -> Result<BulkDelivery, Status> {
    if events.entries.len() > MAX_BULK {
        return Err(Status::resource_exhausted(format!("the bulk delivery has more than {MAX_BULK} messages")));
    }
    let TopicEventBulkRequest { id, entries, metadata, topic, pubsub_name: pubsub, path, .. } = events;
    let destination = destination(path, reserved);
    let entries = entries.into_iter().map(|entry| {
        let event = match entry.event {
            Some(BulkEvent::CloudEvent(event)) => CloudEvent::from(event).json(&pubsub, &topic),
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

/// A guest whose events come another way has no route that anybody could name.
fn destination(path: String, reserved: &Reserved) -> Destination {
    match guest_of(&path).filter(|guest| reserved.has_topic(guest)) {
        Some(guest) => Destination::Guest(guest.to_owned()),
        None => Destination::Path(path),
    }
}

fn raw_event(id: &str, pubsub: &str, topic: &str, data: Vec<u8>) -> Bytes {
    let data = BASE64_STANDARD.encode(data);
    crate::channel::events::raw_envelope(id, pubsub, topic, &data).into()
}

pub(super) fn job(request: JobEventRequest) -> jobs::Event {
    let Any { type_url, value } = request.data.unwrap_or_default();
    let name = type_url.rsplit('/').next().unwrap_or_default();
    let json = Some("application/json".to_owned());
    let (data, content_type) = match name {
        VALUE => match Value::decode(value.as_slice()) {
            Ok(value) => (json_of(value).to_string().into_bytes(), json),
            Err(_) => (value, None),
        },
        name if WRAPPERS.contains(&name) => (Vec::<u8>::decode(value.as_slice()).unwrap_or(value), None),
        _ => (value, None),
    };
    jobs::Event { name: request.name, data: data.into(), content_type }
}
