//! A sidecar narrowed to what the `allow` of a Wasm app grants, checked before every call.

use async_trait::async_trait;
use http::Response;
use pillion_api::{
    Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target,
    metadata::SidecarMetadata,
    policy::{Allow, List},
    pubsub::{BulkEntry, FailedEntry, Publish},
    secrets::{Secret, Secrets},
    state::{BulkGet, BulkItem, Delete, Get, Item, Set, Transaction},
};
use std::sync::Arc;

/// Asks the inner sidecar only for what is granted.
pub struct Policy {
    inner: Arc<dyn Sidecar>,
    allow: Allow,
    app: String,
}

impl Policy {
    /// Narrows a sidecar to a grant. `app` names the app in denials.
    pub fn new(inner: Arc<dyn Sidecar>, allow: Allow, app: impl Into<String>) -> Self {
        Self { inner, allow, app: app.into() }
    }

    fn check(&self, list: List, name: &str, part: &str) -> Result<()> {
        self.allow.check(&self.app, list, name, part)
    }

    fn check_keys<'a>(&self, store: &str, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        keys.into_iter().try_for_each(|key| self.check(List::State, store, key))
    }

    fn check_target(&self, target: &Target, path: &str) -> Result<()> {
        let (Target::App(id) | Target::Endpoint(id)) = target;
        // An address would be dialled by the sidecar, past the checks that every way out of a guest goes through.
        if id.contains("://") {
            let message = format!("app `{}` may not invoke the address `{id}` by its sidecar", self.app);
            return Err(Error::new(Code::NotAllowed, message).hint("ask that host directly; `allow.hosts` grants it"));
        }
        self.check(List::Invoke, id, path)
    }
}

#[async_trait]
impl Sidecar for Policy {
    fn app_id(&self) -> &str {
        self.inner.app_id()
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
        let whole = self.check(List::Secrets, store, "");
        let some = |entry: &String| entry.split_once('/').is_some_and(|(name, _)| name == store || name.ends_with('*'));
        if whole.is_err() && !self.allow.secrets.iter().any(some) {
            return whole.map(|()| Secrets::new());
        }
        let mut secrets = self.inner.get_bulk_secrets(store, metadata).await?;
        secrets.retain(|key, _| self.check(List::Secrets, store, key).is_ok());
        Ok(secrets)
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        self.inner.metadata().await
    }

    async fn set_metadata(&self, key: String, _: String) -> Result<()> {
        // It would live as long as the process, without a bound that the manifest knows.
        Err(Error::new(Code::NotAllowed, format!("guests of app `{}` may not set the metadata `{key}`", self.app)))
    }
}
