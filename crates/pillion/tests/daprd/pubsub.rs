//! Topic events: what `on:` names, what a guest names itself, and what a Subscription declares.

use crate::harness::{Behind, Setup, bus, tools};

/// A guest of `on:` takes `orders`; everything else goes to the app's http guest by its route.
const BOTH: &str = r#"{ guests: { listener: { source: event-recorder.wasm }, own: { source: http-subscriber.wasm, env: { SUBSCRIPTIONS: '[{"pubsubname":"bus","topic":"own","route":"/own"}]' } } }, routes: [{ path: /, guest: own }], on: [{ pubsub: bus, topic: orders, guest: listener }, { pubsub: bus, topic: letters, guest: listener, deadLetterTopic: dead }, { pubsub: bus, topic: dead, guest: listener }, { pubsub: bus, topic: raw, guest: listener, metadata: { rawPayload: "true" } }], allow: { files: ["./events:/events"] } }"#;

fn subscription(topic: &str, route: &str, more: &str) -> String {
    format!(
        "---\napiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {{name: {topic}}}\nspec: {{pubsubname: bus, topic: {topic}, routes: {{default: {route}}}{more}}}\n"
    )
}

fn declared() -> String {
    let bulk = ", bulkSubscribe: {enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 200}";
    [
        bus(),
        subscription("declared", "/declared", ""),
        subscription("many", "/dapr/on/listener", bulk),
        subscription("crowd", "/crowd", bulk),
    ]
    .concat()
}

fn start(test: &str, protocol: &'static str) -> Option<Behind> {
    Some(Setup::new("shop", BOTH, declared()).protocol(protocol).start(tools(test)?))
}

/// The same events, whichever protocol daprd speaks to the app.
fn check_statuses(test: &str, protocol: &'static str) {
    let Some(mut behind) = start(test, protocol) else { return };
    for text in ["taken", "retry once", "fail once", "say nothing"] {
        behind.publish("orders", text);
    }
    behind.publish_as("orders", "application/json", br#"{"n": 12345678901234567890123}"#);
    behind.publish("letters", "drop it");
    behind.until("taken", 1);
    behind.until("retry once", 2);
    behind.until("fail once", 2);
    behind.until("say nothing", 1);
    // Over gRPC daprd itself reads and writes JSON once more, and whole numbers of more than 53 bits are others then.
    behind.until(if protocol == "grpc" { r#""data":{"n":"# } else { "12345678901234567890123" }, 1);
    // Dropped once, and then in the topic of what was dropped.
    behind.until("drop it", 2);
    let dropped: Vec<String> = behind.events().into_iter().filter(|event| event.contains("drop it")).collect();
    assert!(dropped.iter().any(|event| event.contains(r#""topic":"letters""#)), "{dropped:#?}");
    let metadata = behind.dapr("GET", "/v1.0/metadata", &[], b"").text();
    assert!(metadata.contains("/dapr/on/listener"), "{metadata}");
}

#[test]
fn an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_http() {
    check_statuses("an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_http", "http");
}

#[test]
fn an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_h2c() {
    check_statuses("an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_h2c", "h2c");
}

#[test]
fn an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_grpc() {
    check_statuses("an_event_is_taken_tried_again_or_dropped_as_the_guest_says_over_grpc", "grpc");
}

#[test]
fn a_raw_message_comes_in_an_envelope() {
    for protocol in ["http", "grpc"] {
        let Some(mut behind) = start("a_raw_message_comes_in_an_envelope", protocol) else { return };
        behind.dapr("POST", "/v1.0/publish/bus/raw?metadata.rawPayload=true", &[], b"no envelope");
        behind.until("bm8gZW52ZWxvcGU=", 1);
    }
}

#[test]
fn what_a_guest_names_and_what_is_declared_reach_their_routes() {
    let Some(mut behind) = start("what_a_guest_names_and_what_is_declared_reach_their_routes", "http") else { return };
    behind.publish("own", "first");
    behind.publish("declared", "second");
    behind.until("POST /own ", 1);
    behind.until("POST /declared ", 1);
}

#[test]
fn several_events_come_at_once_and_each_gets_its_status() {
    for protocol in ["http", "grpc"] {
        let Some(mut behind) = start("several_events_come_at_once_and_each_gets_its_status", protocol) else { return };
        for n in 0..20 {
            behind.publish("many", &format!("many {n}."));
        }
        behind.publish("many", "retry once");
        for n in 0..20 {
            behind.until(&format!("many {n}."), 1);
        }
        behind.until("retry once", 2);
        let log = behind.daprd.log();
        assert!(!log.contains("invalid character"), "{log}");
    }
}

#[test]
fn a_guest_that_knows_dapr_answers_for_each_entry_itself() {
    let Some(mut behind) = start("a_guest_that_knows_dapr_answers_for_each_entry_itself", "http") else { return };
    behind.publish("crowd", "one of many");
    behind.until("POST /crowd ", 1);
    assert!(behind.events().iter().any(|event| event.contains(r#""entryId""#)), "{:#?}", behind.events());
}
