//! A sidecar that writes down what it is asked and answers something recognisable.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use pillion_api::{
    Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target,
    actors::{self, Actor},
    bindings, body, configuration, conversation, crypto, jobs, lock,
    metadata::SidecarMetadata,
    pubsub, secrets, state, workflow,
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The largest body that a test reads.
const MAX_BODY: u64 = 1 << 20;

/// Says yes to everything.
pub struct Double {
    pub seen: Mutex<Vec<String>>,
    /// What a follower of configuration gets, after its subscription.
    pub updates: Mutex<Vec<configuration::Items>>,
    /// Has one more for each streaming call that was dropped before its end.
    pub gone: Arc<Semaphore>,
}

impl Default for Double {
    fn default() -> Self {
        Self { seen: Mutex::default(), updates: Mutex::default(), gone: Arc::new(Semaphore::new(0)) }
    }
}

impl Double {
    fn saw(&self, what: String) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Everything that it was asked since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Metadata without what differs from run to run.
fn pairs(metadata: &Metadata) -> String {
    metadata.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

fn item(value: &'static str) -> state::Item {
    state::Item { value: value.into(), etag: "7".into(), expires: None }
}

pub fn values(key: &str, value: &str) -> configuration::Items {
    let item = configuration::Item { value: value.into(), version: "1".into(), metadata: Metadata::new() };
    [(key.to_owned(), item)].into()
}

/// Says that whoever held it let it go.
struct Gone(Arc<Semaphore>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn of_pieces(pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

fn endless(gone: Gone) -> Body {
    of_pieces(stream::repeat(Bytes::from_static(&[b'x'; 10_000])).map(move |piece| {
        let _held = &gone;
        Ok(piece)
    }))
}

fn broken() -> Body {
    let cut = Error::new(Code::DirectInvoke, "the wire was cut");
    of_pieces(stream::iter([Ok(Bytes::from_static(b"half")), Err(cut)]))
}

#[async_trait]
impl Sidecar for Double {
    fn app_id(&self) -> &str {
        "app"
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        let (parts, body) = invocation.request.into_parts();
        let gone = Gone(Arc::clone(&self.gone));
        match parts.uri.path() {
            "/echo" => return Ok(Response::new(body)),
            "/endless" => return Ok(Response::new(endless(gone))),
            "/never" => {
                let _held = (gone, body);
                return std::future::pending().await;
            }
            "/once" => {
                let mut body = body;
                let _read = body.frame().await;
                let _held = (gone, body);
                return std::future::pending().await;
            }
            _ => {}
        }
        let body = body::collect(body, MAX_BODY).await?;
        let Target::App(app) = invocation.target else { panic!("an app") };
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
        let (own, caller) = (header("x-own"), header("dapr-caller-app-id"));
        self.saw(format!("invoke {app} {} {} own={own:?} caller={caller:?} {}", parts.method, parts.uri, text(&body)));
        assert!(header("traceparent").is_some(), "the trace goes on");
        let answer = if parts.uri.path() == "/broken" { broken() } else { body::full("answer") };
        let mut response = Response::new(answer);
        *response.status_mut() = http::StatusCode::ACCEPTED;
        Ok(response)
    }

    async fn get_state(&self, store: &str, get: state::Get) -> Result<Option<state::Item>> {
        self.saw(format!("get_state {store} {}", get.key));
        Ok(Some(item("v")))
    }

    async fn get_bulk_state(&self, store: &str, get: state::BulkGet) -> Result<Vec<state::BulkItem>> {
        self.saw(format!("get_bulk_state {store} {:?}", get.keys));
        let one = |key: String| state::BulkItem { key, item: Ok(Some(item("v"))) };
        Ok(get.keys.into_iter().map(one).collect())
    }

    async fn save_state(&self, store: &str, items: Vec<state::Set>) -> Result<()> {
        for set in items {
            let state::Set { key, value, etag, metadata, .. } = set;
            self.saw(format!("save_state {store} {key}={} {etag:?}{}", text(&value), pairs(&metadata)));
        }
        Ok(())
    }

    async fn delete_state(&self, store: &str, delete: state::Delete) -> Result<()> {
        self.saw(format!("delete_state {store} {} {:?}{}", delete.key, delete.etag, pairs(&delete.metadata)));
        Ok(())
    }

    async fn execute_state_transaction(&self, store: &str, transaction: state::Transaction) -> Result<()> {
        let keys: Vec<&str> = transaction.operations.iter().map(state::Operation::key).collect();
        self.saw(format!("execute_state_transaction {store} {keys:?}"));
        Ok(())
    }

    async fn query_state(&self, store: &str, query: state::Query) -> Result<state::Found> {
        self.saw(format!("query_state {store} {}", query.query));
        let items = vec![state::FoundItem { key: "k".into(), ..state::FoundItem::default() }];
        Ok(state::Found { items, token: "next".into(), metadata: Metadata::new() })
    }

    async fn publish(&self, pubsub: &str, topic: &str, event: pubsub::Publish) -> Result<()> {
        let pubsub::Publish { data, content_type, metadata, traceparent, .. } = event;
        self.saw(format!("publish {pubsub}/{topic} {} {content_type:?}{}", text(&data), pairs(&metadata)));
        assert!(traceparent.is_some(), "the trace goes on");
        Ok(())
    }

    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<pubsub::BulkEntry>,
        _: Metadata,
    ) -> Result<Vec<pubsub::FailedEntry>> {
        self.saw(format!("publish_bulk {pubsub}/{topic} {}", entries.len()));
        Ok(vec![pubsub::FailedEntry { entry_id: "2".into(), error: "full".into() }])
    }

    async fn get_secret(&self, store: &str, key: &str, _: Metadata) -> Result<secrets::Secret> {
        self.saw(format!("get_secret {store} {key}"));
        Ok(secrets::Secret([(key.to_owned(), "hidden".to_owned())].into()))
    }

    async fn get_bulk_secrets(&self, store: &str, _: Metadata) -> Result<secrets::Secrets> {
        self.saw(format!("get_bulk_secrets {store}"));
        let secret = |key: &str| (key.to_owned(), secrets::Secret([(key.to_owned(), "hidden".to_owned())].into()));
        Ok([secret("k"), secret("l")].into())
    }

    async fn invoke_binding(&self, binding: &str, request: bindings::Request) -> Result<bindings::Answer> {
        let bindings::Request { operation, data, metadata } = request;
        self.saw(format!("invoke_binding {binding} {operation} {}{}", text(&data), pairs(&metadata)));
        Ok(bindings::Answer { data: "answer".into(), metadata })
    }

    async fn get_configuration(&self, store: &str, get: configuration::Get) -> Result<configuration::Items> {
        self.saw(format!("get_configuration {store} {:?}", get.keys));
        Ok(values("k", "v"))
    }

    async fn subscribe_configuration(
        &self,
        store: &str,
        get: configuration::Get,
    ) -> Result<configuration::Subscription> {
        self.saw(format!("subscribe_configuration {store} {:?}", get.keys));
        let updates = std::mem::take(&mut *self.updates.lock().unwrap_or_else(PoisonError::into_inner));
        let updates = stream::iter(updates).map(Ok).chain(stream::pending()).boxed();
        Ok(configuration::Subscription { id: "id".into(), updates })
    }

    async fn unsubscribe_configuration(&self, store: &str, id: &str) -> Result<()> {
        self.saw(format!("unsubscribe_configuration {store} {id}"));
        Ok(())
    }

    async fn try_lock(&self, store: &str, lock: lock::TryLock) -> Result<bool> {
        self.saw(format!("try_lock {store} {} {} {}", lock.resource_id, lock.lock_owner, lock.expiry_in_seconds));
        Ok(true)
    }

    async fn unlock(&self, store: &str, unlock: lock::Unlock) -> Result<lock::UnlockStatus> {
        self.saw(format!("unlock {store} {} {}", unlock.resource_id, unlock.lock_owner));
        Ok(lock::UnlockStatus::BelongsToOthers)
    }

    async fn encrypt(&self, component: &str, how: crypto::Encrypt, plain: Body) -> Result<Body> {
        let plain = body::collect(plain, MAX_BODY).await?;
        self.saw(format!("encrypt {component} {} {} {}", how.key_name, how.key_wrap_algorithm, text(&plain)));
        Ok(body::full("encrypted"))
    }

    async fn decrypt(&self, component: &str, how: crypto::Decrypt, encrypted: Body) -> Result<Body> {
        let encrypted = body::collect(encrypted, MAX_BODY).await?;
        self.saw(format!("decrypt {component} {:?} {}", how.key_name, text(&encrypted)));
        Ok(body::full("plain"))
    }

    async fn converse(&self, component: &str, request: conversation::Request) -> Result<conversation::Response> {
        self.saw(format!("converse {component} {} {:?}", request.inputs.len(), request.temperature));
        let choice = conversation::Choice { content: "hi".into(), ..conversation::Choice::default() };
        Ok(conversation::Response { context_id: None, outputs: vec![conversation::Output { choices: vec![choice] }] })
    }

    async fn schedule_job(&self, job: jobs::Job, overwrite: bool) -> Result<()> {
        self.saw(format!("schedule_job {} {:?} {:?} {overwrite}", job.name, job.schedule, job.failure_policy));
        Ok(())
    }

    async fn get_job(&self, name: &str) -> Result<jobs::Job> {
        self.saw(format!("get_job {name}"));
        Ok(jobs::Job { name: name.into(), ..jobs::Job::default() })
    }

    async fn delete_job(&self, name: &str) -> Result<()> {
        self.saw(format!("delete_job {name}"));
        Ok(())
    }

    async fn invoke_actor(&self, actor: &Actor, call: actors::Call) -> Result<Bytes> {
        self.saw(format!("invoke_actor {}/{} {} {}", actor.kind, actor.id, call.method, text(&call.data)));
        Ok("answer".into())
    }

    async fn get_actor_state(&self, actor: &Actor, key: &str) -> Result<Option<Bytes>> {
        self.saw(format!("get_actor_state {}/{} {key}", actor.kind, actor.id));
        Ok(Some("v".into()))
    }

    async fn execute_actor_state_transaction(&self, actor: &Actor, operations: Vec<actors::Operation>) -> Result<()> {
        self.saw(format!("execute_actor_state_transaction {}/{} {}", actor.kind, actor.id, operations.len()));
        Ok(())
    }

    async fn register_actor_reminder(&self, actor: &Actor, reminder: actors::Reminder) -> Result<()> {
        self.saw(format!("register_actor_reminder {}/{} {}", actor.kind, actor.id, reminder.name));
        Ok(())
    }

    async fn unregister_actor_reminder(&self, actor: &Actor, name: &str) -> Result<()> {
        self.saw(format!("unregister_actor_reminder {}/{} {name}", actor.kind, actor.id));
        Ok(())
    }

    async fn get_actor_reminder(&self, actor: &Actor, name: &str) -> Result<Option<actors::Reminder>> {
        self.saw(format!("get_actor_reminder {}/{} {name}", actor.kind, actor.id));
        Ok(Some(actors::Reminder { due_time: "1s".into(), ..actors::Reminder::default() }))
    }

    async fn register_actor_timer(&self, actor: &Actor, timer: actors::Timer) -> Result<()> {
        self.saw(format!("register_actor_timer {}/{} {} {}", actor.kind, actor.id, timer.name, timer.callback));
        Ok(())
    }

    async fn unregister_actor_timer(&self, actor: &Actor, name: &str) -> Result<()> {
        self.saw(format!("unregister_actor_timer {}/{} {name}", actor.kind, actor.id));
        Ok(())
    }

    async fn start_workflow(&self, start: workflow::Start) -> Result<String> {
        self.saw(format!("start_workflow {} {:?} {}", start.name, start.instance_id, text(&start.input)));
        Ok("id".into())
    }

    async fn get_workflow(&self, instance_id: &str) -> Result<workflow::Instance> {
        self.saw(format!("get_workflow {instance_id}"));
        let created = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(5));
        let (id, name, status) = (instance_id.into(), "w".into(), "RUNNING".into());
        Ok(workflow::Instance { id, name, created, updated: None, status, properties: Metadata::new() })
    }

    async fn steer_workflow(&self, instance_id: &str, steer: workflow::Steer) -> Result<()> {
        self.saw(format!("steer_workflow {instance_id} {steer:?}"));
        Ok(())
    }

    async fn raise_workflow_event(&self, instance_id: &str, event: &str, data: Bytes) -> Result<()> {
        self.saw(format!("raise_workflow_event {instance_id} {event} {}", text(&data)));
        Ok(())
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        self.saw("metadata".into());
        Ok(SidecarMetadata { id: "app".into(), ..SidecarMetadata::default() })
    }

    async fn set_metadata(&self, _: String, _: String) -> Result<()> {
        panic!("no guest can set metadata")
    }
}
