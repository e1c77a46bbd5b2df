//! Publish and subscribe: what a broker must do, and everything around it that is the same for all brokers.

mod cloud_event;
mod deliver;
pub(crate) mod errors;
pub(crate) mod in_memory;
pub(crate) mod publish;
mod routes;
pub(crate) mod scopes;
pub(crate) mod subscribe;

pub use deliver::Redelivery;
pub(crate) use routes::Expression;
pub(crate) use subscribe::{Consuming, merge};

use async_trait::async_trait;
use bytes::Bytes;
use pillion_api::Metadata;

/// A message as a broker keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Where it was published to.
    pub(crate) topic: String,
    /// The envelope, or the bare payload.
    pub(crate) data: Bytes,
    /// The publisher's metadata.
    pub(crate) metadata: Metadata,
    /// How many apps it has gone through.
    pub(crate) hops: u32,
}

/// What takes messages and hands them out. Every broker passes the same tests.
#[async_trait]
pub(crate) trait Broker: Send + Sync {
    /// As `/v1.0/metadata` names them.
    fn capabilities(&self) -> &'static [&'static str];

    /// Whether it drops messages that are past their time to live by itself.
    fn has_ttl(&self) -> bool {
        false
    }

    /// Takes a message for every group that subscribes, or none of them. The error is a sentence.
    async fn publish(&self, message: Message) -> Result<(), String>;

    /// Hands out the messages of a topic from now on. Consumers of one group share them.
    fn subscribe(&self, group: &str, topic: &str) -> Box<dyn Consumer>;
}

/// Messages of one topic for one group.
#[async_trait]
pub(crate) trait Consumer: Send {
    /// The next message; none when the broker is gone.
    async fn next(&mut self) -> Option<Message>;
}
