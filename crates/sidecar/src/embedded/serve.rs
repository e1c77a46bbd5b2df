//! The building blocks: each call finds its component, and each failure says what daprd says.

use super::{Embedded, Secrets, State, absent};
use crate::{
    bindings as bindings_of,
    pubsub::{self, publish::Publisher},
    secrets,
    state::{self as store, StoreError, errors},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use pillion_api::{
    Body, Invocation, Metadata, Result, Sidecar,
    actors::{self, Actor},
    bindings, configuration, conversation, crypto, jobs, lock,
    metadata::{ActorRuntime, AppConnection, ComponentMetadata, RuleMetadata, SidecarMetadata, SubscriptionMetadata},
    pubsub::{BulkEntry, Destination, FailedEntry, Publish, Subscription},
    secrets::{Secret, Secrets as AllSecrets},
    state::{BulkGet, BulkItem, Delete, Found, Get, Item, Operation, Query, Set, Transaction},
    workflow::{Instance, Start, Steer},
};
use std::sync::PoisonError;

/// How many pairs an app may add to its metadata, and how long each may be, in bytes.
const MAX_EXTENDED: usize = 1000;
const MAX_EXTENDED_TEXT: usize = 64 * 1024;

impl Embedded {
    fn state(&self, name: &str) -> Result<&State> {
        let app_id = &self.config.app_id;
        if self.components.state.is_empty() {
            return Err(errors::not_configured(name, app_id));
        }
        self.components.state.get(name).ok_or_else(|| errors::not_found(name, app_id))
    }

    fn secret_store(&self, name: &str) -> Result<&Secrets> {
        if self.components.secrets.is_empty() {
            return Err(secrets::not_configured());
        }
        self.components.secrets.get(name).ok_or_else(|| secrets::not_found(name))
    }

    fn publisher<'a>(&'a self, name: &'a str) -> Result<Publisher<'a>> {
        if name.is_empty() {
            return Err(pubsub::errors::name_empty());
        }
        let pubsub = self.components.pubsub.get(name).ok_or_else(|| pubsub::errors::not_found(name))?;
        Ok(Publisher {
            app_id: &self.config.app_id,
            pubsub: name,
            broker: &pubsub.broker,
            scopes: &pubsub.scopes,
            now: self.config.run.config.clock.now(),
        })
    }

    fn no_scheduler(&self) -> absent::Scheduler<'_> {
        absent::Scheduler { app_id: &self.config.app_id, namespace: self.namespace() }
    }

    fn check_count(&self, store: &str, count: usize) -> Result<()> {
        let max = self.config.run.config.limits.state_operations;
        if count > max { Err(errors::too_many(store, count, max)) } else { Ok(()) }
    }
}

#[async_trait]
impl Sidecar for Embedded {
    fn app_id(&self) -> &str {
        &self.config.app_id
    }

    /// Native apps and services outside are asked by a client that looks after its own connections.
    fn is_in_process(&self) -> bool {
        true
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        self.call(invocation).await
    }

    async fn get_state(&self, name: &str, get: Get) -> Result<Option<Item>> {
        let State { store, keys } = self.state(name)?;
        let found = store.get(vec![keys.stored(&get.key)?]).await;
        let found = found.map_err(|error| errors::get(&get.key, name, &error))?;
        Ok(found.into_iter().next().flatten())
    }

    async fn get_bulk_state(&self, name: &str, get: BulkGet) -> Result<Vec<BulkItem>> {
        let State { store, keys } = self.state(name)?;
        self.check_count(name, get.keys.len())?;
        let stored = get.keys.iter().map(|key| keys.stored(key)).collect::<Result<_>>()?;
        let items = store.get(stored).await.map_err(|error| errors::bulk_get(&error))?;
        Ok(get.keys.into_iter().zip(items).map(|(key, item)| BulkItem { key, item: Ok(item) }).collect())
    }

    async fn save_state(&self, name: &str, items: Vec<Set>) -> Result<()> {
        let State { store, keys } = self.state(name)?;
        self.check_count(name, items.len())?;
        if items.iter().any(|item| item.key.is_empty()) {
            return Err(errors::key_missing());
        }
        let asked = items.len();
        let prefixed = |set: Set| Ok(Set { key: keys.stored(&set.key)?, ..set });
        let items: Vec<Set> = items.into_iter().map(prefixed).collect::<Result<_>>()?;
        // All at once, so that a store can commit them together; each begins in its turn.
        let writes = items.into_iter().map(|item| store.execute(Operation::Upsert(item)));
        let failures: Vec<StoreError> = join_all(writes).await.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() { Ok(()) } else { Err(errors::save(name, &failures, asked)) }
    }

    async fn delete_state(&self, name: &str, delete: Delete) -> Result<()> {
        let State { store, keys } = self.state(name)?;
        let stored = keys.stored(&delete.key)?;
        let key = delete.key.clone();
        let done = store.execute(Operation::Delete(Delete { key: stored, ..delete })).await;
        done.map_err(|error| errors::delete(&key, &error))
    }

    async fn execute_state_transaction(&self, name: &str, transaction: Transaction) -> Result<()> {
        let State { store, keys } = self.state(name)?;
        self.check_count(name, transaction.operations.len())?;
        let prefixed = |operation: Operation| {
            let key = keys.stored(operation.key())?;
            let mut operation = store::with_key(operation, key);
            merge_metadata(&mut operation, &transaction.metadata);
            Ok(operation)
        };
        let operations: Vec<Operation> = transaction.operations.into_iter().map(prefixed).collect::<Result<_>>()?;
        if operations.is_empty() {
            return Ok(());
        }
        store.transact(operations).await.map_err(|error: StoreError| errors::transaction(&error))
    }

    async fn query_state(&self, name: &str, _: Query) -> Result<Found> {
        self.state(name).and_then(|_| Err(errors::query_not_supported(name)))
    }

    async fn publish(&self, name: &str, topic: &str, event: Publish) -> Result<()> {
        self.publisher(name)?.publish(topic, event).await
    }

    async fn publish_bulk(
        &self,
        name: &str,
        topic: &str,
        entries: Vec<BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<FailedEntry>> {
        self.publisher(name)?.publish_bulk(topic, entries, metadata).await
    }

    async fn get_secret(&self, name: &str, key: &str, _: Metadata) -> Result<Secret> {
        let Secrets { store, scope } = self.secret_store(name)?;
        if scope.as_ref().is_some_and(|scope| !scope.allows(key)) {
            return Err(secrets::denied(name, key));
        }
        store.get(key).await.map_err(|why| secrets::get(name, key, &why))
    }

    async fn get_bulk_secrets(&self, name: &str, _: Metadata) -> Result<AllSecrets> {
        let Secrets { store, scope } = self.secret_store(name)?;
        let mut all = store.all().await.map_err(|why| secrets::get_bulk(name, &why))?;
        all.retain(|key, _| scope.as_ref().is_none_or(|scope| scope.allows(key)));
        Ok(all)
    }

    async fn invoke_binding(&self, name: &str, request: bindings::Request) -> Result<bindings::Answer> {
        if request.operation.is_empty() {
            return Err(bindings_of::failed(name, "operation field is missing from request"));
        }
        match self.components.bindings.get(name) {
            Some(binding) => bindings_of::invoke(name, &**binding, request).await,
            None => absent::binding(name),
        }
    }

    async fn get_configuration(&self, _: &str, _: configuration::Get) -> Result<configuration::Items> {
        absent::configuration()
    }

    async fn subscribe_configuration(&self, _: &str, _: configuration::Get) -> Result<configuration::Subscription> {
        absent::configuration()
    }

    async fn unsubscribe_configuration(&self, _: &str, id: &str) -> Result<()> {
        absent::subscription(id)
    }

    async fn try_lock(&self, store: &str, lock: lock::TryLock) -> Result<bool> {
        absent::try_lock(store, &lock)
    }

    async fn unlock(&self, _: &str, _: lock::Unlock) -> Result<lock::UnlockStatus> {
        absent::lock()
    }

    async fn encrypt(&self, _: &str, how: crypto::Encrypt, _: Body) -> Result<Body> {
        absent::encrypt(&how)
    }

    async fn decrypt(&self, _: &str, _: crypto::Decrypt, _: Body) -> Result<Body> {
        absent::crypto()
    }

    async fn converse(&self, name: &str, _: conversation::Request) -> Result<conversation::Response> {
        absent::conversation(name)
    }

    async fn schedule_job(&self, job: jobs::Job, _: bool) -> Result<()> {
        self.no_scheduler().schedule(&job)
    }

    async fn get_job(&self, name: &str) -> Result<jobs::Job> {
        self.no_scheduler().get(name)
    }

    async fn delete_job(&self, name: &str) -> Result<()> {
        self.no_scheduler().delete(name)
    }

    async fn invoke_actor(&self, _: &Actor, _: actors::Call) -> Result<Bytes> {
        absent::actors()
    }

    async fn get_actor_state(&self, _: &Actor, _: &str) -> Result<Option<Bytes>> {
        absent::actors()
    }

    async fn execute_actor_state_transaction(&self, _: &Actor, _: Vec<actors::Operation>) -> Result<()> {
        absent::actors()
    }

    async fn register_actor_reminder(&self, _: &Actor, _: actors::Reminder) -> Result<()> {
        absent::actors()
    }

    async fn unregister_actor_reminder(&self, _: &Actor, _: &str) -> Result<()> {
        absent::actors()
    }

    async fn get_actor_reminder(&self, _: &Actor, _: &str) -> Result<Option<actors::Reminder>> {
        absent::actors()
    }

    async fn register_actor_timer(&self, _: &Actor, _: actors::Timer) -> Result<()> {
        absent::actors()
    }

    async fn unregister_actor_timer(&self, _: &Actor, _: &str) -> Result<()> {
        absent::actors()
    }

    // Dapr's workflows are actors, and fail as these do.
    async fn start_workflow(&self, _: Start) -> Result<String> {
        absent::actors()
    }

    async fn get_workflow(&self, _: &str) -> Result<Instance> {
        absent::actors()
    }

    async fn steer_workflow(&self, _: &str, _: Steer) -> Result<()> {
        absent::actors()
    }

    async fn raise_workflow_event(&self, _: &str, _: &str, _: Bytes) -> Result<()> {
        absent::actors()
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        let config = &self.config;
        let mut extended = self.extended().clone();
        extended.insert("daprRuntimeVersion".to_owned(), config.runtime_version.clone());
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        Ok(SidecarMetadata {
            id: config.app_id.clone(),
            runtime_version: config.runtime_version.clone(),
            enabled_features: Vec::new(),
            components: self
                .components
                .listed
                .iter()
                .map(|(component, capabilities)| component_metadata(component, capabilities))
                .collect(),
            extended,
            subscriptions: subscriptions.iter().map(subscription_metadata).collect(),
            app_connection_properties: AppConnection {
                port: config.app_port,
                protocol: config.app_protocol.clone(),
                channel_address: config.app_channel_address.clone(),
                max_concurrency: config.max_concurrency,
            },
            actor_runtime: ActorRuntime::default(),
        })
    }

    async fn set_metadata(&self, key: String, value: String) -> Result<()> {
        let mut extended = self.extended();
        let full = extended.len() >= MAX_EXTENDED && !extended.contains_key(&key);
        if full || key.len() + value.len() > MAX_EXTENDED_TEXT {
            let message = format!("metadata hold at most {MAX_EXTENDED} pairs of {MAX_EXTENDED_TEXT} bytes");
            return Err(pillion_api::Error::new(pillion_api::Code::BadRequest, message));
        }
        extended.insert(key, value);
        Ok(())
    }
}

/// The request's metadata count for each operation, over the operation's own.
fn merge_metadata(operation: &mut Operation, metadata: &Metadata) {
    let own = match operation {
        Operation::Upsert(set) => &mut set.metadata,
        Operation::Delete(delete) => &mut delete.metadata,
    };
    own.extend(metadata.clone());
}

fn component_metadata(component: &crate::resources::Component, capabilities: &[&str]) -> ComponentMetadata {
    ComponentMetadata {
        name: component.name.clone(),
        kind: component.kind.clone(),
        version: component.version.clone(),
        capabilities: capabilities.iter().map(|capability| (*capability).to_owned()).collect(),
    }
}

fn subscription_metadata(subscription: &Subscription) -> SubscriptionMetadata {
    let rules =
        subscription.rules.iter().map(|rule| RuleMetadata { matches: rule.matches.clone(), path: rule.path.clone() });
    let default = subscription.default.iter().map(|destination| RuleMetadata {
        matches: String::new(),
        path: match destination {
            Destination::Path(path) => path.clone(),
            Destination::Guest(guest) => guest.clone(),
        },
    });
    SubscriptionMetadata {
        pubsub: subscription.pubsub.clone(),
        topic: subscription.topic.clone(),
        metadata: subscription.metadata.clone(),
        rules: rules.chain(default).collect(),
        dead_letter_topic: subscription.dead_letter_topic.clone().unwrap_or_default(),
        source: subscription.source,
    }
}
