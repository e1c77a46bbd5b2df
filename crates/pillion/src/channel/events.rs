//! Topic events that daprd posts to the route of a guest of `on:`: one, or several at once.

use super::{Channel, headers, json};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use pillion_api::{
    Body, Code, Error, Metadata, Result, body,
    pubsub::{Bulk, BulkDelivery, BulkDeliveryEntry, Delivery, Destination, TopicStatus},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// Messages of one bulk delivery; a subscription may ask for so many, and its body is bounded besides.
pub(super) const MAX_BULK: usize = Bulk::MOST_MESSAGES as usize;

pub(super) async fn deliver(
    channel: &Channel,
    destination: Destination,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let bytes = body::collect(body, channel.bounds.request).await?;
    let frame = Frame {
        destination,
        metadata: headers::metadata(&parts.headers),
        traceparent: headers::traceparent(&parts.headers),
    };
    // daprd posts a single event as `application/cloudevents+json`, several as `application/json`.
    let media_type = headers::content_type(&parts.headers).unwrap_or_default();
    if media_type.split(';').next().is_some_and(|media_type| media_type.trim() == "application/json") {
        return frame.bulk(channel, &bytes).await;
    }
    let status = channel.app.deliver(frame.single(bytes)).await?;
    let answer = serde_json::json!({ "status": name(status) });
    Ok(json(answer.to_string()))
}

/// What a delivery says beside its events.
struct Frame {
    destination: Destination,
    metadata: Metadata,
    traceparent: Option<String>,
}

/// Where an event came from, as its envelope says. Any field may be missing or of another type: a publisher may have written
/// the envelope.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    topic: Value,
    pubsubname: Value,
}

#[derive(Deserialize)]
struct BulkJson {
    #[serde(default)]
    id: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    pubsubname: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    entries: Vec<EntryJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson {
    entry_id: String,
    #[serde(default)]
    event: Option<Box<RawValue>>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryStatus {
    entry_id: String,
    status: &'static str,
}

impl Frame {
    fn single(self, event: Bytes) -> Delivery {
        let (pubsub, topic) = origin(&event, &self.metadata);
        let Self { destination, metadata, traceparent } = self;
        Delivery { pubsub, topic, destination, event, metadata, traceparent }
    }

    /// Every entry gets a status: daprd delivers again what has none.
    async fn bulk(self, channel: &Channel, bytes: &[u8]) -> Result<Response<Body>> {
        let bulk: BulkJson = serde_json::from_slice(bytes)
            .map_err(|error| Error::new(Code::MalformedRequest, format!("the bulk delivery can't be read: {error}")))?;
        if bulk.entries.len() > MAX_BULK {
            let message = format!("the bulk delivery has more than {MAX_BULK} messages");
            return Err(Error::new(Code::RequestTooLarge, message).hint("lower `maxMessagesCount` of the subscription"));
        }
        let delivery = self.read(bulk);
        let ids: Vec<String> = delivery.entries.iter().map(|entry| entry.entry_id.clone()).collect();
        let statuses = channel.app.deliver_bulk(delivery).await?;
        let statuses = statuses.into_iter().chain(std::iter::repeat(TopicStatus::Retry));
        let entry = |(entry_id, status)| EntryStatus { entry_id, status: name(status) };
        let statuses: Vec<EntryStatus> = ids.into_iter().zip(statuses).map(entry).collect();
        Ok(json(serde_json::json!({ "statuses": statuses }).to_string()))
    }

    fn read(self, bulk: BulkJson) -> BulkDelivery {
        let mut metadata = self.metadata;
        metadata.extend(bulk.metadata.unwrap_or_default());
        let first = bulk.entries.first().and_then(|entry| entry.event.as_deref());
        let named = first.map(|event| origin(event.get().as_bytes(), &metadata)).unwrap_or_default();
        let or = |given: String, named: String| if given.is_empty() { named } else { given };
        let (pubsub, topic) = (or(bulk.pubsubname, named.0), or(bulk.topic, named.1));
        let destination = self.destination;
        let entry = |entry: EntryJson| {
            let event = event_of(entry.event.as_deref(), &entry.entry_id, &pubsub, &topic);
            let delivery = Delivery {
                pubsub: pubsub.clone(),
                topic: topic.clone(),
                destination: destination.clone(),
                traceparent: traceparent_of(&event).or_else(|| self.traceparent.clone()),
                event,
                metadata: entry.metadata.unwrap_or_default(),
            };
            BulkDeliveryEntry { entry_id: entry.entry_id, delivery, content_type: entry.content_type }
        };
        let entries = bulk.entries.into_iter().map(entry).collect();
        BulkDelivery { id: bulk.id, pubsub, topic, destination, entries, metadata }
    }
}

/// The envelope of a bulk entry. A raw message comes as base64 text, and gets the envelope that daprd gives one that comes
/// alone.
fn event_of(event: Option<&RawValue>, entry_id: &str, pubsub: &str, topic: &str) -> Bytes {
    let raw = event.and_then(|event| serde_json::from_str::<String>(event.get()).ok());
    match (raw, event) {
        (None, Some(event)) => Bytes::copy_from_slice(event.get().as_bytes()),
        (raw, _) => {
            let raw = raw.unwrap_or_default();
            // What is no base64 is taken for the text that it is.
            let data = if BASE64_STANDARD.decode(&raw).is_ok() { raw } else { BASE64_STANDARD.encode(raw) };
            raw_envelope(entry_id, pubsub, topic, &data).into()
        }
    }
}

pub(super) fn raw_envelope(id: &str, pubsub: &str, topic: &str, data_base64: &str) -> String {
    serde_json::json!({
        "id": id,
        "specversion": "1.0",
        "datacontenttype": "application/octet-stream",
        "source": "Dapr",
        "type": "com.dapr.event.sent",
        "topic": topic,
        "pubsubname": pubsub,
        "data_base64": data_base64,
    })
    .to_string()
}

/// Component and topic of an event. A publisher's envelope may be odd in whatever way, so the header stands in.
fn origin(event: &[u8], metadata: &Metadata) -> (String, String) {
    let envelope: Envelope = serde_json::from_slice(event).unwrap_or_default();
    let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
    let header = || metadata.get("pubsubname").cloned().unwrap_or_default();
    (text(envelope.pubsubname).unwrap_or_else(header), text(envelope.topic).unwrap_or_default())
}

fn traceparent_of(event: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Traced {
        #[serde(default)]
        traceparent: Value,
    }
    let traced: Traced = serde_json::from_slice(event).ok()?;
    traced.traceparent.as_str().map(str::to_owned)
}

/// A status as Dapr spells it.
pub(super) fn name(status: TopicStatus) -> &'static str {
    match status {
        TopicStatus::Success => "SUCCESS",
        TopicStatus::Retry => "RETRY",
        TopicStatus::Drop => "DROP",
    }
}
