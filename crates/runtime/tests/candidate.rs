//! Components of WASI 0.3's last release candidate run as those of 0.3.0.

mod common;

use common::{FakeSidecar, app, built, call, no_dapr, runtime, spec};
use http::Request;
use pillion_api::{body, policy::Allow};
use pillion_runtime::{AppSpec, GuestKind, GuestSpec, Limits, LoadOptions, Mode, inspect};
use std::sync::Arc;

const GUEST: &str = "http-candidate";
const CANDIDATE: &str = "@0.3.0-rc-2026-03-15";

#[test]
fn it_is_shown_by_the_names_of_the_release() {
    let bytes = built(GUEST);
    assert!(String::from_utf8_lossy(&bytes).contains(CANDIDATE), "the guest is of the candidate");
    let inspection = inspect(&bytes).expect("a guest");
    assert_eq!((inspection.kind, &inspection.problem), (Some(GuestKind::Http), &None));
    let imports: Vec<&str> = inspection.imports.iter().map(|import| import.module.as_str()).collect();
    assert!(imports.contains(&"wasi:http/client@0.3.0"), "{imports:?}");
    assert!(!imports.iter().any(|import| import.contains("-rc-")), "{imports:?}");
}

#[tokio::test]
async fn it_waits_streams_and_calls_in_every_mode() {
    let runtime = runtime();
    for mode in [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 4 }] {
        let options = LoadOptions { mode, ..LoadOptions::default() };
        let guest = runtime.load_with(GUEST, built(GUEST), None, &options).expect("a guest");
        let guests = vec![GuestSpec::new(GUEST, guest)];
        let spec = AppSpec { guests, allow: Allow::default(), ..spec() };
        let sidecar = Arc::new(FakeSidecar::default());
        let app = runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app");
        let request = Request::post("/twice").body(body::full(vec![b'x'; 200_000])).expect("a request");
        let (status, answer) = call(&app, request).await.expect("an answer");
        assert_eq!((status.as_u16(), answer.len()), (200, "/twice\n".len() + 200_000));
        let request = Request::get("/call").header("x-url", "http://shop.dapr/orders").body(body::empty());
        let (_, answer) = call(&app, request.expect("a request")).await.expect("an answer");
        assert_eq!(&answer[..], b"200\n");
        assert_eq!(sidecar.seen.lock().expect("no panic").remove(0).path, "/orders");
    }
}

#[tokio::test]
async fn what_was_compiled_ahead_runs_too() {
    let runtime = runtime();
    let artefact = runtime.compile(&built(GUEST)).expect("compiles");
    let options = LoadOptions { trust_precompiled: true, ..LoadOptions::default() };
    let guest = runtime.load_with(GUEST, artefact, None, &options).expect("loads");
    let app = app(&runtime, guest, Limits::default());
    let request = Request::get("/ahead").body(body::empty()).expect("a request");
    assert_eq!(&call(&app, request).await.expect("an answer").1[..], b"/ahead\n");
}
