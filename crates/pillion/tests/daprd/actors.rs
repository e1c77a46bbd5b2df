//! Actors of an http guest that names their types itself: Dapr's calls come to its own routes.

use crate::{
    harness::{Setup, component, tools, until},
    plane::placement,
};

#[test]
fn a_call_of_an_actor_reaches_the_guest_that_names_its_type() {
    let Some(tools) = tools("a_call_of_an_actor_reaches_the_guest_that_names_its_type") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (_placement, address) = placement(&tools, dir.path());
    let app = r#"{ source: http-subscriber.wasm, env: { CONFIG: '{"entities":["Counter"]}' }, allow: { files: ["./events:/events"] } }"#;
    let store = component("actors", "state.in-memory", &[("actorStateStore", "true")]);
    let setup = Setup::new("counters", app, store).flag(format!("--placement-host-address={address}"));
    let mut behind = setup.start(tools);
    // Until the table of placement is there, daprd knows no host of the type.
    let called = until(|| behind.dapr("POST", "/v1.0/actors/Counter/a1/method/add", &[], b"seven").status == 200);
    assert!(called, "{}", behind.daprd.log());
    behind.until("PUT /actors/Counter/a1/method/add seven", 1);
}
