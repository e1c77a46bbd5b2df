//! The building blocks: each call is a message to daprd, and its answer.

use super::{
    Daprd, actors, bindings, call::Client, configuration, conversation, jobs, metadata, state, workflow,
    workflow::of_instance,
};
use crate::state::errors;
use ::http::Response;
use async_trait::async_trait;
use bytes::Bytes;
use dapr::dapr::proto::runtime::v1 as wire;
use pillion_api::{
    Body, Code, Error, Invocation, Metadata, Result, Sidecar, actors as api_actors, bindings as api_bindings,
    configuration as api_configuration, conversation as api_conversation, crypto, jobs as api_jobs, lock,
    metadata::SidecarMetadata,
    pubsub::{BulkEntry, FailedEntry, Publish},
    secrets::{Secret, Secrets},
    state::{BulkGet, BulkItem, Delete, Found, Get, Item, Query, Set, Transaction},
    workflow::{Instance, Start, Steer},
};
use tonic::Request;

/// The client's method by its name, as [`Daprd::call`] takes it.
macro_rules! by {
    ($method:ident) => {
        |mut client: Client, request: Request<_>| async move { client.$method(request).await }
    };
}

/// A key that no store takes: over gRPC daprd says so without a code, or in other words than over HTTP.
fn legal(store: &str, error: Error) -> Error {
    match error.message() {
        "state key cannot be empty" => errors::key_missing(),
        text if text.starts_with("input key/keyPrefix '") => errors::illegal_key(store, text.to_owned()),
        _ => error,
    }
}

#[async_trait]
impl Sidecar for Daprd {
    fn app_id(&self) -> &str {
        &self.config.app_id
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        self.call_app(invocation).await
    }

    async fn get_state(&self, store: &str, get: Get) -> Result<Option<Item>> {
        let answer = self.call(&state::GET, state::get(store, get), by!(get_state)).await;
        answer.map(state::item).map_err(|error| legal(store, error))
    }

    async fn get_bulk_state(&self, store: &str, get: BulkGet) -> Result<Vec<BulkItem>> {
        let keys = get.keys.clone();
        let answer = self.call(&state::BULK_GET, state::bulk_get(store, get), by!(get_bulk_state)).await;
        answer.map(|answer| state::bulk_items(&keys, answer.items)).map_err(|error| legal(store, error))
    }

    async fn save_state(&self, store: &str, items: Vec<Set>) -> Result<()> {
        let answer = self.call(&state::SAVE, state::save(store, items), by!(save_state)).await;
        answer.map_err(|error| legal(store, error))
    }

    async fn delete_state(&self, store: &str, delete: Delete) -> Result<()> {
        let answer = self.call(&state::DELETE, state::delete(store, delete), by!(delete_state)).await;
        answer.map_err(|error| legal(store, error))
    }

    async fn execute_state_transaction(&self, store: &str, transaction: Transaction) -> Result<()> {
        let request = state::transaction(store, transaction);
        let answer = self.call(&state::TRANSACT, request, by!(execute_state_transaction)).await;
        answer.map_err(|error| legal(store, error))
    }

    async fn query_state(&self, store: &str, query: Query) -> Result<Found> {
        let answer = self.call(&state::QUERY, state::query(store, query), by!(query_state_alpha1)).await?;
        Ok(state::found(answer))
    }

    async fn publish(&self, pubsub: &str, topic: &str, event: Publish) -> Result<()> {
        let trace = event.traceparent.clone();
        let send = |mut client: Client, mut request: Request<_>| {
            if let Some(trace) = trace.as_deref().and_then(|text| text.parse().ok()) {
                request.metadata_mut().insert("traceparent", trace);
            }
            async move { client.publish_event(request).await }
        };
        self.call(&bindings::PUBLISH, bindings::publish(pubsub, topic, event), send).await
    }

    #[allow(deprecated)]
    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<FailedEntry>> {
        let request = bindings::publish_bulk(pubsub, topic, entries, metadata);
        let answer = self.call(&bindings::PUBLISH, request, by!(bulk_publish_event_alpha1)).await?;
        let failed = answer.failed_entries.into_iter();
        Ok(failed.map(|entry| FailedEntry { entry_id: entry.entry_id, error: entry.error }).collect())
    }

    async fn get_secret(&self, store: &str, key: &str, metadata: Metadata) -> Result<Secret> {
        let metadata = metadata.into_iter().collect();
        let request = wire::GetSecretRequest { store_name: store.to_owned(), key: key.to_owned(), metadata };
        let answer = self.call(&bindings::SECRET, request, by!(get_secret)).await?;
        Ok(Secret(answer.data.into_iter().collect()))
    }

    async fn get_bulk_secrets(&self, store: &str, metadata: Metadata) -> Result<Secrets> {
        let metadata = metadata.into_iter().collect();
        let request = wire::GetBulkSecretRequest { store_name: store.to_owned(), metadata };
        let answer = self.call(&bindings::SECRET, request, by!(get_bulk_secret)).await?;
        let secrets = answer.data.into_iter();
        Ok(secrets.map(|(name, secret)| (name, Secret(secret.secrets.into_iter().collect()))).collect())
    }

    async fn invoke_binding(&self, binding: &str, request: api_bindings::Request) -> Result<api_bindings::Answer> {
        let request = wire::InvokeBindingRequest {
            name: binding.to_owned(),
            data: request.data.into(),
            metadata: request.metadata.into_iter().collect(),
            operation: request.operation,
        };
        let answer = self.call(&bindings::BINDING, request, by!(invoke_binding)).await?;
        Ok(api_bindings::Answer { data: answer.data.into(), metadata: answer.metadata.into_iter().collect() })
    }

    async fn get_configuration(&self, store: &str, get: api_configuration::Get) -> Result<api_configuration::Items> {
        let answer = self.call(&configuration::GET, configuration::get(store, get), by!(get_configuration)).await?;
        Ok(configuration::items(answer.items))
    }

    async fn subscribe_configuration(
        &self,
        store: &str,
        get: api_configuration::Get,
    ) -> Result<api_configuration::Subscription> {
        self.follow(store, get).await
    }

    async fn unsubscribe_configuration(&self, store: &str, id: &str) -> Result<()> {
        let request = wire::UnsubscribeConfigurationRequest { store_name: store.to_owned(), id: id.to_owned() };
        let answer = self.call(&configuration::UNSUBSCRIBE, request, by!(unsubscribe_configuration)).await?;
        if answer.ok { Ok(()) } else { Err(Error::new(Code::ConfigurationUnsubscribe, answer.message)) }
    }

    async fn try_lock(&self, store: &str, lock: lock::TryLock) -> Result<bool> {
        let answer = self.call(&bindings::TRY_LOCK, bindings::try_lock(store, lock), by!(try_lock_alpha1)).await;
        answer.map(|answer| answer.success)
    }

    async fn unlock(&self, store: &str, unlock: lock::Unlock) -> Result<lock::UnlockStatus> {
        let answer = self.call(&bindings::UNLOCK, bindings::unlock(store, unlock), by!(unlock_alpha1)).await;
        answer.map(|answer| bindings::unlock_status(answer.status))
    }

    async fn encrypt(&self, component: &str, how: crypto::Encrypt, plain: Body) -> Result<Body> {
        self.encrypt_body(component, how, plain).await
    }

    async fn decrypt(&self, component: &str, how: crypto::Decrypt, encrypted: Body) -> Result<Body> {
        self.decrypt_body(component, how, encrypted).await
    }

    async fn converse(
        &self,
        component: &str,
        request: api_conversation::Request,
    ) -> Result<api_conversation::Response> {
        let request = conversation::request(component, request)?;
        let answer = self.call(&conversation::CONVERSE, request, by!(converse_alpha2)).await;
        answer.map(conversation::response)
    }

    // Jobs, and bulk publishing, by the names that every daprd since 1.14 has; 1.16 knows no others.
    #[allow(deprecated)]
    async fn schedule_job(&self, job: api_jobs::Job, overwrite: bool) -> Result<()> {
        self.call(&jobs::SCHEDULE, jobs::schedule(job, overwrite), by!(schedule_job_alpha1)).await.map(drop)
    }

    #[allow(deprecated)]
    async fn get_job(&self, name: &str) -> Result<api_jobs::Job> {
        let request = wire::GetJobRequest { name: name.to_owned() };
        let answer = self.call(&jobs::GET, request, by!(get_job_alpha1)).await?;
        let absent = || Error::new(Code::JobGet, format!("failed to get job due to: daprd answered no job `{name}`"));
        answer.job.map(jobs::job).ok_or_else(absent)
    }

    #[allow(deprecated)]
    async fn delete_job(&self, name: &str) -> Result<()> {
        let request = wire::DeleteJobRequest { name: name.to_owned() };
        self.call(&jobs::DELETE, request, by!(delete_job_alpha1)).await.map(drop)
    }

    async fn invoke_actor(&self, actor: &api_actors::Actor, call: api_actors::Call) -> Result<Bytes> {
        self.call_actor(actor, call).await
    }

    async fn get_actor_state(&self, actor: &api_actors::Actor, key: &str) -> Result<Option<Bytes>> {
        let (actor_type, actor_id) = (actor.kind.clone(), actor.id.clone());
        let request = wire::GetActorStateRequest { actor_type, actor_id, key: key.to_owned() };
        let answer = self.call(&actors::STATE_GET, request, by!(get_actor_state)).await?;
        // The wire has no other way to say that there is none.
        Ok((!answer.data.is_empty()).then(|| answer.data.into()))
    }

    async fn execute_actor_state_transaction(
        &self,
        actor: &api_actors::Actor,
        operations: Vec<api_actors::Operation>,
    ) -> Result<()> {
        let request = actors::transaction(actor, operations);
        self.call(&actors::STATE_SAVE, request, by!(execute_actor_state_transaction)).await
    }

    async fn register_actor_reminder(&self, actor: &api_actors::Actor, reminder: api_actors::Reminder) -> Result<()> {
        self.set_reminder(actor, reminder).await
    }

    async fn unregister_actor_reminder(&self, actor: &api_actors::Actor, name: &str) -> Result<()> {
        self.end_reminder(actor, name).await
    }

    async fn get_actor_reminder(&self, actor: &api_actors::Actor, name: &str) -> Result<Option<api_actors::Reminder>> {
        self.reminder(actor, name).await
    }

    async fn register_actor_timer(&self, actor: &api_actors::Actor, timer: api_actors::Timer) -> Result<()> {
        self.set_timer(actor, timer).await
    }

    async fn unregister_actor_timer(&self, actor: &api_actors::Actor, name: &str) -> Result<()> {
        self.end_timer(actor, name).await
    }

    async fn start_workflow(&self, start: Start) -> Result<String> {
        let answer = self.call(&workflow::START, workflow::start(start), by!(start_workflow_beta1)).await;
        answer.map(|answer| answer.instance_id)
    }

    async fn get_workflow(&self, id: &str) -> Result<Instance> {
        let request = of_instance!(GetWorkflowRequest, id);
        let answer = self.call(&workflow::GET, request, by!(get_workflow_beta1)).await?;
        workflow::instance(id, answer)
    }

    async fn steer_workflow(&self, id: &str, steer: Steer) -> Result<()> {
        let call = workflow::of_steer(steer);
        match steer {
            Steer::Terminate => {
                self.call(call, of_instance!(TerminateWorkflowRequest, id), by!(terminate_workflow_beta1)).await
            }
            Steer::Pause => self.call(call, of_instance!(PauseWorkflowRequest, id), by!(pause_workflow_beta1)).await,
            Steer::Resume => self.call(call, of_instance!(ResumeWorkflowRequest, id), by!(resume_workflow_beta1)).await,
            Steer::Purge => self.call(call, of_instance!(PurgeWorkflowRequest, id), by!(purge_workflow_beta1)).await,
        }
    }

    async fn raise_workflow_event(&self, id: &str, event: &str, data: Bytes) -> Result<()> {
        let request = wire::RaiseEventWorkflowRequest {
            instance_id: id.to_owned(),
            workflow_component: workflow::COMPONENT.to_owned(),
            event_name: event.to_owned(),
            event_data: data.into(),
        };
        self.call(&workflow::RAISE, request, by!(raise_event_workflow_beta1)).await
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        let answer = self.call(&metadata::METADATA, wire::GetMetadataRequest {}, by!(get_metadata)).await?;
        Ok(metadata::metadata(answer))
    }

    async fn set_metadata(&self, key: String, value: String) -> Result<()> {
        self.call(&metadata::METADATA, wire::SetMetadataRequest { key, value }, by!(set_metadata)).await
    }
}
