//! A runtime, apps of odd guests, and a sidecar that answers what it is told to.
#![allow(dead_code, unreachable_pub)]

pub mod double;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pillion_api::metadata::SidecarMetadata;
use pillion_api::{
    AppChannel, Body, Code, Error, Invocation, Metadata, Result, Sidecar, Target, body, pubsub, secrets, state,
};
use pillion_runtime::{App, AppSpec, DaprHttp, Guest, GuestSpec, Limits, Options, Runtime};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The largest answer that a test reads.
const MAX_ANSWER: u64 = 64 << 20;

/// A runtime without a cache on disk.
pub fn runtime() -> Runtime {
    Runtime::new(Options { max_instances: 64, ..Options::default() }).expect("a runtime")
}

/// A loaded guest of text.
pub fn guest(runtime: &Runtime, wat: &str) -> Guest {
    runtime.load("guest", wat.to_owned().into_bytes(), None).expect("a guest")
}

/// Why text can't be loaded.
pub fn refused(runtime: &Runtime, wat: &str) -> Error {
    runtime.load("guest", wat.to_owned().into_bytes(), None).expect_err("refused")
}

/// A guest that `cargo xtask guests` built.
pub fn built(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../guests/out").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|_| panic!("no `{}`: run `cargo xtask guests` first", path.display()))
}

/// An app of one guest.
pub fn app(runtime: &Runtime, guest: Guest, limits: Limits) -> App {
    app_of(runtime, AppSpec { guests: vec![GuestSpec { limits, ..GuestSpec::new("guest", guest) }], ..spec() })
}

/// The specification of an app without guests.
pub fn spec() -> AppSpec {
    AppSpec { app_id: "app".into(), ..AppSpec::default() }
}

/// An app whose sidecar refuses everything.
pub fn app_of(runtime: &Runtime, spec: AppSpec) -> App {
    runtime.app(spec, Arc::new(FakeSidecar::default()), no_dapr()).expect("an app")
}

/// A Dapr port that nothing stands behind.
pub fn no_dapr() -> DaprHttp {
    Arc::new(|_| Box::pin(async { Error::new(Code::BadRequest, "no Dapr port in this test").dapr_response() }))
}

/// Calls an app with a body; the status and the body of the answer.
pub async fn post(app: &App, body: impl Into<Bytes>) -> Result<(StatusCode, Bytes)> {
    call(app, Request::post("/").body(body::full(body)).expect("a request")).await
}

/// Calls an app; an error of the app channel stays one.
pub async fn call(app: &App, request: Request<Body>) -> Result<(StatusCode, Bytes)> {
    let response = app.invoke(request).await?;
    let status = response.status();
    Ok((status, body::collect(response.into_body(), MAX_ANSWER).await?))
}

/// Asks an echo: path and headers come back before the body, and all of that.
pub async fn echoes(app: &App) {
    let request =
        Request::put("/a%20b//c/?q=1").header("x-one", "1").body(body::full(vec![b'x'; 200_000])).expect("a request");
    let (status, answer) = call(app, request).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
    let head = String::from_utf8_lossy(&answer[..200]);
    assert!(head.starts_with("PUT /a%20b/c?q=1\n") && head.contains("x-one: 1\n"), "{head}");
    assert!(answer.ends_with(&vec![b'x'; 200_000]), "{} bytes", answer.len());
}

/// A call that must fail.
pub async fn failure(app: &App, body: &'static [u8]) -> Error {
    post(app, body).await.expect_err("a failure")
}

/// A call of another app, as the sidecar saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub app: String,
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

/// Answers every invocation with 200 and `sidecar:` before the body.
#[derive(Default)]
pub struct FakeSidecar {
    pub seen: Mutex<Vec<Seen>>,
    /// What it says of itself.
    pub in_process: bool,
}

fn not_here<T>() -> Result<T> {
    Err(Error::new(Code::ApiUnimplemented, "not in this test"))
}

#[async_trait]
impl Sidecar for FakeSidecar {
    fn app_id(&self) -> &str {
        "app"
    }

    fn is_in_process(&self) -> bool {
        self.in_process
    }

    async fn invoke(&self, invocation: Invocation) -> Result<Response<Body>> {
        let Target::App(app) = invocation.target else { return not_here() };
        let (parts, incoming) = invocation.request.into_parts();
        let bytes = body::collect(incoming, MAX_ANSWER).await?;
        let answer = [b"sidecar:", &bytes[..]].concat();
        let path = parts.uri.to_string();
        self.seen.lock().expect("no panic").push(Seen { app, path, headers: parts.headers, body: bytes });
        Ok(Response::new(body::full(answer)))
    }

    async fn get_state(&self, _: &str, _: state::Get) -> Result<Option<state::Item>> {
        not_here()
    }

    async fn get_bulk_state(&self, _: &str, _: state::BulkGet) -> Result<Vec<state::BulkItem>> {
        not_here()
    }

    async fn save_state(&self, _: &str, _: Vec<state::Set>) -> Result<()> {
        not_here()
    }

    async fn delete_state(&self, _: &str, _: state::Delete) -> Result<()> {
        not_here()
    }

    async fn execute_state_transaction(&self, _: &str, _: state::Transaction) -> Result<()> {
        not_here()
    }

    async fn publish(&self, _: &str, _: &str, _: pubsub::Publish) -> Result<()> {
        not_here()
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

    async fn get_secret(&self, _: &str, _: &str, _: Metadata) -> Result<secrets::Secret> {
        not_here()
    }

    async fn get_bulk_secrets(&self, _: &str, _: Metadata) -> Result<secrets::Secrets> {
        not_here()
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        not_here()
    }

    async fn set_metadata(&self, _: String, _: String) -> Result<()> {
        not_here()
    }
}
