//! What a guest, or any app, may ask of Dapr.

use crate::{
    Body, Code, Error, Metadata, Result,
    actors::{self, Actor},
    bindings, configuration, conversation, crypto, jobs, lock,
    metadata::SidecarMetadata,
    pubsub, secrets, state, workflow,
};
use async_trait::async_trait;
use bytes::Bytes;
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

/// What a sidecar answers that doesn't have a building block at all.
fn absent<T>(block: &str) -> Result<T> {
    Err(Error::new(Code::ApiUnimplemented, format!("this sidecar has no {block} API")))
}

/// Dapr's building blocks on behalf of one app. Errors have Dapr's codes and texts. Blocks that a sidecar may lack have
/// an answer that says so.
#[async_trait]
pub trait Sidecar: Send + Sync {
    /// The app that asks.
    fn app_id(&self) -> &str;

    /// Whether the answers come from this process, without sockets that someone must look after meanwhile: then asking
    /// needs no other thread.
    fn is_in_process(&self) -> bool {
        false
    }

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

    /// Finds keys by their values.
    async fn query_state(&self, _: &str, _: state::Query) -> Result<state::Found> {
        absent("state query")
    }

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

    /// Asks an output binding to do something.
    async fn invoke_binding(&self, _: &str, _: bindings::Request) -> Result<bindings::Answer> {
        absent("bindings")
    }

    /// Reads configuration values.
    async fn get_configuration(&self, _: &str, _: configuration::Get) -> Result<configuration::Items> {
        absent("configuration")
    }

    /// Follows configuration values. The first update may hold the present ones.
    async fn subscribe_configuration(&self, _: &str, _: configuration::Get) -> Result<configuration::Subscription> {
        absent("configuration")
    }

    /// Ends a subscription.
    async fn unsubscribe_configuration(&self, _: &str, _: &str) -> Result<()> {
        absent("configuration")
    }

    /// Takes a lock; false where another owner has it.
    async fn try_lock(&self, _: &str, _: lock::TryLock) -> Result<bool> {
        absent("lock")
    }

    /// Gives a lock back.
    async fn unlock(&self, _: &str, _: lock::Unlock) -> Result<lock::UnlockStatus> {
        absent("lock")
    }

    /// Encrypts a stream. An error in the middle breaks the answer off.
    async fn encrypt(&self, _: &str, _: crypto::Encrypt, _: Body) -> Result<Body> {
        absent("cryptography")
    }

    /// Decrypts a stream. An error in the middle breaks the answer off: what came before was authentic.
    async fn decrypt(&self, _: &str, _: crypto::Decrypt, _: Body) -> Result<Body> {
        absent("cryptography")
    }

    /// Talks to a language model.
    async fn converse(&self, _: &str, _: conversation::Request) -> Result<conversation::Response> {
        absent("conversation")
    }

    /// Schedules a job of this app; one of the same name is an error unless it may be overwritten.
    async fn schedule_job(&self, _: jobs::Job, _: bool) -> Result<()> {
        absent("jobs")
    }

    /// Reads a job of this app. A job that doesn't exist is an error, as in Dapr.
    async fn get_job(&self, _: &str) -> Result<jobs::Job> {
        absent("jobs")
    }

    /// Deletes a job of this app.
    async fn delete_job(&self, _: &str) -> Result<()> {
        absent("jobs")
    }

    /// Calls a method of an actor, wherever it is.
    async fn invoke_actor(&self, _: &Actor, _: actors::Call) -> Result<Bytes> {
        absent("actors")
    }

    /// Reads a key of an actor's state; none where there is none.
    async fn get_actor_state(&self, _: &Actor, _: &str) -> Result<Option<Bytes>> {
        absent("actors")
    }

    /// Changes an actor's state: all of the operations or none. The actor must be active in this app.
    async fn execute_actor_state_transaction(&self, _: &Actor, _: Vec<actors::Operation>) -> Result<()> {
        absent("actors")
    }

    /// Registers a reminder, or replaces the one of its name.
    async fn register_actor_reminder(&self, _: &Actor, _: actors::Reminder) -> Result<()> {
        absent("actors")
    }

    /// Ends a reminder; one that doesn't exist is a success.
    async fn unregister_actor_reminder(&self, _: &Actor, _: &str) -> Result<()> {
        absent("actors")
    }

    /// Reads a reminder; none where there is none.
    async fn get_actor_reminder(&self, _: &Actor, _: &str) -> Result<Option<actors::Reminder>> {
        absent("actors")
    }

    /// Registers a timer, or replaces the one of its name.
    async fn register_actor_timer(&self, _: &Actor, _: actors::Timer) -> Result<()> {
        absent("actors")
    }

    /// Ends a timer; one that doesn't exist is a success.
    async fn unregister_actor_timer(&self, _: &Actor, _: &str) -> Result<()> {
        absent("actors")
    }

    /// Starts a workflow; answers the instance's id.
    async fn start_workflow(&self, _: workflow::Start) -> Result<String> {
        absent("workflow")
    }

    /// Looks at an instance.
    async fn get_workflow(&self, _: &str) -> Result<workflow::Instance> {
        absent("workflow")
    }

    /// Ends, holds, continues or forgets an instance.
    async fn steer_workflow(&self, _: &str, _: workflow::Steer) -> Result<()> {
        absent("workflow")
    }

    /// Hands an event to an instance that waits for it, or will.
    async fn raise_workflow_event(&self, _: &str, _: &str, _: Bytes) -> Result<()> {
        absent("workflow")
    }

    /// What the sidecar says of itself.
    async fn metadata(&self) -> Result<SidecarMetadata>;

    /// Adds a pair to what the sidecar says of itself.
    async fn set_metadata(&self, key: String, value: String) -> Result<()>;
}
