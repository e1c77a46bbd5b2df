//! Components made by hand: commands of 0.2, and http guests that give no answer.

mod common;

use common::{app, failure, guest, post, runtime};
use http::StatusCode;
use pillion_api::Code;
use pillion_runtime::{GuestKind, Limits};
use std::time::Duration;

fn command(code: &str) -> String {
    format!(
        r#"(component
          (core module $m (func (export "run") (result i32) {code}))
          (core instance $i (instantiate $m))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (instance $exported (export "run" (func $run)))
          (export "wasi:cli/run@0.2.0" (instance $exported)))"#
    )
}

#[tokio::test]
async fn a_component_can_be_a_command() {
    let runtime = runtime();
    let good = guest(&runtime, &command("i32.const 0"));
    assert_eq!(good.kind(), GuestKind::Command);
    assert_eq!(post(&app(&runtime, good, Limits::default()), "").await.expect("an answer").0, StatusCode::OK);
    let failed = app(&runtime, guest(&runtime, &command("i32.const 1")), Limits::default());
    assert_eq!(failure(&failed, b"").await.code(), Code::GuestExit);
}

fn http(code: &str) -> String {
    format!(
        r#"(component
          (import "wasi:http/types@0.2.0" (instance $types
            (export "incoming-request" (type (sub resource))) (export "response-outparam" (type (sub resource)))))
          (alias export $types "incoming-request" (type $request))
          (alias export $types "response-outparam" (type $out))
          (core module $m (func (export "handle") (param i32 i32) {code}))
          (core instance $i (instantiate $m))
          (func $handle (param "request" (own $request)) (param "response-out" (own $out)) (canon lift (core func $i "handle")))
          (instance $exported (export "handle" (func $handle)))
          (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#
    )
}

#[tokio::test]
async fn a_handler_that_gives_no_answer_is_an_error() {
    let runtime = runtime();
    for (code, expected) in
        [("", Code::GuestNoResponse), ("unreachable", Code::GuestTrap), ("(loop $l (br $l))", Code::GuestTimeout)]
    {
        let limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() };
        let app = app(&runtime, guest(&runtime, &http(code)), limits);
        let error = failure(&app, b"body").await;
        assert_eq!(error.code(), expected, "{code}: {error:?}");
        assert_eq!(app.stats()[0].in_flight, 0);
    }
}
