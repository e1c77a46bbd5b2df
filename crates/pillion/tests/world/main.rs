//! Guests of `pillion:dapr` against a sidecar's double and against the embedded sidecar.
#![allow(unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod double;
mod embedded;
mod events;
mod hostile;
mod streams;
mod wit;

use bytes::Bytes;
use common::root;
use double::Double;
use http::{Request, StatusCode};
use pillion_api::{AppChannel, Code, Error, Sidecar, body, policy::Allow};
use pillion_runtime::{App, AppSpec, DaprHttp, GuestSpec, Limits, On, Options, Runtime, Trigger};
use pillion_sidecar::Policy;
use std::sync::Arc;

/// The largest answer that a test reads.
const MAX_ANSWER: u64 = 64 << 20;

fn runtime() -> Runtime {
    Runtime::new(Options { max_instances: 64, ..Options::default() }).expect("a runtime")
}

/// A guest that `cargo xtask guests` built.
fn guest(runtime: &Runtime, name: &str) -> pillion_runtime::Guest {
    let path = root().join("guests/out").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|_| panic!("no `{}`: run `cargo xtask guests`", path.display()));
    runtime.load(name, bytes, None).expect("a guest")
}

/// A grant of every component that the cases use.
fn everything() -> Allow {
    let c = || vec!["c".to_owned()];
    Allow {
        state: vec!["c".into(), "notes".into()],
        publish: c(),
        invoke: vec!["c".into(), "app".into()],
        bindings: c(),
        secrets: c(),
        configuration: c(),
        locks: c(),
        crypto: c(),
        conversation: c(),
        jobs: c(),
        actors: c(),
        workflows: c(),
        ..Allow::default()
    }
}

/// An app of the guest with every handler.
fn cases(runtime: &Runtime, sidecar: Arc<dyn Sidecar>, allow: Allow, limits: Limits, on: Vec<On>) -> App {
    let guests = vec![GuestSpec { limits, ..GuestSpec::new("cases", guest(runtime, "dapr-cases")) }];
    let triggers = on.into_iter().map(|on| Trigger { on, guest: "cases".into() }).collect();
    let spec = AppSpec { app_id: "app".into(), guests, triggers, allow: allow.clone(), ..AppSpec::default() };
    let no_port: DaprHttp = Arc::new(|_| Box::pin(async { Error::new(Code::BadRequest, "no port").dapr_response() }));
    runtime.app(spec, Arc::new(Policy::new(sidecar, allow, "app")), no_port).expect("an app")
}

/// An app of a handler of wasi:http, which gets events as daprd posts them.
fn http_app(runtime: &Runtime, double: &Arc<Double>, on: Vec<On>) -> App {
    let built = |name| guest(runtime, name);
    let guests = vec![GuestSpec::new("noting", built("http-dapr"))];
    let triggers = on.into_iter().map(|on| Trigger { on, guest: "noting".into() }).collect();
    let spec = AppSpec { app_id: "app".into(), guests, triggers, allow: everything(), ..AppSpec::default() };
    let no_port: DaprHttp = Arc::new(|_| Box::pin(async { Error::new(Code::BadRequest, "no port").dapr_response() }));
    runtime.app(spec, Arc::new(Policy::new(double.clone(), everything(), "app")), no_port).expect("an app")
}

/// An app that may ask its double everything.
fn app(runtime: &Runtime, double: &Arc<Double>) -> App {
    cases(runtime, double.clone(), everything(), Limits::default(), Vec::new())
}

/// What the app answers to a request: a failure as its problem body.
async fn get(app: &App, path: &str) -> (StatusCode, Bytes) {
    let request = Request::get(path).body(body::empty()).expect("a request");
    let response = app.invoke(request).await.unwrap_or_else(|error| error.problem_response());
    let status = response.status();
    (status, body::collect(response.into_body(), MAX_ANSWER).await.expect("an answer"))
}

/// The same as text, for an answer that has to be one.
async fn text(app: &App, path: &str) -> String {
    let (status, answer) = get(app, path).await;
    let answer = String::from_utf8(answer.into()).expect("text");
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}
