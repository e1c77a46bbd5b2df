//! The publish and subscribe building block: what is published, who subscribes, what is delivered.

use crate::Metadata;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A message that an app publishes.
#[derive(Clone, Debug, Default)]
pub struct Publish {
    /// The payload; a whole CloudEvent where the type is `application/cloudevents+json`.
    pub data: Bytes,
    /// The payload's media type; `text/plain` where the publisher names none.
    pub content_type: Option<String>,
    /// `rawPayload`, `ttlInSeconds`, `cloudevent.*` and broker-specific extras.
    pub metadata: Metadata,
    /// W3C trace context of the publisher, put into the envelope.
    pub traceparent: Option<String>,
    /// W3C trace state of the publisher.
    pub tracestate: Option<String>,
}

/// One message of a bulk publish.
#[derive(Clone, Debug, Default)]
pub struct BulkEntry {
    /// Unique in its request.
    pub entry_id: String,
    /// The message.
    pub event: Publish,
}

/// An entry of a bulk publish that the broker did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedEntry {
    /// The entry's id.
    pub entry_id: String,
    /// Why.
    pub error: String,
}

/// Where a subscription came from; `/v1.0/metadata` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Source {
    /// A Subscription resource, or `on:` of the manifest.
    Declarative,
    /// The app's answer to `GET /dapr/subscribe`.
    Programmatic,
    /// A stream that the app opened.
    Streaming,
}

/// Who gets a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A path of the app, as Dapr's subscriptions name it.
    Path(String),
    /// A guest of the app, as `on:` names it.
    Guest(String),
}

/// Sends an event elsewhere if it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A CEL expression over `event`.
    pub matches: String,
    /// Where a match goes.
    pub path: String,
}

/// What an app wants of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The pub/sub component.
    pub pubsub: String,
    /// The topic, or a pattern where the broker knows patterns.
    pub topic: String,
    /// Tried in order.
    pub rules: Vec<Rule>,
    /// Where an event goes that no rule takes; none drops it.
    pub default: Option<Destination>,
    /// `rawPayload` and broker-specific extras.
    pub metadata: Metadata,
    /// Takes the original of what could not be handled.
    pub dead_letter_topic: Option<String>,
    /// Present where the app takes several messages at once.
    pub bulk: Option<Bulk>,
    /// Where it came from.
    pub source: Source,
}

/// How many messages one bulk delivery holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// At most so many.
    pub max_messages: usize,
    /// Waits at most so long for them, in milliseconds.
    pub max_await_ms: u64,
}

impl Bulk {
    /// Messages of one bulk delivery, whatever a subscription says.
    pub const MOST_MESSAGES: u32 = 10_000;
    /// The longest wait for them in milliseconds, whatever a subscription says.
    pub const LONGEST_AWAIT_MS: u32 = 60_000;

    /// What a subscription says in Dapr's words. What it doesn't say, or says by no positive number, is Dapr's default.
    pub fn of(max_messages: Option<i64>, max_await_ms: Option<i64>) -> Self {
        let default = Self::default();
        let count = max_messages.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
        let wait = max_await_ms.and_then(|wait| u64::try_from(wait).ok()).filter(|wait| *wait > 0);
        Self { max_messages: count.unwrap_or(default.max_messages), max_await_ms: wait.unwrap_or(default.max_await_ms) }
    }
}

impl Default for Bulk {
    fn default() -> Self {
        Self { max_messages: 100, max_await_ms: 1000 }
    }
}

/// One message on its way to an app.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The pub/sub component.
    pub pubsub: String,
    /// The topic it was published to.
    pub topic: String,
    /// Who gets it.
    pub destination: Destination,
    /// The CloudEvent as JSON.
    pub event: Bytes,
    /// Subscription and broker metadata; headers over HTTP.
    pub metadata: Metadata,
    /// W3C trace context of the publisher, if its envelope has a usable one.
    pub traceparent: Option<String>,
}

/// A message of a bulk delivery.
#[derive(Clone, Debug)]
pub struct BulkDeliveryEntry {
    /// Unique in its delivery.
    pub entry_id: String,
    /// The message, as it would come alone.
    pub delivery: Delivery,
    /// The media type of the message on the broker.
    pub content_type: Option<String>,
}

/// Several messages of one topic, on their way to one destination of an app.
#[derive(Clone, Debug)]
pub struct BulkDelivery {
    /// Names the delivery.
    pub id: String,
    /// The pub/sub component.
    pub pubsub: String,
    /// The topic they were published to.
    pub topic: String,
    /// Who gets them.
    pub destination: Destination,
    /// The messages.
    pub entries: Vec<BulkDeliveryEntry>,
    /// Metadata of the subscription.
    pub metadata: Metadata,
}

/// What an app says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicStatus {
    /// Handled.
    Success,
    /// To be delivered again.
    Retry,
    /// Not wanted; goes to the dead-letter topic if there is one.
    Drop,
}

impl TopicStatus {
    /// Reads an app's HTTP answer to a single delivery as daprd does: a missing, empty or unreadable status is success,
    /// an unknown one asks for a retry, 404 drops.
    pub fn from_http(status: http::StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            status: String,
        }
        if status == http::StatusCode::NOT_FOUND {
            return Self::Drop;
        }
        if !status.is_success() {
            return Self::Retry;
        }
        match serde_json::from_slice::<Answer>(body).map(|answer| answer.status).as_deref() {
            Err(_) | Ok("" | "SUCCESS") => Self::Success,
            Ok("DROP") => Self::Drop,
            Ok(_) => Self::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TopicStatus::{Drop, Retry, Success};

    #[test]
    fn answers_mean_what_they_mean_to_daprd() {
        for (status, body, meaning) in [
            (200, "", Success),
            (204, "", Success),
            (200, "{}", Success),
            (200, "not json", Success),
            (200, r#"{"success":true}"#, Success),
            (200, r#"{"status":"SUCCESS"}"#, Success),
            (200, r#"{"status":"RETRY"}"#, Retry),
            (200, r#"{"status":"DROP"}"#, Drop),
            (200, r#"{"status":"success"}"#, Retry),
            (404, "", Drop),
            (500, r#"{"status":"SUCCESS"}"#, Retry),
        ] {
            let status = http::StatusCode::from_u16(status).expect("a status");
            assert_eq!(TopicStatus::from_http(status, body.as_bytes()), meaning, "{status} {body}");
        }
    }
}
