//! The stream by which a daprd from 1.18 on asks for turns: what it can't carry, and who has none.

use super::{Plane, ask, call, logs, until_said};
use crate::harness::{tools, until};

/// daprd would end the stream, and with it every turn in hand.
#[test]
fn a_turn_that_is_too_large_either_way_is_an_error_of_its_own() {
    let Some(plane) = Plane::streamed("a_turn_that_is_too_large_either_way_is_an_error_of_its_own") else { return };
    let mut behind = plane.start_app("", ", limits: { request: 1Mi }");
    let refused = call(&behind, "a", "get", &" ".repeat(2 << 20));
    assert!(refused.status == 500 && refused.text().contains("PILLION_REQUEST_TOO_LARGE"), "{}", refused.text());
    assert_eq!(ask(&mut behind, "a", "long", "4000000").len(), 4_000_000);
    let failed = call(&behind, "a", "long", "5000000");
    assert_eq!(failed.status, 500, "{}", failed.text());
    assert!(failed.text().contains("PILLION_GUEST_LIMIT: the actor's answer is larger"), "{}", failed.text());
    // The same stream, so the same actor.
    assert_eq!(ask(&mut behind, "a", "turns", ""), "3");
}

#[test]
fn an_app_without_a_port_hosts_actors() {
    let Some(plane) = Plane::streamed("an_app_without_a_port_hosts_actors") else { return };
    let mut behind = plane.start_setup(plane.setup("", "").without_port());
    assert_eq!(ask(&mut behind, "a", "add", "2"), "2");
    ask(&mut behind, "a", "remind", "pay 0s");
    assert!(until(|| call(&behind, "a", "get", "").text() == "102"), "{}", logs(&mut behind));
}

#[test]
fn a_daprd_that_asks_by_no_stream_is_told_of() {
    let Some(tools) = tools("a_daprd_that_asks_by_no_stream_is_told_of") else { return };
    let plane = Plane::start(tools, "grpc");
    let mut behind = plane.setup("", "").start_in(&plane.network);
    until_said(&mut behind, "daprd hosts actors of apps of gRPC from 1.18 on");
    let nobody = call(&behind, "a", "get", "");
    assert_eq!(nobody.status, 500, "{}", nobody.text());
}

#[test]
fn a_wrong_token_is_told_of() {
    let Some(plane) = Plane::streamed("a_wrong_token_is_told_of") else { return };
    let mut setup = plane.setup("", "");
    setup.api_token = Some("secret");
    let mut behind = setup.variable("DAPR_API_TOKEN", "another").start_in(&plane.network);
    until_said(&mut behind, "give both processes the same DAPR_API_TOKEN");
}
