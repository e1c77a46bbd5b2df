//! Actors of an http guest that names their types itself: Dapr's calls come to its own routes.

use crate::{
    common::free_ports,
    harness::{Guarded, Setup, component, tools, until},
};
use std::{path::Path, process::Command};

/// A placement service of one, with its address.
pub fn placement(tools: &Path, dir: &Path) -> (Guarded, String) {
    for _ in 0..5 {
        let [port, health, peer] = free_ports();
        let mut command = Command::new(tools.join("placement"));
        command.args([
            format!("--port={port}"),
            "--listen-address=127.0.0.1".to_owned(),
            format!("--healthz-port={health}"),
            "--healthz-listen-address=127.0.0.1".to_owned(),
            "--enable-metrics=false".to_owned(),
            format!("--initial-cluster=dapr-placement-0=127.0.0.1:{peer}"),
        ]);
        let mut placement = Guarded::start(&mut command, dir.join("placement.log"));
        match placement.wait(&format!("http://127.0.0.1:{health}/healthz"), 200) {
            Ok(()) => return (placement, format!("127.0.0.1:{port}")),
            Err(log) if log.contains("in use") => {}
            Err(log) => panic!("the placement service does not start:\n{log}"),
        }
    }
    panic!("no free ports");
}

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
