//! Each building block of the fakes: what is written down of a call, and what answers it.

use super::{
    super::{
        MAX_ANSWER,
        answer::Reply,
        call::{Call, list},
    },
    Fake,
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Response;
use pillion_api::{
    Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target,
    actors::{self, Actor},
    bindings, body, configuration, conversation, crypto, jobs, lock,
    metadata::SidecarMetadata,
    pubsub, secrets, state, workflow,
};
use serde_json::{Value as Json, json};

fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// A value as it is, where it is JSON.
fn value(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes))
}

fn operation(operation: &state::Operation) -> Json {
    match operation {
        state::Operation::Upsert(set) => {
            json!({ "operation": "upsert", "key": set.key, "value": value(&set.value) })
        }
        state::Operation::Delete(delete) => json!({ "operation": "delete", "key": delete.key }),
    }
}

fn actor_operation(operation: &actors::Operation) -> Json {
    match operation {
        actors::Operation::Upsert { key, value: bytes, .. } => {
            json!({ "operation": "upsert", "key": key, "value": value(bytes) })
        }
        actors::Operation::Delete { key } => json!({ "operation": "delete", "key": key }),
    }
}

/// What is said in a conversation, a line a message.
fn said(request: &conversation::Request) -> String {
    let messages = request.inputs.iter().flat_map(|input| &input.messages);
    let texts = messages.map(|message| match message {
        conversation::Message::Developer(said)
        | conversation::Message::System(said)
        | conversation::Message::User(said)
        | conversation::Message::Assistant { said, .. } => said.content.join("\n"),
        conversation::Message::Tool { content, .. } => content.join("\n"),
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn of_actor(name: &'static str, actor: &Actor) -> Call {
    Call::new(name).with("type", &actor.kind).with("id", &actor.id)
}

fn bytes(reply: &Reply) -> Bytes {
    reply.content.bytes.clone()
}

fn message(name: &'static str, pubsub: &str, topic: &str, event: &pubsub::Publish) -> Call {
    let call = Call::new(name).with("pubsub", pubsub).with("topic", topic);
    call.and("contentType", event.content_type.as_deref()).metadata(&event.metadata).value(event.data.clone())
}

#[async_trait]
impl Sidecar for Fake {
    fn app_id(&self) -> &str {
        self.inner.app_id()
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        let (parts, sent) = invocation.request.into_parts();
        let sent = body::collect(sent, MAX_ANSWER).await?;
        let (Target::App(id) | Target::Endpoint(id)) = invocation.target;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let call = Call::new("invoke").with("app", id).with("method", parts.method.as_str()).with("path", path);
        let of = |reply: &Reply| {
            let mut response = Response::new(body::full(bytes(reply)));
            *response.status_mut() = reply.status;
            if let Some(kind) = reply.content.media_type {
                response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
            }
            response.headers_mut().extend(reply.headers.clone());
            Ok(response)
        };
        self.must(call.value(sent), Code::DirectInvoke, of).await
    }

    async fn get_state(&self, store: &str, get: state::Get) -> Result<Option<state::Item>> {
        let call = Call::new("get_state").with("store", store).with("key", &get.key).metadata(&get.metadata);
        self.through(call, self.inner.get_state(store, get)).await
    }

    async fn get_bulk_state(&self, store: &str, get: state::BulkGet) -> Result<Vec<state::BulkItem>> {
        let keys = list(get.keys.iter().map(String::as_str));
        let call = Call::new("get_bulk_state").with("store", store).with("keys", keys).metadata(&get.metadata);
        self.through(call, self.inner.get_bulk_state(store, get)).await
    }

    /// One call a key, as the keys are written one by one.
    async fn save_state(&self, store: &str, items: Vec<state::Set>) -> Result<()> {
        for set in items {
            let call = Call::new("save_state").with("store", store).with("key", &set.key).and("etag", set.etag.clone());
            let call = call.metadata(&set.metadata).value(set.value.clone());
            self.through(call, self.inner.save_state(store, vec![set])).await?;
        }
        Ok(())
    }

    async fn delete_state(&self, store: &str, delete: state::Delete) -> Result<()> {
        let call = Call::new("delete_state").with("store", store).with("key", &delete.key);
        let call = call.and("etag", delete.etag.clone()).metadata(&delete.metadata);
        self.through(call, self.inner.delete_state(store, delete)).await
    }

    async fn execute_state_transaction(&self, store: &str, transaction: state::Transaction) -> Result<()> {
        let keys = list(transaction.operations.iter().map(state::Operation::key));
        let operations: Json = transaction.operations.iter().map(operation).collect();
        let call = Call::new("execute_state_transaction").with("store", store).with("keys", keys);
        let call = call.metadata(&transaction.metadata).value(operations.to_string());
        self.through(call, self.inner.execute_state_transaction(store, transaction)).await
    }

    async fn query_state(&self, store: &str, query: state::Query) -> Result<state::Found> {
        let call = Call::new("query_state").with("store", store).metadata(&query.metadata).value(query.query.clone());
        self.through(call, self.inner.query_state(store, query)).await
    }

    async fn publish(&self, pubsub: &str, topic: &str, event: pubsub::Publish) -> Result<()> {
        let call = message("publish", pubsub, topic, &event);
        self.through(call, self.inner.publish(pubsub, topic, event)).await
    }

    /// One call a message; one that fails by the case is what the broker did not take.
    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<pubsub::BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<pubsub::FailedEntry>> {
        let mut failed = Vec::new();
        let mut taken = Vec::new();
        for entry in entries {
            let call = message("publish_bulk", pubsub, topic, &entry.event).with("entry", &entry.entry_id);
            match self.through(call, async { Ok(()) }).await {
                Ok(()) => taken.push(entry),
                Err(error) => failed.push(pubsub::FailedEntry { entry_id: entry.entry_id, error: error.to_string() }),
            }
        }
        failed.extend(self.inner.publish_bulk(pubsub, topic, taken, metadata).await?);
        Ok(failed)
    }

    async fn get_secret(&self, store: &str, key: &str, metadata: Metadata) -> Result<secrets::Secret> {
        let call = Call::new("get_secret").with("store", store).with("key", key).metadata(&metadata);
        let missing = || Error::new(Code::SecretGet, format!("`given` has no secret `{key}` of `{store}`"));
        let found = async { self.secrets(store)?.get(key).cloned().ok_or_else(missing) };
        self.through(call, found).await
    }

    async fn get_bulk_secrets(&self, store: &str, metadata: Metadata) -> Result<secrets::Secrets> {
        let call = Call::new("get_bulk_secrets").with("store", store).metadata(&metadata);
        self.through(call, async { self.secrets(store).cloned() }).await
    }

    async fn invoke_binding(&self, binding: &str, request: bindings::Request) -> Result<bindings::Answer> {
        let bindings::Request { operation, data, metadata } = request;
        let call = Call::new("invoke_binding").with("binding", binding).with("operation", operation);
        let of = |reply: &Reply| Ok(bindings::Answer { data: bytes(reply), metadata: reply.metadata.clone() });
        self.answer(call.metadata(&metadata).value(data), of, async { Ok(bindings::Answer::default()) }).await
    }

    async fn get_configuration(&self, store: &str, get: configuration::Get) -> Result<configuration::Items> {
        let keys = list(get.keys.iter().map(String::as_str));
        let call = Call::new("get_configuration").with("store", store).with("keys", keys).metadata(&get.metadata);
        self.through(call, async { self.items(store, &get.keys) }).await
    }

    /// Nothing changes: a change is an input of a case.
    async fn subscribe_configuration(
        &self,
        store: &str,
        get: configuration::Get,
    ) -> Result<configuration::Subscription> {
        let keys = list(get.keys.iter().map(String::as_str));
        let call = Call::new("subscribe_configuration").with("store", store).with("keys", keys);
        let quiet = || configuration::Subscription { id: "1".into(), updates: stream::pending().boxed() };
        self.through(call, async { self.items(store, &get.keys).map(|_| quiet()) }).await
    }

    async fn unsubscribe_configuration(&self, store: &str, id: &str) -> Result<()> {
        let call = Call::new("unsubscribe_configuration").with("store", store).with("id", id);
        self.through(call, async { Ok(()) }).await
    }

    async fn try_lock(&self, store: &str, lock: lock::TryLock) -> Result<bool> {
        let lock::TryLock { resource_id, lock_owner, .. } = lock;
        let call = Call::new("try_lock").with("store", store).with("resource", &resource_id).with("owner", &lock_owner);
        let take = async {
            let key = (store.to_owned(), resource_id);
            let mut held = self.held();
            let free = held.locks.get(&key).is_none_or(|owner| *owner == lock_owner);
            if free {
                held.locks.insert(key, lock_owner);
            }
            Ok(free)
        };
        self.through(call, take).await
    }

    async fn unlock(&self, store: &str, unlock: lock::Unlock) -> Result<lock::UnlockStatus> {
        let lock::Unlock { resource_id, lock_owner } = unlock;
        let call = Call::new("unlock").with("store", store).with("resource", &resource_id).with("owner", &lock_owner);
        let give_back = async {
            let key = (store.to_owned(), resource_id);
            let mut held = self.held();
            Ok(match held.locks.get(&key) {
                None => lock::UnlockStatus::DoesNotExist,
                Some(owner) if *owner != lock_owner => lock::UnlockStatus::BelongsToOthers,
                Some(_) => {
                    held.locks.remove(&key);
                    lock::UnlockStatus::Success
                }
            })
        };
        self.through(call, give_back).await
    }

    /// Hands the bytes through: what a case compares is what the guest sent.
    async fn encrypt(&self, component: &str, how: crypto::Encrypt, plain: Body) -> Result<Body> {
        let plain = body::collect(plain, MAX_ANSWER).await?;
        let call = Call::new("encrypt").with("component", component).with("key", how.key_name).value(plain.clone());
        self.answer(call, |reply| Ok(body::full(bytes(reply))), async { Ok(body::full(plain)) }).await
    }

    /// As [`encrypt`](Self::encrypt).
    async fn decrypt(&self, component: &str, how: crypto::Decrypt, encrypted: Body) -> Result<Body> {
        let encrypted = body::collect(encrypted, MAX_ANSWER).await?;
        let call = Call::new("decrypt").with("component", component).and("key", how.key_name).value(encrypted.clone());
        self.answer(call, |reply| Ok(body::full(bytes(reply))), async { Ok(body::full(encrypted)) }).await
    }

    async fn converse(&self, component: &str, request: conversation::Request) -> Result<conversation::Response> {
        let call = Call::new("converse").with("component", component).metadata(&request.metadata);
        let of = |reply: &Reply| {
            let content = String::from_utf8_lossy(&bytes(reply)).into_owned();
            let choice = conversation::Choice { content, finish_reason: "stop".into(), ..Default::default() };
            Ok(conversation::Response {
                context_id: None,
                outputs: vec![conversation::Output { choices: vec![choice] }],
            })
        };
        self.must(call.value(said(&request)), Code::ConversationNotFound, of).await
    }

    async fn schedule_job(&self, job: jobs::Job, _: bool) -> Result<()> {
        let call = Call::new("schedule_job").with("name", job.name).and("schedule", job.schedule);
        self.through(call.and("dueTime", job.due_time).value(job.data), async { Ok(()) }).await
    }

    async fn get_job(&self, name: &str) -> Result<jobs::Job> {
        let of = |reply: &Reply| Ok(jobs::Job { name: name.into(), data: bytes(reply), ..jobs::Job::default() });
        self.must(Call::new("get_job").with("name", name), Code::JobGet, of).await
    }

    async fn delete_job(&self, name: &str) -> Result<()> {
        self.through(Call::new("delete_job").with("name", name), async { Ok(()) }).await
    }

    async fn invoke_actor(&self, actor: &Actor, call: actors::Call) -> Result<Bytes> {
        let asked = of_actor("invoke_actor", actor).with("method", call.method).metadata(&call.metadata);
        self.answer(asked.value(call.data), |reply| Ok(bytes(reply)), async { Ok(Bytes::new()) }).await
    }

    async fn get_actor_state(&self, actor: &Actor, key: &str) -> Result<Option<Bytes>> {
        let call = of_actor("get_actor_state", actor).with("key", key);
        self.answer(call, |reply| Ok(Some(bytes(reply))), async { Ok(None) }).await
    }

    async fn execute_actor_state_transaction(&self, actor: &Actor, operations: Vec<actors::Operation>) -> Result<()> {
        let operations: Json = operations.iter().map(actor_operation).collect();
        let call = of_actor("execute_actor_state_transaction", actor).value(operations.to_string());
        self.through(call, async { Ok(()) }).await
    }

    async fn register_actor_reminder(&self, actor: &Actor, reminder: actors::Reminder) -> Result<()> {
        let call = of_actor("register_actor_reminder", actor).with("name", reminder.name).value(reminder.data);
        self.through(call, async { Ok(()) }).await
    }

    async fn unregister_actor_reminder(&self, actor: &Actor, name: &str) -> Result<()> {
        self.through(of_actor("unregister_actor_reminder", actor).with("name", name), async { Ok(()) }).await
    }

    async fn get_actor_reminder(&self, actor: &Actor, name: &str) -> Result<Option<actors::Reminder>> {
        let call = of_actor("get_actor_reminder", actor).with("name", name);
        let of = |reply: &Reply| {
            Ok(Some(actors::Reminder { name: name.into(), data: bytes(reply), ..actors::Reminder::default() }))
        };
        self.answer(call, of, async { Ok(None) }).await
    }

    async fn register_actor_timer(&self, actor: &Actor, timer: actors::Timer) -> Result<()> {
        let call = of_actor("register_actor_timer", actor).with("name", timer.name).value(timer.data);
        self.through(call, async { Ok(()) }).await
    }

    async fn unregister_actor_timer(&self, actor: &Actor, name: &str) -> Result<()> {
        self.through(of_actor("unregister_actor_timer", actor).with("name", name), async { Ok(()) }).await
    }

    /// The instance has the id that was asked for, or that the case answers, or `1`.
    async fn start_workflow(&self, start: workflow::Start) -> Result<String> {
        let call = Call::new("start_workflow").with("name", start.name).and("id", start.instance_id.clone());
        let of = |reply: &Reply| Ok(String::from_utf8_lossy(&bytes(reply)).into_owned());
        self.answer(call.value(start.input), of, async { Ok(start.instance_id.unwrap_or_else(|| "1".into())) }).await
    }

    /// The case answers the status.
    async fn get_workflow(&self, instance_id: &str) -> Result<workflow::Instance> {
        let of = |reply: &Reply| {
            Ok(workflow::Instance {
                id: instance_id.to_owned(),
                name: String::new(),
                created: None,
                updated: None,
                status: String::from_utf8_lossy(&bytes(reply)).into_owned(),
                properties: reply.metadata.clone(),
            })
        };
        self.must(Call::new("get_workflow").with("id", instance_id), Code::WorkflowNotFound, of).await
    }

    async fn steer_workflow(&self, instance_id: &str, steer: workflow::Steer) -> Result<()> {
        let action = format!("{steer:?}").to_lowercase();
        let call = Call::new("steer_workflow").with("id", instance_id).with("action", action);
        self.through(call, async { Ok(()) }).await
    }

    async fn raise_workflow_event(&self, instance_id: &str, event: &str, data: Bytes) -> Result<()> {
        let call = Call::new("raise_workflow_event").with("id", instance_id).with("event", event).value(data);
        self.through(call, async { Ok(()) }).await
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        self.through(Call::new("get_metadata"), self.inner.metadata()).await
    }

    async fn set_metadata(&self, key: String, value: String) -> Result<()> {
        self.inner.set_metadata(key, value).await
    }
}
