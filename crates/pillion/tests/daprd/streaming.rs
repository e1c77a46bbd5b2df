//! Streaming subscriptions: the app asks daprd for the events, so that no port of the app takes any.

use crate::{
    harness::{Behind, Network, Setup, bus, component, rounds, tools, until},
    instances,
    redis::{REDELIVERY, Redis},
    restarts, shutdown, typed,
};

const LISTENER: &str = r#"{ guests: { listener: { source: event-recorder.wasm } }, routes: [{ path: /never, guest: listener }], on: [{ pubsub: bus, topic: orders, streaming: true, deadLetterTopic: dead }, { pubsub: bus, topic: dead, streaming: true }, { pubsub: bus, topic: raw, streaming: true, metadata: { rawPayload: "true" } }], allow: { files: ["./events:/events"] } }"#;
const HTTP: &str = r#"{ guests: { own: { source: http-subscriber.wasm } }, on: [{ pubsub: bus, topic: orders, streaming: true }], allow: { files: ["./events:/events"] } }"#;
/// No dead letters: what no stream takes any more is the broker's to deliver again.
const PLAIN: &str = r#"{ guests: { listener: { source: event-recorder.wasm }, echo: { source: http-echo.wasm } }, routes: [{ path: /api, guest: echo }], on: [{ pubsub: bus, topic: orders, guest: listener, streaming: true }], allow: { files: ["./events:/events"] } }"#;
const EVENT: (&str, &str) = ("content-type", "application/cloudevents+json");

/// The in-memory broker keeps nothing for who comes late.
fn wait_for_streams(behind: &Behind, count: usize) {
    let streams = || behind.dapr("GET", "/v1.0/metadata", &[], b"").text().matches("STREAMING").count();
    assert!(until(|| streams() == count), "{}", behind.daprd.log());
}

/// daprd isn't told of any port, and calls none.
#[test]
fn an_event_is_taken_tried_again_or_dropped_as_the_guest_says() {
    let Some(tools) = tools("an_event_is_taken_tried_again_or_dropped_as_the_guest_says") else { return };
    let mut behind = Setup::new("shop", LISTENER, bus()).without_port().start(tools);
    wait_for_streams(&behind, 3);
    for text in ["taken", "retry once", "fail once", "say nothing", "drop it"] {
        behind.publish("orders", text);
    }
    behind.publish_as("orders", "application/json", br#"{"n":1}"#);
    behind.dapr("POST", "/v1.0/publish/bus/raw?metadata.rawPayload=true", &[], b"no envelope");
    for (text, count) in [("taken", 1), ("retry once", 2), ("fail once", 2), ("say nothing", 1), ("drop it", 2)] {
        behind.until(text, count);
    }
    behind.until(r#""data":{"n":1}"#, 1);
    behind.until("bm8gZW52ZWxvcGU=", 1);
    let dropped: Vec<String> = behind.events().into_iter().filter(|event| event.contains("drop it")).collect();
    assert!(dropped.iter().any(|event| event.contains(r#""topic":"dead""#)), "{dropped:#?}");
}

#[test]
fn nobody_sends_an_event_to_the_apps_port() {
    let Some(tools) = tools("nobody_sends_an_event_to_the_apps_port") else { return };
    let mut behind = Setup::new("shop", LISTENER, bus()).start(tools);
    wait_for_streams(&behind, 3);
    let list = behind.app("GET", "/dapr/subscribe", &[], b"");
    assert_eq!((list.status, list.text().as_str()), (200, "[]"));
    let faked = behind.app("POST", "/dapr/on/listener", &[EVENT], br#"{"data":"faked"}"#);
    assert_eq!(faked.status, 404, "{}", faked.text());
    behind.publish("orders", "real");
    behind.until("real", 1);
    assert_eq!(behind.count("faked"), 0);
}

#[test]
fn http_guests_and_typed_ones_take_streamed_events_as_well() {
    let Some(tools) = tools("http_guests_and_typed_ones_take_streamed_events_as_well") else { return };
    let mut behind = Setup::new("shop", HTTP, bus()).without_port().start(tools.clone());
    wait_for_streams(&behind, 1);
    behind.publish("orders", "to an http guest");
    behind.until("to an http guest", 1);
    drop(behind);
    let wasm = "{ guests: { orders: { source: dapr-orders.wasm }, shipping: { source: dapr-shipping.wasm } }, allow: { publish: [pubsub/orders], state: [statestore] }, routes: [{ path: /orders, guest: orders }], on: [{ pubsub: pubsub, topic: orders, guest: shipping, streaming: true }] }";
    let resources = component("pubsub", "pubsub.in-memory", &[]) + &component("statestore", "state.in-memory", &[]);
    let mut behind = Setup::new("shop", wasm, resources).start(tools);
    wait_for_streams(&behind, 1);
    typed::check(&mut behind, r#"{"order":3}"#);
}

#[test]
fn a_stream_carries_the_api_token() {
    let Some(tools) = tools("a_stream_carries_the_api_token") else { return };
    let token = "t0ken";
    let setup = Setup { api_token: Some(token), ..Setup::new("shop", LISTENER, bus()) };
    let mut behind = setup.without_port().start(tools);
    let headers = [("dapr-api-token", token)];
    let publish = || behind.dapr("POST", "/v1.0/publish/bus/orders", &headers, b"with a token").status;
    assert!(until(|| publish() == 204 && behind.count("with a token") > 0), "{}", behind.daprd.log());
    let printed = behind.pillion.as_mut().expect("it runs").printed();
    assert!(!printed.contains(token), "{printed}");
}

/// The guest notes the event as it begins, so that it is in hand when the note is there.
#[test]
fn an_event_in_hand_is_finished_before_the_end() {
    let Some(tools) = tools("an_event_in_hand_is_finished_before_the_end") else { return };
    let mut behind = Setup::new("shop", LISTENER, bus()).once().start(tools);
    wait_for_streams(&behind, 3);
    behind.publish("orders", "take a while");
    behind.until("take a while", 1);
    let (status, printed) = behind.terminate();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert_eq!(behind.count("came to its end"), 1, "{:#?}\n{printed}", behind.events());
    assert!(!printed.contains("did not end in time"), "{printed}");
}

#[test]
fn a_daprd_that_comes_late_or_is_killed_is_asked_again() {
    let Some(tools) = tools("a_daprd_that_comes_late_or_is_killed_is_asked_again") else { return };
    let mut behind = Setup::new("shop", LISTENER, bus()).without_port().start(tools);
    for round in 0..3 {
        let text = format!("round {round}.");
        let publish = || behind.dapr("POST", "/v1.0/publish/bus/orders", &[], text.as_bytes()).status;
        assert!(until(|| publish() == 204 && behind.count(&text) > 0), "{text}\n{}", behind.daprd.log());
        behind.stop_daprd();
        behind.start_daprd();
    }
}

#[test]
fn a_broker_that_is_not_there_is_said_and_the_app_runs() {
    let Some(tools) = tools("a_broker_that_is_not_there_is_said_and_the_app_runs") else { return };
    let mut behind = Setup::new("shop", PLAIN, "").start(tools);
    let pillion = behind.pillion.as_mut().expect("it runs");
    assert!(pillion.wait_for("streaming subscription: no events from daprd"), "{}", pillion.printed());
    assert!(pillion.printed().contains("bus"), "{}", pillion.printed());
    assert_eq!(behind.app("GET", "/api", &[], b"").status, 200);
    let (status, printed) = behind.terminate();
    assert_eq!(status.code(), Some(0), "{printed}");
}

#[test]
fn no_streamed_event_that_a_dying_daprd_took_is_lost() {
    restarts::check("no_streamed_event_that_a_dying_daprd_took_is_lost", PLAIN);
}

#[test]
fn no_streamed_event_is_lost_by_an_end_under_load() {
    let test = "no_streamed_event_is_lost_by_an_end_under_load";
    let Some(tools) = tools(test) else { return };
    let network = Network::new(tools);
    let Some(redis) = Redis::start(test, network.dir.path()) else { return };
    let bus = redis.component("bus", "pubsub.redis", &REDELIVERY);
    let behind = Setup::new("shop", PLAIN, bus).once().start_in(&network);
    shutdown::end_often(behind, rounds(shutdown::ROUNDS));
}

#[test]
fn instances_of_one_app_share_its_streamed_events() {
    instances::check_shared("instances_of_one_app_share_its_streamed_events", PLAIN);
}

#[test]
fn the_end_of_one_instance_loses_no_streamed_event() {
    instances::check_end("the_end_of_one_instance_loses_no_streamed_event", PLAIN);
}
