//! A sidecar narrowed to what the `allow` of a Wasm app grants, checked before every call.

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use pillion_api::{
    Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target,
    actors::{self, Actor},
    bindings, configuration, conversation, crypto, jobs, lock,
    metadata::SidecarMetadata,
    policy::{Allow, List},
    pubsub::{BulkEntry, FailedEntry, Publish},
    secrets::{Secret, Secrets},
    state::{BulkGet, BulkItem, Delete, Found, Get, Item, Query, Set, Transaction},
    workflow,
};
use std::sync::Arc;

/// Asks the inner sidecar only for what is granted.
pub struct Policy {
    inner: Arc<dyn Sidecar>,
    allow: Allow,
    app: String,
    denied: Option<OnDenied>,
}

/// Told of each denial: the list, and what it would have to name.
pub type OnDenied = Arc<dyn Fn(List, &str) + Send + Sync>;

impl Policy {
    /// Narrows a sidecar to a grant. `app` names the app in denials.
    pub fn new(inner: Arc<dyn Sidecar>, allow: Allow, app: impl Into<String>) -> Self {
        Self { inner, allow, app: app.into(), denied: None }
    }

    /// Also tells somebody of each call that is denied.
    #[must_use]
    pub fn on_denied(mut self, denied: OnDenied) -> Self {
        self.denied = Some(denied);
        self
    }

    fn check(&self, list: List, name: &str, part: &str) -> Result<()> {
        let checked = self.allow.check(&self.app, list, name, part);
        if let (Err(_), Some(denied)) = (&checked, &self.denied) {
            let part = part.trim_start_matches('/');
            denied(list, &if part.is_empty() { name.to_owned() } else { format!("{name}/{part}") });
        }
        checked
    }

    fn check_keys<'a>(&self, store: &str, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        keys.into_iter().try_for_each(|key| self.check(List::State, store, key))
    }

    /// All keys of a store are asked for by naming none.
    fn check_configuration(&self, store: &str, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return self.check(List::Configuration, store, "");
        }
        keys.iter().try_for_each(|key| self.check(List::Configuration, store, key))
    }

    fn check_actor(&self, actor: &Actor) -> Result<()> {
        self.check(List::Actors, &actor.kind, &actor.id)
    }

    fn check_target(&self, target: &Target, path: &str) -> Result<()> {
        let (Target::App(id) | Target::Endpoint(id)) = target;
        // An address would be dialled by the sidecar, past the checks that every way out of a guest goes through.
        if id.contains("://") {
            if let Some(denied) = &self.denied {
                denied(List::Invoke, id);
            }
            let message = format!("app `{}` may not invoke the address `{id}` by its sidecar", self.app);
            return Err(Error::new(Code::NotAllowed, message).hint("ask that host directly; `allow.hosts` grants it"));
        }
        self.check(List::Invoke, id, path)
    }
}

/// Whether an entry grants something of a component, its part left aside.
fn names(entry: &str, component: &str) -> bool {
    let name = entry.split_once('/').map_or(entry, |(name, _)| name);
    name.strip_suffix('*').map_or(name == component, |prefix| component.starts_with(prefix))
}

#[async_trait]
impl Sidecar for Policy {
    fn app_id(&self) -> &str {
        self.inner.app_id()
    }

    fn is_in_process(&self) -> bool {
        self.inner.is_in_process()
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        // Decoded once, so that an encoded letter can't slip by a prefix.
        let path = pillion_api::path::normalise(invocation.request.uri().path())?;
        self.check_target(&invocation.target, path.as_str())?;
        self.inner.invoke(invocation).await
    }

    async fn get_state(&self, store: &str, get: Get) -> Result<Option<Item>> {
        self.check(List::State, store, &get.key)?;
        self.inner.get_state(store, get).await
    }

    async fn get_bulk_state(&self, store: &str, get: BulkGet) -> Result<Vec<BulkItem>> {
        self.check_keys(store, get.keys.iter().map(String::as_str))?;
        self.inner.get_bulk_state(store, get).await
    }

    async fn save_state(&self, store: &str, items: Vec<Set>) -> Result<()> {
        self.check_keys(store, items.iter().map(|item| item.key.as_str()))?;
        self.inner.save_state(store, items).await
    }

    async fn delete_state(&self, store: &str, delete: Delete) -> Result<()> {
        self.check(List::State, store, &delete.key)?;
        self.inner.delete_state(store, delete).await
    }

    async fn execute_state_transaction(&self, store: &str, transaction: Transaction) -> Result<()> {
        self.check_keys(store, transaction.operations.iter().map(|operation| operation.key()))?;
        self.inner.execute_state_transaction(store, transaction).await
    }

    /// A query sees every key of the store.
    async fn query_state(&self, store: &str, query: Query) -> Result<Found> {
        self.check(List::State, store, "")?;
        self.inner.query_state(store, query).await
    }

    async fn publish(&self, pubsub: &str, topic: &str, event: Publish) -> Result<()> {
        self.check(List::Publish, pubsub, topic)?;
        self.inner.publish(pubsub, topic, event).await
    }

    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<FailedEntry>> {
        self.check(List::Publish, pubsub, topic)?;
        self.inner.publish_bulk(pubsub, topic, entries, metadata).await
    }

    async fn get_secret(&self, store: &str, key: &str, metadata: Metadata) -> Result<Secret> {
        self.check(List::Secrets, store, key)?;
        self.inner.get_secret(store, key, metadata).await
    }

    /// Like daprd's own scopes, leaves out what is not granted; a store without any grant is denied.
    async fn get_bulk_secrets(&self, store: &str, metadata: Metadata) -> Result<Secrets> {
        if !self.allow.secrets.iter().any(|entry| names(entry, store)) {
            self.check(List::Secrets, store, "")?;
        }
        let mut secrets = self.inner.get_bulk_secrets(store, metadata).await?;
        secrets.retain(|key, _| self.allow.check(&self.app, List::Secrets, store, key).is_ok());
        Ok(secrets)
    }

    async fn invoke_binding(&self, binding: &str, request: bindings::Request) -> Result<bindings::Answer> {
        self.check(List::Bindings, binding, &request.operation)?;
        self.inner.invoke_binding(binding, request).await
    }

    async fn get_configuration(&self, store: &str, get: configuration::Get) -> Result<configuration::Items> {
        self.check_configuration(store, &get.keys)?;
        self.inner.get_configuration(store, get).await
    }

    async fn subscribe_configuration(
        &self,
        store: &str,
        get: configuration::Get,
    ) -> Result<configuration::Subscription> {
        self.check_configuration(store, &get.keys)?;
        self.inner.subscribe_configuration(store, get).await
    }

    async fn unsubscribe_configuration(&self, store: &str, id: &str) -> Result<()> {
        // Whoever has the id subscribed to some of its keys.
        let some = self.allow.configuration.iter().any(|entry| names(entry, store));
        if !some {
            self.check(List::Configuration, store, "")?;
        }
        self.inner.unsubscribe_configuration(store, id).await
    }

    async fn try_lock(&self, store: &str, lock: lock::TryLock) -> Result<bool> {
        self.check(List::Locks, store, &lock.resource_id)?;
        self.inner.try_lock(store, lock).await
    }

    async fn unlock(&self, store: &str, unlock: lock::Unlock) -> Result<lock::UnlockStatus> {
        self.check(List::Locks, store, &unlock.resource_id)?;
        self.inner.unlock(store, unlock).await
    }

    async fn encrypt(&self, component: &str, how: crypto::Encrypt, plain: Body) -> Result<Body> {
        self.check(List::Crypto, component, &how.key_name)?;
        self.inner.encrypt(component, how, plain).await
    }

    /// A document names its own key unless another is asked for, so that without a name the whole component is meant.
    async fn decrypt(&self, component: &str, how: crypto::Decrypt, encrypted: Body) -> Result<Body> {
        self.check(List::Crypto, component, how.key_name.as_deref().unwrap_or_default())?;
        self.inner.decrypt(component, how, encrypted).await
    }

    async fn converse(&self, component: &str, request: conversation::Request) -> Result<conversation::Response> {
        self.check(List::Conversation, component, "")?;
        self.inner.converse(component, request).await
    }

    async fn schedule_job(&self, job: jobs::Job, overwrite: bool) -> Result<()> {
        self.check(List::Jobs, &job.name, "")?;
        self.inner.schedule_job(job, overwrite).await
    }

    async fn get_job(&self, name: &str) -> Result<jobs::Job> {
        self.check(List::Jobs, name, "")?;
        self.inner.get_job(name).await
    }

    async fn delete_job(&self, name: &str) -> Result<()> {
        self.check(List::Jobs, name, "")?;
        self.inner.delete_job(name).await
    }

    async fn invoke_actor(&self, actor: &Actor, call: actors::Call) -> Result<Bytes> {
        self.check_actor(actor)?;
        self.inner.invoke_actor(actor, call).await
    }

    async fn get_actor_state(&self, actor: &Actor, key: &str) -> Result<Option<Bytes>> {
        self.check_actor(actor)?;
        self.inner.get_actor_state(actor, key).await
    }

    async fn execute_actor_state_transaction(&self, actor: &Actor, operations: Vec<actors::Operation>) -> Result<()> {
        self.check_actor(actor)?;
        self.inner.execute_actor_state_transaction(actor, operations).await
    }

    async fn register_actor_reminder(&self, actor: &Actor, reminder: actors::Reminder) -> Result<()> {
        self.check_actor(actor)?;
        self.inner.register_actor_reminder(actor, reminder).await
    }

    async fn unregister_actor_reminder(&self, actor: &Actor, name: &str) -> Result<()> {
        self.check_actor(actor)?;
        self.inner.unregister_actor_reminder(actor, name).await
    }

    async fn get_actor_reminder(&self, actor: &Actor, name: &str) -> Result<Option<actors::Reminder>> {
        self.check_actor(actor)?;
        self.inner.get_actor_reminder(actor, name).await
    }

    async fn register_actor_timer(&self, actor: &Actor, timer: actors::Timer) -> Result<()> {
        self.check_actor(actor)?;
        self.inner.register_actor_timer(actor, timer).await
    }

    async fn unregister_actor_timer(&self, actor: &Actor, name: &str) -> Result<()> {
        self.check_actor(actor)?;
        self.inner.unregister_actor_timer(actor, name).await
    }

    async fn start_workflow(&self, start: workflow::Start) -> Result<String> {
        self.check(List::Workflows, &start.name, "")?;
        self.inner.start_workflow(start).await
    }

    async fn get_workflow(&self, instance_id: &str) -> Result<workflow::Instance> {
        self.check(List::Workflows, instance_id, "")?;
        self.inner.get_workflow(instance_id).await
    }

    async fn steer_workflow(&self, instance_id: &str, steer: workflow::Steer) -> Result<()> {
        self.check(List::Workflows, instance_id, "")?;
        self.inner.steer_workflow(instance_id, steer).await
    }

    async fn raise_workflow_event(&self, instance_id: &str, event: &str, data: Bytes) -> Result<()> {
        self.check(List::Workflows, instance_id, "")?;
        self.inner.raise_workflow_event(instance_id, event, data).await
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        self.inner.metadata().await
    }

    async fn set_metadata(&self, key: String, _: String) -> Result<()> {
        // It would live as long as the process, without a bound that the manifest knows.
        Err(Error::new(Code::NotAllowed, format!("guests of app `{}` may not set the metadata `{key}`", self.app)))
    }
}
