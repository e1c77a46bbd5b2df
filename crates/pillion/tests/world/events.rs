//! Events of every kind, typed for a dapr guest and as HTTP for any other.

use super::double::values;
use super::{
    AppSpec, DaprHttp, Double, Error, GuestSpec, Limits, On, Trigger, app, cases, everything, get, guest, runtime, text,
};
use http::StatusCode;
use pillion_api::pubsub::{BulkDelivery, BulkDeliveryEntry, Delivery, Destination, TopicStatus};
use pillion_api::{AppChannel, Code, Metadata, bindings, configuration, jobs};
use std::sync::Arc;
use std::time::Duration;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn delivery(data: &str) -> Delivery {
    let event = format!(r#"{{"id":"1","datacontenttype":"text/plain","data":"{data}"}}"#);
    Delivery {
        pubsub: "c".into(),
        topic: "t".into(),
        destination: Destination::Guest("cases".into()),
        event: event.into(),
        metadata: Metadata::new(),
        traceparent: None,
    }
}

#[tokio::test]
async fn a_message_comes_typed_and_its_status_goes_back() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    for (data, status) in [("x", TopicStatus::Success), ("retry", TopicStatus::Retry), ("drop", TopicStatus::Drop)] {
        assert_eq!(app.deliver(delivery(data)).await.expect("a status"), status, "{data}");
        assert_eq!(double.take(), [format!("save_state notes event=c t 1 {data} None")]);
        let by_path = Delivery { destination: Destination::Path("anywhere".into()), ..delivery(data) };
        assert_eq!(app.deliver(by_path).await.expect("a status"), status, "{data} by path");
        double.take();
    }
    let error = app.deliver(delivery("fail")).await.expect_err("the guest's own error");
    assert_eq!(error.code(), Code::GuestError);
    assert!(error.message().ends_with("as asked"), "{error}");
    let broken = Delivery { event: "no event".into(), ..delivery("") };
    assert_eq!(app.deliver(broken).await.expect_err("no event").code(), Code::PubsubCloudEventsSer);
}

#[tokio::test]
async fn of_several_messages_one_that_the_guest_forgets_comes_again() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    let entry = |(id, data): (&str, &str)| BulkDeliveryEntry {
        entry_id: id.into(),
        delivery: delivery(data),
        content_type: None,
    };
    let bulk = BulkDelivery {
        id: "b".into(),
        pubsub: "c".into(),
        topic: "t".into(),
        destination: Destination::Guest("cases".into()),
        entries: [("1", "x"), ("2", "drop"), ("3", "x")].map(entry).into(),
        metadata: Metadata::new(),
    };
    let statuses = app.deliver_bulk(bulk).await.expect("statuses");
    assert_eq!(statuses, [TopicStatus::Retry, TopicStatus::Drop, TopicStatus::Success]);
}

#[tokio::test]
async fn bindings_jobs_and_configuration_come_typed() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    let metadata: Metadata = [("subject".to_owned(), "s".to_owned())].into();
    let event =
        |data: &str| bindings::Event { binding: "b".into(), data: data.to_owned().into(), metadata: metadata.clone() };
    let reply = app.binding_event(event("x")).await.expect("a reply");
    assert_eq!((&reply.data[..], &reply.to[..], reply.parallel), (&b"x"[..], &["elsewhere".to_owned()][..], true));
    assert_eq!(double.take(), [r#"save_state notes event=b x [("subject", "s")] None"#]);
    assert_eq!(app.binding_event(event("")).await.expect("none"), bindings::Reply::default());
    assert_eq!(app.binding_event(event("fail")).await.expect_err("as asked").code(), Code::GuestError);
    double.take();

    let job = |data: &'static str| jobs::Event { name: "j".into(), data: data.into(), content_type: None };
    app.job_event(job("{}")).await.expect("done");
    assert_eq!(double.take(), ["save_state notes event=j {} None None"]);
    assert_eq!(app.job_event(job("fail")).await.expect_err("as asked").code(), Code::GuestError);
    double.take();

    let update = configuration::Update { store: "s".into(), id: "7".into(), items: values("k", "v") };
    app.configuration_update(update).await.expect("taken");
    assert_eq!(double.take(), ["save_state notes event=s 7 k=v None"]);
}

#[tokio::test]
async fn configuration_that_on_names_is_followed_from_the_start() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    double.updates.lock().expect("no panic").push(values("k", "new"));
    let on = vec![On::Configuration { store: "c".into(), keys: vec!["k".into()] }];
    let app = cases(&runtime, double.clone(), everything(), Limits::default(), on);
    app.follow_configuration();
    let noted = async {
        while !double.seen.lock().expect("no panic").iter().any(|seen| seen == "save_state notes event=c id k=new None")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.expect("the update comes");
    // The guest asks for the same again and gets the same.
    double.take();
    assert_eq!(text(&app, "/call/configuration.subscribe").await, "id");
    assert!(double.take().is_empty());
}

#[tokio::test]
async fn a_request_and_its_answer_are_http() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    assert_eq!(get(&app, "/status/418").await.0, StatusCode::IM_A_TEAPOT);
    let (status, answer) = get(&app, "/status/7").await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(status == StatusCode::INTERNAL_SERVER_ERROR && answer.contains("7 is no status"), "{status} {answer}");
    let (status, answer) = get(&app, "/fail/on-purpose").await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.contains("PILLION_GUEST_ERROR") && answer.contains("on-purpose"), "{answer}");
}

#[tokio::test]
async fn a_guest_of_http_gets_events_as_daprd_posts_them_and_may_use_building_blocks() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let on = vec![On::Binding("nightly".into()), On::Job("clean up".into())];
    let app = super::http_app(&runtime, &double, on);
    let reply = app.binding_event(bindings::Event { binding: "nightly".into(), ..bindings::Event::default() }).await;
    assert_eq!(reply.expect("a reply").data, "v");
    assert_eq!(double.take(), ["get_state c path", "save_state c path=/nightly None"]);
    app.job_event(jobs::Event { name: "clean up".into(), ..jobs::Event::default() }).await.expect("done");
    assert_eq!(double.take(), ["get_state c path", "save_state c path=/job/clean%20up None"]);
    let update = configuration::Update { store: "s".into(), id: "7".into(), items: values("k", "v") };
    app.configuration_update(update).await.expect("taken");
    assert_eq!(double.take(), ["get_state c path", "save_state c path=/configuration/s/k None"]);
    let delivery = Delivery { destination: Destination::Path("orders".into()), ..delivery("x") };
    assert_eq!(app.deliver(delivery).await.expect("a status"), TopicStatus::Success);
    assert_eq!(double.take(), ["get_state c path", "save_state c path=/orders None"]);
}

#[tokio::test]
async fn a_trigger_without_its_handler_stops_the_start() {
    let runtime = runtime();
    let guests = vec![GuestSpec::new("counter", guest(&runtime, "dapr-counter"))];
    let triggers = vec![Trigger { on: On::Job("j".into()), guest: "counter".into() }];
    let spec = AppSpec { app_id: "app".into(), guests, triggers, ..AppSpec::default() };
    let no_port: DaprHttp = Arc::new(|_| Box::pin(async { Error::new(Code::BadRequest, "no port").dapr_response() }));
    let error = runtime.app(spec, Arc::<Double>::default(), no_port).err().expect("refused");
    assert_eq!((error.code(), error.message()), (Code::GuestInvalid, "guest `counter` has no job-handler"));
}

#[tokio::test]
async fn a_handler_of_another_shape_is_refused_when_it_is_loaded() {
    let runtime = runtime();
    let handler = |name: &str, types: &str, core: &str| {
        let text = format!(
            r#"(component
                (core module $m (func (export "handle") {core}))
                (core instance $i (instantiate $m))
                (func $handle {types} (canon lift (core func $i "handle")))
                (instance $exported (export "handle" (func $handle)))
                (export "pillion:dapr/{name}@0.1.0" (instance $exported)))"#
        );
        runtime.load("odd", text.into_bytes(), None).map(drop).expect_err(name)
    };
    for (name, is, must) in [
        ("job-handler", "`func() -> u32`", "`func(event: record { name: string, data: list<u8>,"),
        ("topic-handler", "`func() -> u32`", "-> result<enum { success, retry, drop }, string>`"),
        ("bulk-topic-handler", "`func() -> u32`", "`func(entries: list<record { entry-id: string,"),
        ("binding-handler", "`func() -> u32`", "-> result<option<record { data: list<u8>,"),
        ("configuration-handler", "`func() -> u32`", "`func(update: record { store: string,"),
        ("invocation-handler", "`func() -> u32`", "`func(request: record { method: string,"),
    ] {
        let error = handler(name, "(result u32)", "(result i32) i32.const 0");
        assert_eq!(error.code(), Code::GuestInvalid, "{error:?}");
        let shape = format!("guest `odd` exports a {name} of another shape: `handle` is {is}, and must be ");
        assert!(error.message().starts_with(&shape) && error.message().contains(must), "{error:?}");
        assert!(error.help().is_some_and(|hint| hint.contains("wit/dapr")), "{error:?}");
    }
    // A type that is small in the file and has no end when it is written out.
    let tuples: String = (1..18).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let endless = format!(
        r#"(component
            (type $t0 (tuple u32 u32)) {tuples}
            (core module $m (memory (export "m") 1) (func (export "handle") (param i32))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $handle (param "event" $t17) (canon lift (core func $i "handle") (memory (core memory $i "m")) (realloc (core func $i "realloc"))))
            (instance $exported (export "handle" (func $handle)))
            (export "pillion:dapr/job-handler@0.1.0" (instance $exported)))"#
    );
    let error = runtime.load("endless", endless.into_bytes(), None).map(drop).expect_err("refused");
    assert!(error.message().contains("of another shape") && error.message().len() < 1000, "{error:?}");
}

#[tokio::test]
async fn the_names_of_input_bindings_are_those_of_on() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let on = vec![On::Binding("nightly".into()), On::Job("j".into())];
    let app = cases(&runtime, double, everything(), Limits::default(), on);
    assert_eq!(app.input_bindings().await.expect("names"), ["nightly"]);
}
