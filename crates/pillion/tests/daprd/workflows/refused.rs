//! What the code of a workflow can't do, and what becomes of one that tries.

use super::{CASES, Hub};
use crate::common;
use std::fs;

const STRICT: &str = "{ guests: { cases: { source: workflow-cases.wasm, limits: { timeout: 1s } } }, workflows: {}, allow: { state: [statestore] } }";

#[test]
fn a_workflow_has_its_history_and_nothing_else() {
    let Some(hub) = Hub::start("a_workflow_has_its_history_and_nothing_else") else { return };
    let mut flow = hub.app("cases", STRICT);
    // Random numbers and UUIDs are those of the first run, there is no environment, and time stands still.
    assert_eq!(flow.run("same", "same", ""), "true 0 true");
    for (input, error, message) in [
        ("state", "PILLION_NOT_ALLOWED", "do this in an activity"),
        ("trap", "PILLION_GUEST_TRAP", "hostile::trap"),
        ("spin", "PILLION_GUEST_TIMEOUT", "limits.timeout"),
        ("many", "PILLION_GUEST_LIMIT", "workflows.actions"),
        ("large", "PILLION_GUEST_LIMIT", "workflows.payload"),
    ] {
        flow.start("hostile", input, input);
        let (kind, said) = flow.failure(input);
        assert_eq!(kind, error, "{input}: {said}");
        assert!(said.contains(message), "{input}: {said}");
    }
    let files = flow.run("hostile", "files", "files");
    assert!(files.contains("Err("), "{files}");
    let state = flow.0.dapr("GET", "/v1.0/state/statestore/from-a-workflow", &[], b"");
    assert_eq!(state.status, 204, "a workflow wrote state");
    for (activity, error, message) in [
        ("fail", "OutOfStock", "text"),
        ("trap", "PILLION_GUEST_TRAP", "activities::trap"),
        ("spin", "PILLION_GUEST_TIMEOUT", "limits.timeout"),
        ("nobody", "PILLION_ROUTE_NOT_FOUND", "no activity `nobody`"),
    ] {
        let id = format!("ask-{activity}");
        flow.start("ask", &id, activity);
        let (kind, said) = flow.failure(&id);
        assert_eq!(kind, error, "{activity}: {said}");
        assert!(said.contains(message), "{activity}: {said}");
    }
    flow.start("nowhere", "nowhere", "");
    assert!(flow.failure("nowhere").1.contains("no workflow `nowhere`"));
}

#[test]
fn code_that_changed_under_a_running_workflow_is_named() {
    let Some(hub) = Hub::start("code_that_changed_under_a_running_workflow_is_named") else { return };
    let mut flow = hub.app("cases", CASES);
    flow.start("changing", "changing", "");
    // Its activity is done: only the event is missing.
    flow.until("changing", "RUNNING");
    let other = CASES.replace("cases: {", "changed: {");
    flow.0.change(&other);
    flow.raise_at_last("changing", "go", "1");
    let (kind, message) = flow.failure("changing");
    assert_eq!(kind, "NonDeterminismError", "{message}");
    for part in ["`changing`", "action 0", "the activity `upper`", "the activity `keep`"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn without_a_daprd_an_app_with_workflows_does_not_start() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(common::guest("workflow-cases"), dir.path().join("workflow-cases.wasm")).expect("a guest");
    let manifest = format!("version: 1\napps: [{{ appDirPath: ., appID: cases, wasm: {CASES} }}]\n");
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let ended = common::run(&["up", "--metrics-port", "0"], dir.path());
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("app `cases` has `workflows`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("behind a daprd"), "{}", ended.stderr);
}
