//! Guests that call: what they ask of Dapr goes to the real daprd, under their app's `allow`.

use crate::harness::{Behind, Network, Setup, bus, component, tools};
use std::sync::Arc;

/// Calls whatever URL a request names.
const CALLER: &str = "{ guests: { call: { source: http-call.wasm } }, routes: [{ path: /, guest: call }], allow: { state: [store/mine*], invoke: [echo], publish: [bus/allowed] } }";
const ECHO: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";

fn resources() -> String {
    component("store", "state.in-memory", &[]) + &bus()
}

fn caller(network: &Arc<Network>) -> Behind {
    Setup::new("caller", CALLER, resources()).start_in(network)
}

/// What the guest says of the answer to its call.
fn call(app: &Behind, method: &str, url: &str, body: &str) -> String {
    app.app(method, "/", &[("x-url", url), ("content-type", "application/json")], body.as_bytes()).text()
}

fn dapr_url(app: &Behind, path: &str) -> String {
    format!("http://localhost:{}{path}", app.ports.http)
}

#[test]
fn state_that_a_guest_saves_is_daprds() {
    let Some(tools) = tools("guests' state in daprd") else { return };
    let app = caller(&Network::new(tools));
    let saved = call(&app, "POST", &dapr_url(&app, "/v1.0/state/store"), r#"[{"key":"mine1","value":{"a":1}}]"#);
    assert!(saved.starts_with("status 204"), "{saved}");
    let read = app.dapr("GET", "/v1.0/state/store/mine1", &[], b"");
    assert_eq!((read.status, read.text().as_str()), (200, r#"{"a":1}"#));
    let got = call(&app, "GET", &dapr_url(&app, "/v1.0/state/store/mine1"), "");
    assert!(got.contains(r#"{"a":1}"#), "{got}");
    let none = call(&app, "GET", &dapr_url(&app, "/v1.0/state/nostore/mine1"), "");
    assert!(none.contains("PILLION_NOT_ALLOWED"), "{none}");
}

#[test]
fn daprd_is_asked_only_for_what_is_allowed() {
    let Some(tools) = tools("guests' grants before daprd") else { return };
    let app = caller(&Network::new(tools));
    for (method, path, body) in [
        ("POST", "/v1.0/state/store", r#"[{"key":"other","value":1}]"#),
        ("POST", "/v1.0/publish/bus/secret", "{}"),
        ("GET", "/v1.0/invoke/nobody/method/x", ""),
    ] {
        let denied = call(&app, method, &dapr_url(&app, path), body);
        assert!(denied.starts_with("status 403") && denied.contains("PILLION_NOT_ALLOWED"), "{path}: {denied}");
    }
    let allowed = call(&app, "POST", &dapr_url(&app, "/v1.0/publish/bus/allowed"), "{}");
    assert!(allowed.starts_with("status 204"), "{allowed}");
}

#[test]
fn a_guest_calls_another_app_through_two_daprds() {
    let Some(tools) = tools("guests' invocation through daprd") else { return };
    let network = Network::new(tools);
    let _echo = Setup::new("echo", ECHO, "").start_in(&network);
    let app = caller(&network);
    for url in ["http://echo.dapr/hello?x=1".to_owned(), dapr_url(&app, "/v1.0/invoke/echo/method/hello?x=1")] {
        let answer = call(&app, "POST", &url, "text");
        assert!(answer.starts_with("status 200") && answer.contains("text"), "{url}: {answer}");
    }
}

#[test]
fn a_guest_outlives_its_daprd() {
    let Some(tools) = tools("guests without their daprd") else { return };
    let mut app = caller(&Network::new(tools));
    let url = dapr_url(&app, "/v1.0/state/store/mine1");
    assert!(call(&app, "GET", &url, "").starts_with("status 204"));
    app.stop_daprd();
    let away = call(&app, "GET", "http://echo.dapr/x", "");
    assert!(away.starts_with("status 503") && away.contains("PILLION_SIDECAR_UNAVAILABLE"), "{away}");
    app.start_daprd();
    let back = call(&app, "GET", &url, "");
    assert!(back.starts_with("status 204"), "{back}");
}
