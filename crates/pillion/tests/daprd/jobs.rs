//! Jobs, which Dapr's scheduler starts.

use crate::{
    common::free_ports,
    harness::{Guarded, Setup, tools, until},
};
use std::{path::Path, process::Command};

/// A scheduler of one, with its address.
pub fn scheduler(tools: &Path, dir: &Path) -> (Guarded, String) {
    for _ in 0..5 {
        let [port, health, client, peer] = free_ports();
        let mut command = Command::new(tools.join("scheduler"));
        command.args([
            format!("--port={port}"),
            "--listen-address=127.0.0.1".to_owned(),
            format!("--healthz-port={health}"),
            "--healthz-listen-address=127.0.0.1".to_owned(),
            "--enable-metrics=false".to_owned(),
            format!("--etcd-data-dir={}", dir.join("etcd").display()),
            format!("--etcd-client-port={client}"),
            format!("--etcd-initial-cluster=dapr-scheduler-server-0=http://127.0.0.1:{peer}"),
            format!("--override-broadcast-host-port=127.0.0.1:{port}"),
            format!("--identity-directory-write={}", dir.join("identity").display()),
        ]);
        std::fs::create_dir_all(dir.join("identity")).expect("a folder");
        let mut scheduler = Guarded::start(&mut command, dir.join("scheduler.log"));
        match scheduler.wait(&format!("http://127.0.0.1:{health}/healthz"), 200) {
            Ok(()) => return (scheduler, format!("127.0.0.1:{port}")),
            Err(log) if log.contains("in use") => {}
            Err(log) => panic!("the scheduler does not start:\n{log}"),
        }
    }
    panic!("no free ports");
}

#[test]
fn a_job_that_is_due_starts_the_guest_of_on() {
    let app = r#"{ guests: { worker: { source: event-recorder.wasm } }, routes: [{ path: /api, guest: worker }], on: [{ job: reindex, guest: worker }], allow: { files: ["./events:/events"] } }"#;
    let Some(tools) = tools("a_job_that_is_due_starts_the_guest_of_on") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (_scheduler, address) = scheduler(&tools, dir.path());
    for protocol in ["http", "grpc"] {
        let setup = Setup::new("planner", app, "").protocol(protocol);
        let mut behind = setup.flag(format!("--scheduler-host-address={address}")).start(tools.clone());
        let job = br#"{"data":{"what":"everything"},"dueTime":"1s"}"#;
        let path = "/v1.0-alpha1/jobs/reindex?overwrite=true";
        // daprd finds its scheduler a moment after it is ready.
        let json = [("content-type", "application/json")];
        let taken = until(|| matches!(behind.dapr("POST", path, &json, job).status, 200 | 204));
        assert!(taken, "{}", behind.daprd.log());
        behind.until("POST /job/reindex", 1);
        assert!(behind.events()[0].contains("everything"), "{:#?}", behind.events());
    }
}
