//! What a guest, or any app, may ask of Dapr.

use crate::{Body, Metadata, Result, metadata::SidecarMetadata, pubsub, secrets, state};
use async_trait::async_trait;
use http::{Request, Response};

/// The app that a call goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An app id; `app.namespace` is accepted, as in Dapr.
    App(String),
    /// An external HTTP endpoint: a base URL, or the name of an HTTPEndpoint resource.
    Endpoint(String),
}

/// A call of one app by another.
#[derive(Debug)]
pub struct Invocation {
    /// Who is called.
    pub target: Target,
    /// What is asked: the method, the path and query below the app's root, headers and a streaming body. The path is
    /// [normal](crate::path::normalise) already, then encoded again.
    pub request: Request<Body>,
}

/// Dapr's building blocks on behalf of one app. Errors have Dapr's codes and texts.
#[async_trait]
pub trait Sidecar: Send + Sync {
    /// The app that asks.
    fn app_id(&self) -> &str;

    /// Calls another app. Whatever status the app answers is an `Ok`.
    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>>;

    /// Reads a key; none where there is none.
    async fn get_state(&self, store: &str, get: state::Get) -> Result<Option<state::Item>>;

    /// Reads several keys, answered in their order.
    async fn get_bulk_state(&self, store: &str, get: state::BulkGet) -> Result<Vec<state::BulkItem>>;

    /// Writes keys, each on its own.
    async fn save_state(&self, store: &str, items: Vec<state::Set>) -> Result<()>;

    /// Deletes a key; one that doesn't exist is a success unless an ETag is given.
    async fn delete_state(&self, store: &str, delete: state::Delete) -> Result<()>;

    /// Does all of the operations or none.
    async fn execute_state_transaction(&self, store: &str, transaction: state::Transaction) -> Result<()>;

    /// Publishes a message.
    async fn publish(&self, pubsub: &str, topic: &str, event: pubsub::Publish) -> Result<()>;

    /// Publishes messages; answers those that the broker did not take.
    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<pubsub::BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<pubsub::FailedEntry>>;

    /// Reads a secret.
    async fn get_secret(&self, store: &str, key: &str, metadata: Metadata) -> Result<secrets::Secret>;

    /// Reads every secret that the app may see.
    async fn get_bulk_secrets(&self, store: &str, metadata: Metadata) -> Result<secrets::Secrets>;

    /// What the sidecar says of itself.
    async fn metadata(&self) -> Result<SidecarMetadata>;

    /// Adds a pair to what the sidecar says of itself.
    async fn set_metadata(&self, key: String, value: String) -> Result<()>;
}
