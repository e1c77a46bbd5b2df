//! A sidecar with state, configuration and secrets in memory, narrowed by an `allow` as `Policy` does it.

use async_trait::async_trait;
use base64::Engine;
use http::Response;
use pillion_api::metadata::{ComponentMetadata, SidecarMetadata};
use pillion_api::policy::{Allow, List};
use pillion_api::{
    AppChannel, Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target, actors, bindings, body,
    configuration, conversation, pubsub, secrets, state,
};
use pillion_runtime::App;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Where local storage keeps its files.
const ROOT: &str = "/srv/files/";

/// A key's bytes and its version.
type Rows = BTreeMap<(String, String), (bytes::Bytes, u64)>;

/// What the guest's app has.
#[derive(Default)]
pub struct Double {
    pub allow: Allow,
    /// Name and type.
    pub components: Vec<(&'static str, &'static str)>,
    /// By component and key.
    pub configuration: BTreeMap<(&'static str, &'static str), &'static str>,
    pub secrets: BTreeMap<(&'static str, &'static str), &'static str>,
    pub rows: Mutex<Rows>,
    pub published: Mutex<Vec<(String, String, pubsub::Publish)>>,
    pub objects: Mutex<BTreeMap<String, bytes::Bytes>>,
    /// Writes that another writer gets before.
    pub disturb: AtomicUsize,
    /// State of actors by their key.
    pub actors: Mutex<BTreeMap<(actors::Actor, String), bytes::Bytes>>,
    /// The app that hosts all actors, once it is there.
    pub host: OnceLock<App>,
    /// Apps that were invoked, with the headers of the request.
    pub invoked: Mutex<Vec<(String, http::HeaderMap)>>,
    /// Whether the store can be queried.
    pub queries: bool,
}

impl Double {
    fn check(&self, list: List, name: &str, part: &str) -> Result<()> {
        self.allow.check("app", list, name, part)?;
        let known = self.components.iter().any(|(known, _)| *known == name);
        if known { Ok(()) } else { Err(Error::new(Code::StateStoreNotFound, format!("no `{name}`"))) }
    }

    fn item(&self, store: &str, key: &str) -> Option<state::Item> {
        let rows = self.rows.lock().expect("no panic");
        let (value, version) = rows.get(&(store.to_owned(), key.to_owned()))?;
        Some(state::Item { value: value.clone(), etag: version.to_string(), expires: None })
    }

    fn write(&self, store: &str, set: state::Set) -> Result<()> {
        let mut rows = self.rows.lock().expect("no panic");
        let disturbed = self.disturb.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let row = rows.entry((store.to_owned(), set.key));
        let version = match &row {
            std::collections::btree_map::Entry::Occupied(row) => Some(row.get().1),
            std::collections::btree_map::Entry::Vacant(_) => None,
        };
        let first = set.options.concurrency == state::Concurrency::FirstWrite;
        let asked = set.etag.as_ref().map(|etag| etag.parse().ok());
        let stale = match asked {
            Some(etag) => etag != version,
            None => first && version.is_some(),
        };
        if stale || ((first || asked.is_some()) && disturbed.is_ok()) {
            return Err(Error::new(Code::StateSaveEtagMismatch, "another one was faster"));
        }
        let next = version.unwrap_or(0) + 1;
        row.insert_entry((set.value, next));
        Ok(())
    }
}

fn not_here<T>() -> Result<T> {
    Err(Error::new(Code::ApiUnimplemented, "not in this test"))
}

#[async_trait]
impl Sidecar for Double {
    fn app_id(&self) -> &str {
        "app"
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        let Target::App(app) = invocation.target else { return not_here() };
        self.allow.check("app", List::Invoke, &app, "")?;
        self.invoked.lock().expect("no panic").push((app, invocation.request.headers().clone()));
        Ok(Response::new(body::empty()))
    }

    async fn get_state(&self, store: &str, get: state::Get) -> Result<Option<state::Item>> {
        self.check(List::State, store, &get.key)?;
        Ok(self.item(store, &get.key))
    }

    async fn get_bulk_state(&self, store: &str, get: state::BulkGet) -> Result<Vec<state::BulkItem>> {
        get.keys.iter().try_for_each(|key| self.check(List::State, store, key))?;
        let item = |key: String| state::BulkItem { item: Ok(self.item(store, &key)), key };
        Ok(get.keys.into_iter().map(item).collect())
    }

    async fn save_state(&self, store: &str, items: Vec<state::Set>) -> Result<()> {
        items.iter().try_for_each(|item| self.check(List::State, store, &item.key))?;
        items.into_iter().try_for_each(|item| self.write(store, item))
    }

    async fn delete_state(&self, store: &str, delete: state::Delete) -> Result<()> {
        self.check(List::State, store, &delete.key)?;
        self.rows.lock().expect("no panic").remove(&(store.to_owned(), delete.key));
        Ok(())
    }

    async fn execute_state_transaction(&self, _: &str, _: state::Transaction) -> Result<()> {
        not_here()
    }

    async fn query_state(&self, store: &str, query: state::Query) -> Result<state::Found> {
        if !self.queries {
            return not_here();
        }
        self.check(List::State, store, "")?;
        let query: serde_json::Value = serde_json::from_str(&query.query).expect("JSON");
        // Two keys a page, so that there are pages.
        let from: usize = query["page"]["token"].as_str().map_or(0, |token| token.parse().expect("a number"));
        let rows = self.rows.lock().expect("no panic");
        let keys: Vec<_> = rows.keys().filter(|(of, _)| of == store).map(|(_, key)| key.clone()).collect();
        let page = keys.iter().skip(from).take(2);
        let items = page.map(|key| state::FoundItem { key: key.clone(), ..state::FoundItem::default() }).collect();
        let token = if from + 2 < keys.len() { (from + 2).to_string() } else { String::new() };
        Ok(state::Found { items, token, metadata: Metadata::new() })
    }

    async fn publish(&self, pubsub: &str, topic: &str, event: pubsub::Publish) -> Result<()> {
        self.check(List::Publish, pubsub, topic)?;
        self.published.lock().expect("no panic").push((pubsub.to_owned(), topic.to_owned(), event));
        Ok(())
    }

    async fn publish_bulk(
        &self,
        _: &str,
        _: &str,
        _: Vec<pubsub::BulkEntry>,
        _: Metadata,
    ) -> Result<Vec<pubsub::FailedEntry>> {
        not_here()
    }

    async fn get_secret(&self, store: &str, key: &str, _: Metadata) -> Result<secrets::Secret> {
        self.check(List::Secrets, store, key)?;
        match self.secrets.iter().find(|((of, known), _)| *of == store && *known == key) {
            Some((_, value)) => Ok(secrets::Secret([(key.to_owned(), (*value).to_owned())].into())),
            None => Err(Error::new(Code::SecretGet, format!("no secret `{key}`"))),
        }
    }

    async fn get_bulk_secrets(&self, _: &str, _: Metadata) -> Result<secrets::Secrets> {
        not_here()
    }

    async fn invoke_binding(&self, binding: &str, request: bindings::Request) -> Result<bindings::Answer> {
        self.check(List::Bindings, binding, &request.operation)?;
        let mut objects = self.objects.lock().expect("no panic");
        let name = request.metadata.get("fileName").cloned().unwrap_or_default();
        let missing = || {
            let what = format!("error invoking output binding {binding}: file not found: {ROOT}{name}");
            Error::new(Code::InvokeOutputBinding, what)
        };
        let data = match request.operation.as_str() {
            "create" => {
                // As local storage does it.
                let decoded = base64::engine::general_purpose::STANDARD.decode(&request.data);
                objects.insert(name, decoded.map_or(request.data, bytes::Bytes::from));
                bytes::Bytes::new()
            }
            "get" => objects.get(&name).cloned().ok_or_else(missing)?,
            "delete" => objects.remove(&name).map(|_| bytes::Bytes::new()).ok_or_else(missing)?,
            "list" => {
                let paths: Vec<String> = objects.keys().map(|name| format!("{ROOT}{name}")).collect();
                serde_json::to_vec(&paths).expect("JSON").into()
            }
            _ => return not_here(),
        };
        Ok(bindings::Answer { data, metadata: Metadata::new() })
    }

    async fn converse(&self, component: &str, request: conversation::Request) -> Result<conversation::Response> {
        self.check(List::Conversation, component, "")?;
        let content = format!("{component} heard {:?} at {:?}", request.inputs[0].messages, request.temperature);
        let choice = conversation::Choice { content, ..conversation::Choice::default() };
        let outputs = vec![conversation::Output { choices: vec![choice] }];
        Ok(conversation::Response { context_id: None, outputs })
    }

    async fn get_configuration(&self, store: &str, get: configuration::Get) -> Result<configuration::Items> {
        match &get.keys[..] {
            [] => self.check(List::Configuration, store, "")?,
            keys => keys.iter().try_for_each(|key| self.check(List::Configuration, store, key))?,
        }
        let of_store = self.configuration.iter().filter(|((of, _), _)| *of == store);
        let asked = of_store.filter(|((_, key), _)| get.keys.is_empty() || get.keys.iter().any(|asked| asked == key));
        let item = |value: &str| configuration::Item { value: value.to_owned(), ..configuration::Item::default() };
        Ok(asked.map(|((_, key), value)| ((*key).to_owned(), item(value))).collect())
    }

    async fn invoke_actor(&self, actor: &actors::Actor, call: actors::Call) -> Result<bytes::Bytes> {
        self.allow.check("app", List::Actors, &actor.kind, &actor.id)?;
        let turn = actors::Turn::Invoke { method: call.method, data: call.data };
        let event = actors::Event { actor: actor.clone(), turn, metadata: call.metadata, traceparent: None };
        self.host.get().expect("an app").actor_turn(event).await
    }

    async fn get_actor_state(&self, actor: &actors::Actor, key: &str) -> Result<Option<bytes::Bytes>> {
        self.allow.check("app", List::Actors, &actor.kind, &actor.id)?;
        Ok(self.actors.lock().expect("no panic").get(&(actor.clone(), key.to_owned())).cloned())
    }

    async fn execute_actor_state_transaction(
        &self,
        actor: &actors::Actor,
        operations: Vec<actors::Operation>,
    ) -> Result<()> {
        self.allow.check("app", List::Actors, &actor.kind, &actor.id)?;
        // A store is never at once: whoever didn't wait for its turn would come in between.
        tokio::task::yield_now().await;
        let mut rows = self.actors.lock().expect("no panic");
        for operation in operations {
            match operation {
                actors::Operation::Upsert { key, value, .. } => rows.insert((actor.clone(), key), value),
                actors::Operation::Delete { key } => rows.remove(&(actor.clone(), key)),
            };
        }
        Ok(())
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        let component = |(name, kind): &(&str, &str)| ComponentMetadata {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            version: "v1".to_owned(),
            capabilities: Vec::new(),
        };
        Ok(SidecarMetadata {
            components: self.components.iter().map(component).collect(),
            ..SidecarMetadata::default()
        })
    }

    async fn set_metadata(&self, _: String, _: String) -> Result<()> {
        not_here()
    }
}
