//! Processes that end in the middle: an order loses nothing.

use super::Hub;

const ORDERS: &str =
    "{ guests: { orders: { source: order-approval.wasm } }, workflows: {}, allow: { state: [statestore] } }";
const ORDER: &str = r#"{"item":"chair","amount":3}"#;
const CHARGED: &str = r#"{"item":"chair","amount":3,"status":"charged"}"#;

#[test]
fn an_order_outlives_its_app_and_its_daprd() {
    let Some(hub) = Hub::start("an_order_outlives_its_app_and_its_daprd") else { return };
    let mut flow = hub.app("orders", ORDERS);
    flow.start("order", "first", ORDER);
    flow.until_said("first", "waiting for approval");
    flow.0.kill();
    flow.0.restart();
    flow.raise_at_last("first", "approval", "true");
    assert_eq!(flow.output("first"), CHARGED);

    flow.start("order", "second", ORDER);
    flow.until_said("second", "waiting for approval");
    flow.0.stop_daprd();
    flow.0.start_daprd();
    flow.raise_at_last("second", "approval", "true");
    assert_eq!(flow.output("second"), CHARGED);
    let state = flow.0.dapr("GET", "/v1.0/state/statestore/order-second", &[], b"");
    assert_eq!(state.text(), "charged");
}

/// Turns and activities in hand come again. Both processes end: a daprd 1.16.0 whose only worker is gone with activities in hand
/// may wait for them before it takes the next worker, and then waits for ever.
#[test]
fn work_in_hand_is_done_by_the_next_process() {
    let Some(hub) = Hub::start("work_in_hand_is_done_by_the_next_process") else { return };
    let mut flow = hub.app("cases", super::CASES);
    flow.run("ask", "warm", "upper");
    for round in 0..2 {
        let id = format!("fan-{round}");
        flow.start("fan", &id, "40");
        flow.until(&id, "RUNNING");
        flow.0.kill();
        flow.0.stop_daprd();
        flow.0.restart();
        flow.0.start_daprd();
        assert_eq!(flow.output(&id), (0..40).map(|n| format!("N{n}")).collect::<Vec<_>>().join(","));
    }
}

#[test]
fn an_order_that_nobody_approves_is_cancelled() {
    let Some(hub) = Hub::start("an_order_that_nobody_approves_is_cancelled") else { return };
    let mut flow = hub.app("orders", ORDERS);
    let output = flow.run("order", "late", r#"{"item":"chair","amount":3,"approve_within":300}"#);
    assert!(output.contains("cancelled"), "{output}");
    flow.start("order", "wrong", "{}");
    assert_eq!(flow.failure("wrong").0, "InvalidOrder");
    // What is in hand is answered before the process ends.
    let (status, printed) = flow.0.terminate();
    assert!(status.success(), "{printed}");
}

#[test]
fn two_apps_of_one_id_share_the_work() {
    let Some(hub) = Hub::start("two_apps_of_one_id_share_the_work") else { return };
    let (mut one, mut other) = (hub.app("cases", super::CASES), hub.app("cases", super::CASES));
    for n in 0..6 {
        let flow = if n % 2 == 0 { &one } else { &other };
        flow.start("fan", &format!("shared-{n}"), "10");
    }
    for n in 0..6 {
        assert!(other.output(&format!("shared-{n}")).starts_with("N0,N1,"));
    }
    // The one that stays does what is left.
    one.start("event", "left", "");
    one.until("left", "RUNNING");
    let (status, printed) = one.0.terminate();
    assert!(status.success(), "{printed}");
    one.0.stop_daprd();
    other.raise_at_last("left", "go", "1");
    assert_eq!(other.output("left"), "1");
}
