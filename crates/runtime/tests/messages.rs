//! Handlers of messages: what they get of a topic event, and what they say of it.

mod common;

use common::double::Double;
use common::{built, call, no_dapr, runtime, spec};
use http::Request;
use pillion_api::configuration::{Item, Update};
use pillion_api::policy::Allow;
use pillion_api::pubsub::{BulkDelivery, BulkDeliveryEntry, Delivery, Destination, TopicStatus};
use pillion_api::{AppChannel, Code, Metadata, body};
use pillion_runtime::{App, AppSpec, GuestKind, GuestSpec, Limits, On, Runtime, Trigger};
use std::sync::Arc;

const GUESTS: [&str; 3] = ["message-wasi", "message-producer", "message-wasmcloud"];

fn app(runtime: &Runtime, name: &str, publish: &str) -> (App, Arc<Double>) {
    let guest = runtime.load(name, built(name), None).expect("a guest");
    assert_eq!(guest.kind(), GuestKind::Messages);
    let on = On::topic("bus", "in");
    let trigger = Trigger { on, guest: name.into() };
    let limits = Limits { host_buffers: 1000, ..Limits::default() };
    let guests = vec![GuestSpec { limits, ..GuestSpec::new(name, guest) }];
    let spec = AppSpec { guests, triggers: vec![trigger], ..spec() };
    let allow = Allow { publish: vec![publish.to_owned()], ..Allow::default() };
    let sidecar = Arc::new(Double { allow, components: vec![("bus", "pubsub.in-memory")], ..Double::default() });
    (runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app"), sidecar)
}

/// An app with a store beside the bus.
fn with_store(runtime: &Runtime, name: &str, allow: Allow, limits: Limits) -> (App, Arc<Double>) {
    let guest = runtime.load(name, built(name), None).expect("a guest");
    assert_eq!(guest.kind(), GuestKind::Messages);
    let spec = AppSpec { guests: vec![GuestSpec { limits, ..GuestSpec::new(name, guest) }], ..spec() };
    let components = vec![("bus", "pubsub.in-memory"), ("one", "state.in-memory")];
    let sidecar = Arc::new(Double { allow, components, queries: true, ..Double::default() });
    (runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app"), sidecar)
}

fn everything() -> Allow {
    Allow { publish: vec!["bus/out".into(), "bus/other".into()], state: vec!["one".into()], ..Allow::default() }
}

fn row(sidecar: &Double, store: &str, key: &str) -> Option<String> {
    let rows = sidecar.rows.lock().expect("no panic");
    let (value, _) = rows.get(&(store.to_owned(), key.to_owned()))?;
    Some(String::from_utf8_lossy(value).into_owned())
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
    let head = "Some(\"in\") Some(\"text/plain\") ";
    let heads = [head, head, "in "];
    for (name, head) in GUESTS.into_iter().zip(heads) {
        let (app, sidecar) = app(&runtime, name, "bus/out");
        assert_eq!(app.subscriptions().await.expect("a list").len(), 1);
        assert_eq!(app.deliver(event(name, "hello")).await.expect("handled"), TopicStatus::Success);
        assert_eq!(published(&sidecar), [format!("bus/out: {head}hello")], "{name}");
    }
}

#[tokio::test]
async fn messages_of_a_bulk_come_one_by_one() {
    let runtime = runtime();
    for (name, data, said) in [
        ("message-wasmcloud", "bad", TopicStatus::Retry),
        ("message-service", "reject", TopicStatus::Drop),
        ("message-service", "retry", TopicStatus::Retry),
    ] {
        let (app, sidecar) = app(&runtime, name, "bus/out");
        let entry = |id: &str, data: &str| BulkDeliveryEntry {
            entry_id: id.into(),
            delivery: event(name, data),
            content_type: None,
        };
        let delivery = BulkDelivery {
            id: "1".into(),
            pubsub: "bus".into(),
            topic: "in".into(),
            destination: Destination::Guest(name.into()),
            entries: vec![entry("a", "hello"), entry("b", data)],
            metadata: Metadata::new(),
        };
        assert_eq!(app.deliver_bulk(delivery).await.expect("statuses"), [TopicStatus::Success, said], "{name} {data}");
        assert_eq!(published(&sidecar).len(), 1);
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

/// What a handler of WASI 0.3 answered to each line.
async fn script(app: &App, sidecar: &Double, table: &[(&str, &str)]) {
    let lines: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
    let delivered = app.deliver(event("message-service", &lines.join("\n"))).await.expect("handled");
    assert_eq!(delivered, TopicStatus::Success);
    let answers = published(sidecar).pop().expect("answers");
    let mut answers = answers.lines();
    assert_eq!(answers.next(), Some("bus/out: in"));
    for (line, expected) in table {
        assert_eq!(answers.next(), Some(*expected), "{line}");
    }
}

#[tokio::test]
async fn a_handler_of_wasi_0_3_publishes_streams_and_calls_the_store() {
    let runtime = runtime();
    let (app, sidecar) = with_store(&runtime, "message-service", everything(), Limits::default());
    let table = [
        ("open one", "()"),
        ("set a 1", "()"),
        ("get a", "Some(\"1\")"),
        ("exists a", "true"),
        ("first a 2", "Error::PreconditionFailed"),
        ("first b 2", "()"),
        ("expire a 1 1500", "Error::Other(\"state store `one` does not forget keys in time\")"),
        ("increment n -3", "-3"),
        ("keys a", "KeyResponse { keys: [\"a\"], cursor: Some(\"2\") }"),
        ("current a", "\"1 at 1\""),
        ("current none", "\"none\""),
        ("swap a 2 - -", "Error::InvalidArgument"),
        ("swap a 2 7 -", "stale, now 1 at 1"),
        ("swap a 2 - other", "stale, now 1 at 1"),
        ("swap a 2 1 1", "swapped"),
        ("swap a 3 - 2", "swapped"),
        ("swap none 3 1 -", "stale, now none"),
        ("get a", "Some(\"3\")"),
        ("set-many x y", "()"),
        ("get-many x none y", "[Some((\"x\", \"many\")), None, Some((\"y\", \"many\"))]"),
        ("delete-many x y", "()"),
        ("delete a", "()"),
        ("get a", "None"),
        ("open nowhere", "Error::NoSuchStore"),
        ("publish other 200000", "Ok(())"),
        ("publish closed 1", "Err(Error::AccessDenied)"),
        ("publish  1", "Err(Error::SubjectInvalid)"),
        ("request other", NO_REPLY),
    ];
    script(&app, &sidecar, &table).await;
    let published = sidecar.published.lock().expect("no panic");
    let (_, topic, event) = &published[0];
    assert_eq!((topic.as_str(), event.data.len()), ("other", 200_000));
}

const NO_REPLY: &str = "Error::Other(\"Dapr's pub/sub has no replies: call the other app by service invocation, \
                        `http://<app-id>.dapr/`\")";

#[tokio::test]
async fn a_handler_of_wasi_0_3_may_do_only_what_is_allowed() {
    let runtime = runtime();
    let allow = Allow { publish: vec!["bus/out".into()], ..Allow::default() };
    let (app, sidecar) = with_store(&runtime, "message-service", allow, Limits::default());
    let denied = "Error::AccessDenied";
    let table = [
        ("open one", "()"),
        ("get a", denied),
        ("set a 1", denied),
        ("first a 1", denied),
        ("delete a", denied),
        ("exists a", denied),
        ("keys a", denied),
        ("increment a 1", denied),
        ("current a", denied),
        ("swap a 1 1 -", denied),
        ("get-many a", denied),
        ("set-many a", denied),
        ("delete-many a", denied),
        ("publish other 1", "Err(Error::AccessDenied)"),
    ];
    script(&app, &sidecar, &table).await;
    assert!(sidecar.rows.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_handler_of_wasi_0_3_says_what_becomes_of_a_message() {
    let runtime = runtime();
    let (app, _) = with_store(&runtime, "message-service", everything(), Limits::default());
    for (data, status) in [("reject", TopicStatus::Drop), ("retry", TopicStatus::Retry), ("other", TopicStatus::Drop)] {
        assert_eq!(app.deliver(event("message-service", data)).await.expect("said"), status, "{data}");
        // Who posts it by hand hears of it.
        let request = Request::post("/in").body(body::full(data)).expect("a request");
        assert_eq!(call(&app, request).await.expect_err("not handled").code(), Code::GuestExit, "{data}");
    }
    assert_eq!(app.deliver(event("message-service", "trap")).await.expect_err("a trap").code(), Code::GuestTrap);
}

#[tokio::test]
async fn a_stream_counts_against_what_the_host_may_hold() {
    let runtime = runtime();
    let limits = Limits { host_buffers: 100_000, ..Limits::default() };
    let (app, sidecar) = with_store(&runtime, "message-service", everything(), limits);
    script(&app, &sidecar, &[("publish other 50000", "Ok(())")]).await;
    let error = app.deliver(event("message-service", "publish other 200000")).await.expect_err("too large");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.hostBuffers"), "{error:?}");
    let error = app.deliver(event("message-service", &"x".repeat(200_000))).await.expect_err("too large");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.hostBuffers"), "{error:?}");
}

async fn get_the_payload(name: &str) {
    let runtime = runtime();
    let (app, sidecar) = with_store(&runtime, name, everything(), Limits::default());
    assert_eq!(app.deliver(event(name, "hello")).await.expect("handled"), TopicStatus::Success);
    assert_eq!(row(&sidecar, "one", "message").as_deref(), Some("hello"));
    let refused = app.deliver(event(name, "bad")).await.expect_err("refused");
    assert_eq!(refused.code(), Code::GuestExit, "{refused}");
    assert_eq!(app.deliver(event(name, "trap")).await.expect_err("a trap").code(), Code::GuestTrap);
    let (denied, sidecar) = with_store(&runtime, name, Allow::default(), Limits::default());
    assert_eq!(denied.deliver(event(name, "hello")).await.expect_err("denied").code(), Code::GuestExit);
    assert!(row(&sidecar, "one", "message").is_none());
}

#[tokio::test]
async fn guests_of_spins_redis_trigger_get_the_payload() {
    get_the_payload("message-spin").await;
    get_the_payload("message-spin-async").await;
}

fn watcher(runtime: &Runtime, allow: Allow, on: On) -> Result<(App, Arc<Double>), pillion_api::Error> {
    let guest = runtime.load("watcher", built("message-watcher"), None).expect("a guest");
    assert_eq!(guest.kind(), GuestKind::Messages);
    let triggers = vec![Trigger { on, guest: "watcher".into() }];
    let spec = AppSpec { guests: vec![GuestSpec::new("watcher", guest)], triggers, ..spec() };
    let components = vec![("settings", "configuration.redis"), ("seen", "state.in-memory")];
    let sidecar = Arc::new(Double { allow, components, ..Double::default() });
    Ok((runtime.app(spec, sidecar.clone(), no_dapr())?, sidecar))
}

fn update(items: &[(&str, &str)]) -> Update {
    let item = |value: &str| Item {
        value: value.to_owned(),
        version: if value.is_empty() { String::new() } else { "1".to_owned() },
        metadata: Metadata::new(),
    };
    let items = items.iter().map(|(key, value)| ((*key).to_owned(), item(value))).collect();
    Update { store: "settings".into(), id: "1".into(), items }
}

fn settings() -> On {
    On::Configuration { store: "settings".into(), keys: Vec::new() }
}

#[tokio::test]
async fn a_watcher_gets_changes_of_configuration() {
    let runtime = runtime();
    let allow = Allow { state: vec!["seen".into()], ..Allow::default() };
    let (app, sidecar) = watcher(&runtime, allow, settings()).expect("an app");
    app.configuration_update(update(&[("colour", "red"), ("size", "")])).await.expect("taken");
    assert_eq!(row(&sidecar, "seen", "colour").as_deref(), Some("set to red"));
    assert_eq!(row(&sidecar, "seen", "size").as_deref(), Some("deleted"));
    // The bucket goes by the component's name, under the app's own `allow`.
    assert_eq!(row(&sidecar, "seen", "colour-of-bucket").as_deref(), Some("Err(Error::AccessDenied)"));
    let trapped = app.configuration_update(update(&[("colour", "trap")])).await.expect_err("a trap");
    assert_eq!(trapped.code(), Code::GuestTrap);
    let (denied, sidecar) = watcher(&runtime, Allow::default(), settings()).expect("an app");
    assert_eq!(denied.configuration_update(update(&[("a", "b")])).await.expect_err("a trap").code(), Code::GuestTrap);
    assert!(sidecar.rows.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_watcher_takes_nothing_else() {
    let runtime = runtime();
    let topic = On::topic("bus", "in");
    for on in [topic, On::Job("j".into()), On::Binding("b".into())] {
        let error = watcher(&runtime, Allow::default(), on).err().expect("refused");
        assert!(
            error.code() == Code::GuestInvalid && error.message().contains("changes of configuration"),
            "{error:?}"
        );
    }
    let (app, _) = watcher(&runtime, Allow::default(), settings()).expect("an app");
    let request = Request::post("/in").body(body::full("x")).expect("a request");
    assert_eq!(call(&app, request).await.expect_err("refused").code(), Code::GuestInvalid);
}

#[test]
fn a_handler_of_another_shape_is_refused_when_it_is_loaded() {
    let runtime = runtime();
    // A core function that the types below fit, whatever they are.
    let component = |interface: &str, types: &str, function: &str, ty: &str| {
        format!(
            r#"(component
                {types}
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                    (func (export "run") (param i32 i32) (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func $run {ty} (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
                (instance $exported (export "{function}" (func $run)))
                (export "{interface}" (instance $exported)))"#
        )
    };
    let text = r#"(param "message" string) (result (result (error string)))"#;
    let misnamed = r#"(param "payload" (list u8)) (result (result (error string)))"#;
    for (interface, function, ty, found) in [
        ("wasmcloud:messaging/handler@0.2.0", "handle-message", text, "func(message: string) -> result<_, string>"),
        ("wasmcloud:messaging/handler@0.2.0", "handle", text, "nothing of that name"),
        ("wasmcloud:messaging/handler@0.3.0", "handle-message", text, "func(message: string)"),
        ("wasmcloud:messaging/incoming-handler@0.3.0", "handle", text, "func(message: string)"),
        ("wasi:messaging/incoming-handler@0.2.0-draft", "handle", text, "func(message: string)"),
        ("fermyon:spin/inbound-redis", "handle-message", misnamed, "func(payload: list<u8>)"),
        ("spin:redis/inbound-redis@3.0.0", "handle-message", misnamed, "func(payload: list<u8>)"),
        ("wasi:keyvalue/watcher@0.2.0-draft2", "on-set", text, "func(message: string)"),
        ("wasmcloud:keyvalue/watcher@0.2.0", "on-set", text, "func(message: string)"),
    ] {
        let error = common::refused(&runtime, &component(interface, "", function, ty));
        let said = format!("exports a `{interface}` of another shape: ");
        assert!(error.message().contains(&said) && error.message().contains(found), "{interface}: {error:?}");
        assert!(error.help().is_some(), "{error:?}");
    }
    // A resource of the guest's own is no message of the host, whatever it is called.
    let own = r#"(component
        (type $message (resource (rep i32)))
        (core module $m (func (export "run") (param i32) (result i32) i32.const 0) (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (type $failure (variant (case "timeout") (case "connection" string) (case "permission-denied" string) (case "other" string)))
        (instance $types (export "message" (type $message)) (export "error" (type $failure)))
        (export $t "own:messaging/types@0.2.0-draft" (instance $types))
        (alias export $t "message" (type $exported))
        (alias export $t "error" (type $error))
        (func $run (param "message" (own $exported)) (result (result (error $error)))
            (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (instance $handler (export "handle" (func $run)))
        (export "wasi:messaging/incoming-handler@0.2.0-draft" (instance $handler)))"#;
    let error = common::refused(&runtime, own);
    assert!(error.message().contains("own<a resource of its own>"), "{error:?}");
}
