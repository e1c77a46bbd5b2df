//! Jobs, which Dapr's scheduler starts.

use crate::{
    harness::{Setup, tools, until},
    plane::scheduler,
};

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
