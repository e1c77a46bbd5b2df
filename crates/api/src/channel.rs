//! What Dapr may ask of an app.

use crate::{
    Body, Result,
    pubsub::{Delivery, Subscription, TopicStatus},
};
use async_trait::async_trait;
use http::{Request, Response};

/// Calls from a sidecar to its app: a guest in process, or a native app on a port.
#[async_trait]
pub trait AppChannel: Send + Sync {
    /// Calls the app as over HTTP. A failure that the app would have shown to its client (no such route, a guest that
    /// trapped, a limit) is an `Err` whose [`problem_response`](crate::Error::problem_response) is that answer.
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>>;

    /// What the app subscribes to by itself: its answer to `GET /dapr/subscribe`, and the triggers of its manifest.
    async fn subscriptions(&self) -> Result<Vec<Subscription>>;

    /// Hands a message to the app. An `Err` asks for another delivery, like [`TopicStatus::Retry`].
    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus>;
}
