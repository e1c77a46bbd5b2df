//! What a workflow can be made of, one case each.

use super::{CASES, Flow, Hub, text};
use crate::common::root;

#[test]
fn activities_come_one_after_the_other_and_all_at_once() {
    let Some(hub) = Hub::start("activities_come_one_after_the_other_and_all_at_once") else { return };
    let mut flow = hub.app("cases", CASES);
    assert_eq!(flow.run("sequence", "sequence", "a"), "A123");
    assert_eq!(text(&flow.look("sequence"), "custom_status"), "step 3");
    assert_eq!(flow.run("fan", "fan", "20"), (0..20).map(|n| format!("N{n}")).collect::<Vec<_>>().join(","));
    tries(&mut flow);
    children(&mut flow);
    failures(&mut flow);
}

/// Two failures, each with its pause.
fn tries(flow: &mut Flow) {
    assert_eq!(flow.run("retry", "retry", "x"), "try 3");
}

fn children(flow: &mut Flow) {
    assert_eq!(flow.run("child", "child", "c"), "C123 OrderRefused: no order today");
}

fn failures(flow: &mut Flow) {
    flow.start("failing", "failing", "chairs");
    assert_eq!(flow.failure("failing"), ("OrderRefused".to_owned(), "no order today".to_owned()));
}

#[test]
fn a_workflow_has_work_done_by_another_app() {
    let Some(hub) = Hub::start("a_workflow_has_work_done_by_another_app") else { return };
    let at = |place: &str| {
        format!(
            "{{ guests: {{ cases: {{ source: workflow-cases.wasm, env: {{ PLACE: {place} }} }} }}, workflows: {{}}, allow: {{ state: [statestore] }} }}"
        )
    };
    let (mut here, mut there) = (hub.app("here", &at("here")), hub.app("there", &at("there")));
    // Each daprd has its own actors, once it knows the other's.
    assert_eq!(there.run("place", "place", ""), "there");
    assert_eq!(here.run("elsewhere", "elsewhere", "there"), "there there here");
}

#[test]
fn timers_and_events_move_a_workflow() {
    let Some(hub) = Hub::start("timers_and_events_move_a_workflow") else { return };
    let mut flow = hub.app("cases", CASES);
    flow.start("event", "event", "");
    flow.start("late-event", "late-event", "");
    // One of them before the wait, one perhaps after it; names are the same in upper and lower case.
    flow.raise("late-event", "GO", "\"first\"");
    let elapsed: u64 = flow.run("timer", "timer", "800").parse().expect("milliseconds");
    assert!(elapsed >= 800, "{elapsed}");
    assert_eq!(flow.run("event-timeout", "event-timeout", ""), "TaskCanceled");
    assert_eq!(flow.run("any", "any-timer", "200"), "timer");
    flow.start("any", "any-event", "60000");
    flow.raise("any-event", "go", "1");
    assert_eq!(flow.output("any-event"), "event");
    flow.raise("late-event", "go", "\"second\"");
    assert_eq!(flow.output("late-event"), "\"first\" \"second\"");
    flow.raise("event", "go", "{\"a\":1}");
    assert_eq!(flow.output("event"), "{\"a\":1}");
}

#[test]
fn a_workflow_is_held_ended_and_begun_anew() {
    let Some(hub) = Hub::start("a_workflow_is_held_ended_and_begun_anew") else { return };
    let mut flow = hub.app("cases", CASES);
    flow.start("event", "held", "");
    flow.until("held", "RUNNING");
    flow.steer("held", "pause", "");
    flow.until("held", "SUSPENDED");
    flow.raise("held", "go", "1");
    flow.until("held", "SUSPENDED");
    flow.steer("held", "resume", "");
    assert_eq!(flow.output("held"), "1");
    flow.start("event", "ended", "");
    flow.until("ended", "RUNNING");
    flow.steer("ended", "terminate", "");
    flow.until("ended", "TERMINATED");
    // The event comes rounds before anybody waits for it.
    flow.start("eternal", "eternal", "0");
    flow.raise("eternal", "go", "\"kept\"");
    assert_eq!(flow.output("eternal"), "\"kept\"");
    flow.steer("eternal", "purge", "");
    assert_eq!(flow.0.dapr("GET", "/v1.0/workflows/dapr/eternal", &[], b"").status, 404);
}

/// The same in the languages whose guests `cargo xtask languages` built.
fn in_language(name: &str) {
    let Some(hub) = Hub::start(name) else { return };
    let guest = root().join("guests/out").join(name).with_extension("wasm");
    if !guest.exists() {
        println!("skipped: {name}: it is not built: `cargo xtask languages` says what is missing");
        return;
    }
    let app = format!(
        "{{ source: {}, limits: {{ timeout: 20s }}, workflows: {{}}, allow: {{ state: [statestore] }} }}",
        guest.display()
    );
    let mut flow = hub.app("shop", &app);
    flow.start("approval", "asked", r#"{"item":"tea"}"#);
    flow.raise("asked", "answer", "\"yes\"");
    assert_eq!(flow.json("asked"), serde_json::json!({"kept": "TEA", "answer": "yes"}));
    flow.start("approval", "late", r#"{"item":"tea","patience":100}"#);
    assert_eq!(flow.json("late"), serde_json::json!({"kept": "TEA", "answer": "TaskCanceled"}));
    flow.start("approval", "wrong", "{}");
    assert_eq!(flow.failure("wrong"), ("NoItem".to_owned(), "an order has an item".to_owned()));
}

#[test]
fn a_workflow_in_javascript() {
    in_language("js-shop");
}

#[test]
fn a_workflow_in_python() {
    in_language("py-shop");
}
