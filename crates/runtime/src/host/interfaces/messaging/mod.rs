//! Interfaces of messages over pub/sub: what a guest sends is published.

mod redis;
mod streaming;
mod wasi;
mod wasmcloud;

pub(crate) use redis::RedisFailure;
pub(crate) use streaming::{Disposition, StreamMessage};
pub(crate) use wasi::{Failure, Message};
pub(crate) use wasmcloud::BrokerMessage;

pub(super) use redis::types as redis_types;
pub(super) use streaming::consumer as streaming_consumer;
pub(super) use wasi::{producer, request_reply, types};
pub(super) use wasmcloud::{consumer, types as broker_types};

use super::asking::Asking;
use super::components::{self, PUBSUB};
use pillion_api::pubsub::Publish;
use pillion_api::{Error, Metadata};

/// Why no interface here can wait for a reply.
const NO_REPLY: &str =
    "Dapr's pub/sub has no replies: call the other app by service invocation, `http://<app-id>.dapr/`";

/// What is sent, and of what type.
struct Outgoing {
    data: Vec<u8>,
    content_type: Option<String>,
    metadata: Metadata,
}

/// Publishes to `component/topic`, or to a topic of the component that stands for all: the only one, or `default`.
async fn publish(asking: &Asking, subject: &str, outgoing: Outgoing) -> Result<(), Error> {
    let known = components::of(asking, PUBSUB).await?;
    let (pubsub, topic) = match subject.split_once('/') {
        Some((name, topic)) if known.iter().any(|known| known == name) => (name.to_owned(), topic),
        _ => (components::named(asking, PUBSUB, "default").await?, subject),
    };
    send(asking, &pubsub, topic, outgoing).await
}

async fn send(asking: &Asking, pubsub: &str, topic: &str, outgoing: Outgoing) -> Result<(), Error> {
    // Text stays readable in its CloudEvent; other bytes are kept by base64, which this type asks for.
    let sniffed =
        || if std::str::from_utf8(&outgoing.data).is_ok() { "text/plain" } else { "application/octet-stream" };
    let content_type = outgoing.content_type.clone().unwrap_or_else(|| sniffed().to_owned());
    let event = Publish {
        data: outgoing.data.into(),
        content_type: Some(content_type),
        metadata: crate::host::dapr::onward(&asking.call, outgoing.metadata),
        traceparent: Some(asking.call.trace.child(crate::call::random_u64()).to_string()),
        tracestate: None,
    };
    asking.sidecar().publish(pubsub, topic, event).await
}
