//! Publishing.

pub use crate::bindings::service::pillion::dapr::pubsub::{Entry, FailedEntry, publish as publish_with, publish_bulk};

use crate::Result;

/// Publishes text or bytes of an unknown kind.
///
/// # Errors
/// The broker's, or what `allow.publish` doesn't grant.
pub fn publish(pubsub: &str, topic: &str, data: impl AsRef<[u8]>) -> Result<()> {
    publish_with(pubsub, topic, data.as_ref(), None, &[])
}

/// Publishes JSON, which is not looked at.
///
/// # Errors
/// As [`publish`].
pub fn publish_json(pubsub: &str, topic: &str, data: impl AsRef<[u8]>) -> Result<()> {
    publish_with(pubsub, topic, data.as_ref(), Some("application/json"), &[])
}
