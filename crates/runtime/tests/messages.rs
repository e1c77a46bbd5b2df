//! Handlers of messages: what they get of a topic event, and what they say of it.

mod common;

use common::double::Double;
use common::{built, call, no_dapr, runtime, spec};
use http::Request;
use pillion_api::policy::Allow;
use pillion_api::pubsub::{Delivery, Destination, TopicStatus};
use pillion_api::{AppChannel, Code, Metadata, body};
use pillion_runtime::{App, AppSpec, GuestKind, GuestSpec, Limits, On, Runtime, Trigger};
use std::sync::Arc;

const GUESTS: [&str; 2] = ["message-wasi", "message-wasmcloud"];

fn app(runtime: &Runtime, name: &str, publish: &str) -> (App, Arc<Double>) {
    let guest = runtime.load(name, built(name), None).expect("a guest");
    assert_eq!(guest.kind(), GuestKind::Messages);
    let on = On::Topic {
        pubsub: "bus".into(),
        topic: "in".into(),
        dead_letter: None,
        metadata: Metadata::new(),
        streaming: false,
        bulk: None,
    };
    let trigger = Trigger { on, guest: name.into() };
    let limits = Limits { host_buffers: 1000, ..Limits::default() };
    let guests = vec![GuestSpec { limits, ..GuestSpec::new(name, guest) }];
    let spec = AppSpec { guests, triggers: vec![trigger], ..spec() };
    let allow = Allow { publish: vec![publish.to_owned()], ..Allow::default() };
    let sidecar = Arc::new(Double { allow, components: vec![("bus", "pubsub.in-memory")], ..Double::default() });
    (runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app"), sidecar)
}

fn event(name: &str, data: &str) -> Delivery {
    let event = serde_json::json!({
        "specversion": "1.0", "id": "1", "source": "s", "type": "t",
        "topic": "in", "datacontenttype": "text/plain", "data": data,
    });
    Delivery {
        pubsub: "bus".into(),
        topic: "in".into(),
        destination: Destination::Guest(name.into()),
        event: event.to_string().into(),
        metadata: Metadata::new(),
        traceparent: None,
    }
}

fn published(sidecar: &Double) -> Vec<String> {
    let published = sidecar.published.lock().expect("no panic");
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    published.iter().map(|(pubsub, topic, event)| format!("{pubsub}/{topic}: {}", text(&event.data))).collect()
}

#[tokio::test]
async fn a_topic_event_is_a_message() {
    let runtime = runtime();
    let heads = ["Some(\"in\") Some(\"text/plain\") ", "in "];
    for (name, head) in GUESTS.into_iter().zip(heads) {
        let (app, sidecar) = app(&runtime, name, "bus/out");
        assert_eq!(app.subscriptions().await.expect("a list").len(), 1);
        assert_eq!(app.deliver(event(name, "hello")).await.expect("handled"), TopicStatus::Success);
        assert_eq!(published(&sidecar), [format!("bus/out: {head}hello")], "{name}");
    }
}

#[tokio::test]
async fn what_is_not_handled_comes_again() {
    let runtime = runtime();
    for name in GUESTS {
        let (app, _) = app(&runtime, name, "bus/out");
        let refused = app.deliver(event(name, "bad")).await.expect_err("refused");
        assert_eq!(refused.code(), Code::GuestExit, "{refused}");
        assert!(refused.message().ends_with("did not handle the message: no good"), "{refused}");
        assert_eq!(app.deliver(event(name, "trap")).await.expect_err("a trap").code(), Code::GuestTrap);
        let broken = Delivery { event: "{".into(), ..event(name, "") };
        assert_eq!(app.deliver(broken).await.expect_err("no CloudEvent").code(), Code::BadRequest);
    }
}

#[tokio::test]
async fn a_handler_may_publish_only_what_is_allowed() {
    let runtime = runtime();
    for name in GUESTS {
        let (app, sidecar) = app(&runtime, name, "bus/other");
        let denied = app.deliver(event(name, "hello")).await.expect_err("denied");
        assert!(denied.message().contains("`allow.publish` doesn't name it"), "{denied}");
        assert!(published(&sidecar).is_empty());
    }
}

#[tokio::test]
async fn a_request_is_a_message_whose_topic_is_its_path() {
    let runtime = runtime();
    let (app, sidecar) = app(&runtime, "message-wasmcloud", "bus/out");
    let request = Request::post("/orders/new").body(body::full("hello")).expect("a request");
    assert!(call(&app, request).await.expect("an answer").0.is_success());
    assert_eq!(published(&sidecar), ["bus/out: orders/new hello"]);
}

#[tokio::test]
async fn a_message_counts_against_what_the_host_may_hold() {
    let runtime = runtime();
    let (app, _) = app(&runtime, "message-wasi", "bus/out");
    let error = app.deliver(event("message-wasi", &"x".repeat(2000))).await.expect_err("too large");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.hostBuffers"), "{error:?}");
}
