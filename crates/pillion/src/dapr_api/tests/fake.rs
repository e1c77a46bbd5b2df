//! A sidecar that knows one store, one pub/sub and one app, and writes down every call in one line.

use super::*;
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use pillion_api::{
    Code, Error, Invocation, Metadata, Result, Target, bindings,
    error::Details,
    metadata::SidecarMetadata,
    pubsub::{BulkEntry, FailedEntry, Publish},
    secrets::{Secret, Secrets},
    state::{BulkGet, BulkItem, Delete, Get, Item, Operation, Options, Set, Transaction},
};
use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

#[derive(Default)]
pub(super) struct Fake(Mutex<Vec<String>>);

impl Fake {
    /// What was asked since the last look.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }

    fn note(&self, line: String) {
        self.0.lock().expect("no panic").push(line);
    }
}

fn known(store: &str) -> Result<()> {
    if store == "store" {
        return Ok(());
    }
    let metadata = Metadata::from([("appID".to_owned(), "app1".to_owned())]);
    let details = Details { reason: "DAPR_STATE_NOT_FOUND".into(), metadata, resource: None };
    Err(Error::new(Code::StateStoreNotFound, format!("state store {store} is not found")).details(details))
}

fn show(set: &Set) -> String {
    let mut text = format!("{}={}", set.key, String::from_utf8_lossy(&set.value));
    rest(&mut text, set.etag.as_deref(), &set.metadata, set.options);
    text
}

fn rest(text: &mut String, etag: Option<&str>, metadata: &Metadata, options: Options) {
    let _ = etag.map(|etag| write!(text, " etag:{etag}"));
    for (name, value) in metadata {
        let _ = write!(text, " {name}:{value}");
    }
    if options != Options::default() {
        let _ = write!(text, " {:?}/{:?}", options.concurrency, options.consistency);
    }
}

fn show_delete(delete: &Delete) -> String {
    let mut text = delete.key.clone();
    rest(&mut text, delete.etag.as_deref(), &delete.metadata, delete.options);
    text
}

fn item(key: &str) -> Option<Item> {
    let of = |value: &'static str, expires| {
        Some(Item { value: Bytes::from_static(value.as_bytes()), etag: "e1".into(), expires })
    };
    match key {
        "k1" | "a/b" => of(r#"{"a":1}"#, None),
        "ttl" => of("2", Some(UNIX_EPOCH + Duration::from_secs(1_767_225_600))),
        "raw" => of("not json", None),
        _ => None,
    }
}

fn event(event: &Publish) -> String {
    let mut text = format!("{:?} {}", event.content_type.as_deref(), String::from_utf8_lossy(&event.data));
    let _ = event.traceparent.as_ref().map(|traceparent| write!(text, " {traceparent}"));
    rest(&mut text, None, &event.metadata, Options::default());
    text
}

#[async_trait]
impl Sidecar for Fake {
    fn app_id(&self) -> &str {
        "app1"
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        let (parts, body) = invocation.request.into_parts();
        let target = match &invocation.target {
            Target::App(app) => app.clone(),
            Target::Endpoint(base) => format!("<{base}>"),
        };
        let names = parts.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?")));
        let headers: Vec<String> = names.collect();
        self.note(format!("{target} {} {} [{}]", parts.method, parts.uri, headers.join(" ")));
        if target == "nope" {
            let message = "failed to invoke, id: nope, err: no host found with the given ID";
            return Err(Error::new(Code::DirectInvoke, message));
        }
        let response = Response::builder().status(404).header("x-app", "1").header("x-app", "2");
        let response = response.header("connection", "x-hop").header("x-hop", "gone");
        Ok(response.body(body).expect("a response"))
    }

    async fn get_state(&self, store: &str, get: Get) -> Result<Option<Item>> {
        known(store)?;
        self.note(format!("get {} {:?} {:?}", get.key, get.consistency, get.metadata));
        Ok(item(&get.key))
    }

    async fn get_bulk_state(&self, store: &str, get: BulkGet) -> Result<Vec<BulkItem>> {
        known(store)?;
        self.note(format!("bulk {:?} {} {:?}", get.keys, get.parallelism, get.metadata));
        let found = |key: String| BulkItem { item: Ok(item(&key)), key };
        Ok(get.keys.into_iter().map(found).collect())
    }

    async fn save_state(&self, store: &str, items: Vec<Set>) -> Result<()> {
        known(store)?;
        self.note(format!("save {}", items.iter().map(show).collect::<Vec<_>>().join(", ")));
        if items.iter().any(|item| item.etag.as_deref() == Some("bad")) {
            let why = "failed saving state in state store store: possible etag mismatch. error from state store: x";
            return Err(Error::new(Code::StateSaveEtagMismatch, why));
        }
        Ok(())
    }

    async fn delete_state(&self, store: &str, delete: Delete) -> Result<()> {
        known(store)?;
        self.note(format!("delete {}", show_delete(&delete)));
        Ok(())
    }

    async fn execute_state_transaction(&self, store: &str, transaction: Transaction) -> Result<()> {
        known(store)?;
        let step = |operation: &Operation| match operation {
            Operation::Upsert(set) => format!("upsert {}", show(set)),
            Operation::Delete(delete) => format!("delete {}", show_delete(delete)),
        };
        let steps: Vec<String> = transaction.operations.iter().map(step).collect();
        self.note(format!("transaction [{}] {:?}", steps.join(", "), transaction.metadata));
        Ok(())
    }

    async fn publish(&self, pubsub: &str, topic: &str, published: Publish) -> Result<()> {
        self.note(format!("publish {pubsub} {topic} {}", event(&published)));
        if pubsub == "pubsub" {
            return Ok(());
        }
        let details = Details { reason: "DAPR_PUBSUB_NOT_FOUND".into(), metadata: Metadata::new(), resource: None };
        Err(Error::new(Code::PubsubNotFound, format!("pubsub {pubsub} is not found")).details(details))
    }

    async fn publish_bulk(
        &self,
        pubsub: &str,
        topic: &str,
        entries: Vec<BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<FailedEntry>> {
        let shown: Vec<String> =
            entries.iter().map(|entry| format!("{}: {}", entry.entry_id, event(&entry.event))).collect();
        self.note(format!("bulk {pubsub} {topic} [{}] {metadata:?}", shown.join(", ")));
        let refused = entries.into_iter().filter(|entry| entry.entry_id == "bad");
        Ok(refused.map(|entry| FailedEntry { entry_id: entry.entry_id, error: "full".into() }).collect())
    }

    async fn invoke_binding(&self, name: &str, request: bindings::Request) -> Result<bindings::Answer> {
        let data = String::from_utf8_lossy(&request.data).into_owned();
        self.note(format!("binding {name} {} {data} {:?}", request.operation, request.metadata));
        let metadata = Metadata::from([("status".to_owned(), "200".to_owned()), ("no name".to_owned(), String::new())]);
        Ok(bindings::Answer { data: request.data, metadata })
    }

    async fn get_secret(&self, store: &str, key: &str, metadata: Metadata) -> Result<Secret> {
        self.note(format!("secret {store} {key} {metadata:?}"));
        match store {
            "vault" => Ok(Secret([(key.to_owned(), "s3cr3t".to_owned())].into())),
            _ => Err(Error::new(Code::SecretStoreNotFound, format!("failed finding secret store with key {store}"))),
        }
    }

    async fn get_bulk_secrets(&self, store: &str, metadata: Metadata) -> Result<Secrets> {
        self.note(format!("secrets {store} {metadata:?}"));
        let secret = |name: &str| (name.to_owned(), Secret([(name.to_owned(), "v".to_owned())].into()));
        Ok([secret("b"), secret("a")].into())
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        Ok(SidecarMetadata { id: "app1".into(), runtime_version: "1".into(), ..SidecarMetadata::default() })
    }

    async fn set_metadata(&self, key: String, value: String) -> Result<()> {
        self.note(format!("set {key}={value}"));
        Ok(())
    }
}
