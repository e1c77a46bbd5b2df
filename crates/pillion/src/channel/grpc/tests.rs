//! The same table over gRPC: generated clients against the channel, without a socket.
#![allow(deprecated, reason = "older daprds ask by the old names")]

use super::super::tests::{Fake, channel};
use super::*;
use dapr::dapr::proto::{
    common::v1::{HttpExtension, InvokeRequest, http_extension::Verb},
    runtime::v1::{
        BindingEventRequest, JobEventRequest, TopicEventBulkRequest, TopicEventBulkRequestEntry, TopicEventCeRequest,
        TopicEventRequest, app_callback_alpha_client::AppCallbackAlphaClient, app_callback_client::AppCallbackClient,
        app_callback_health_check_client::AppCallbackHealthCheckClient, topic_event_bulk_request_entry::Event,
    },
};
use prost_types::{Any, Struct, Value, value::Kind};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Code as Grpc, Request as Message};

/// A client's transport that ends in the channel.
#[derive(Clone)]
struct Wire(Arc<Channel>);

impl Service<Request<tonic::body::Body>> for Wire {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let channel = self.0.clone();
        let broken = |status: Status| Error::new(Code::Internal, status.to_string());
        let request = request.map(|body| body.map_err(broken).boxed_unsync());
        Box::pin(async move { Ok(channel.call(request).await) })
    }
}

struct App {
    fake: Arc<Fake>,
    wire: Wire,
    client: AppCallbackClient<Wire>,
}

fn app(fails: Option<Code>, token: Option<&str>) -> App {
    let fake = Arc::new(Fake { fails, ..Fake::default() });
    let wire = Wire(channel(&fake, token));
    App { fake, client: AppCallbackClient::new(wire.clone()), wire }
}

impl App {
    fn seen(&self) -> Vec<String> {
        self.fake.seen.lock().expect("no panic").clone()
    }
}

fn event(content_type: &str, data: &[u8]) -> TopicEventRequest {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let number = Value { kind: Some(Kind::NumberValue(7.0)) };
    let fields = [("mine".to_owned(), text("x")), ("id".to_owned(), text("forged")), ("n".to_owned(), number)];
    TopicEventRequest {
        id: "1".into(),
        source: "shop".into(),
        r#type: "t".into(),
        spec_version: "1.0".into(),
        data_content_type: content_type.into(),
        data: data.to_vec(),
        topic: "orders".into(),
        pubsub_name: "bus".into(),
        path: "/dapr/on/listener".into(),
        extensions: Some(Struct { fields: fields.into() }),
    }
}

#[tokio::test]
async fn lists_are_those_of_on() {
    let mut app = app(None, None);
    let list = app.client.list_topic_subscriptions(()).await.expect("a list").into_inner();
    let [subscription] = &list.subscriptions[..] else { panic!("one") };
    assert_eq!((&*subscription.pubsub_name, &*subscription.topic), ("bus", "orders"));
    assert_eq!(subscription.routes.as_ref().expect("routes").default, "/dapr/on/listener");
    let bindings = app.client.list_input_bindings(()).await.expect("a list").into_inner();
    assert_eq!(bindings.bindings, ["nightly"]);
}

#[tokio::test]
async fn an_event_is_the_envelope_that_goes_over_http() {
    for (content_type, data, field) in [
        ("application/json", &b"{\"a\": 12345678901234567890123}"[..], r#""data":{"a": 12345678901234567890123}"#),
        ("application/json", b"no JSON", r#""data":"no JSON""#),
        ("text/plain", b"x", r#""data":"x""#),
        ("application/octet-stream", b"x", r#""data_base64":"eA==""#),
        ("text/plain", b"\xff", r#""data_base64":"/w==""#),
    ] {
        let mut app = app(None, None);
        app.client.on_topic_event(event(content_type, data)).await.expect("an answer");
        let envelope = format!(
            r#"{{{field},"datacontenttype":"{content_type}","id":"1","mine":"x","n":7,"pubsubname":"bus","source":"shop","specversion":"1.0","topic":"orders","type":"t"}}"#
        );
        assert_eq!(app.seen(), [format!(r#"deliver bus/orders to Guest("listener"): {envelope} {{}} "#)]);
    }
}

/// Its events come another way, or not at all: the path is a route's like any other.
#[tokio::test]
async fn an_event_names_no_guest_that_has_no_topic_here() {
    let mut app = app(None, None);
    let event = TopicEventRequest { path: "/dapr/on/other".into(), ..event("text/plain", b"x") };
    app.client.on_topic_event(event).await.expect("an answer");
    assert!(app.seen()[0].starts_with(r#"deliver bus/orders to Path("/dapr/on/other")"#), "{:?}", app.seen());
}

#[tokio::test]
async fn statuses_are_those_of_the_app_alone_and_in_bulk() {
    for (data, status) in [("x", 0), ("again", 1), ("never", 2)] {
        let mut app = app(None, None);
        let answer = app.client.on_topic_event(event("text/plain", data.as_bytes())).await.expect("an answer");
        assert_eq!(answer.into_inner().status, status, "{data}");
    }
    let entry = |id: &str, data: &str| TopicEventBulkRequestEntry {
        entry_id: id.into(),
        event: Some(Event::CloudEvent(TopicEventCeRequest {
            data_content_type: "text/plain".into(),
            data: data.into(),
            ..TopicEventCeRequest::default()
        })),
        ..TopicEventBulkRequestEntry::default()
    };
    let raw = TopicEventBulkRequestEntry {
        entry_id: "c".into(),
        event: Some(Event::Bytes(b"raw".to_vec())),
        ..TopicEventBulkRequestEntry::default()
    };
    let bulk = TopicEventBulkRequest {
        entries: vec![entry("a", "again"), entry("b", "x"), raw],
        path: "/dapr/on/listener".into(),
        ..TopicEventBulkRequest::default()
    };
    let mut app = app(None, None);
    let answer = app.client.on_bulk_topic_event(bulk.clone()).await.expect("an answer").into_inner();
    let old = AppCallbackAlphaClient::new(app.wire.clone()).on_bulk_topic_event_alpha1(bulk).await;
    assert_eq!(old.expect("an answer").into_inner(), answer);
    let statuses: Vec<(&str, i32)> = answer.statuses.iter().map(|entry| (&*entry.entry_id, entry.status)).collect();
    assert_eq!(statuses, [("a", 1), ("b", 0), ("c", 0)]);
    assert!(app.seen()[2].contains(r#""data_base64":"cmF3""#), "{:?}", app.seen());
}

#[tokio::test]
async fn bindings_and_jobs_are_handed_over_typed() {
    let mut app = app(None, None);
    let metadata = [("readTimeUTC".to_owned(), "now".to_owned())].into();
    let binding = BindingEventRequest { name: "nightly".into(), data: b"data".to_vec(), metadata };
    let reply = app.client.on_binding_event(binding).await.expect("an answer").into_inner();
    assert_eq!(reply.data, b"reply");
    let value = prost::Message::encode_to_vec(&Value { kind: Some(Kind::BoolValue(true)) });
    for (type_url, value) in [
        ("type.googleapis.com/google.protobuf.Value", value),
        ("type.googleapis.com/google.protobuf.StringValue", vec![10, 1, b'x']),
        ("", b"raw".to_vec()),
    ] {
        let job = JobEventRequest {
            name: "reindex".into(),
            data: Some(Any { type_url: type_url.into(), value }),
            ..JobEventRequest::default()
        };
        app.client.on_job_event(job.clone()).await.expect("an answer");
        AppCallbackAlphaClient::new(app.wire.clone()).on_job_event_alpha1(job).await.expect("an answer");
    }
    let mut seen = app.seen();
    seen.dedup();
    assert_eq!(
        seen,
        [
            r#"binding nightly b"data" {"readTimeUTC": "now"}"#,
            r#"job reindex b"true" Some("application/json")"#,
            r#"job reindex b"x" None"#,
            r#"job reindex b"raw" None"#,
        ]
    );
}

#[tokio::test]
async fn a_call_is_one_over_http() {
    let mut app = app(None, None);
    let extension = HttpExtension { verb: Verb::Put.into(), querystring: "a=b".into() };
    for (method, http_extension) in [("api/x", Some(extension)), ("/dapr/on/listener", None)] {
        let data = Some(Any { type_url: String::new(), value: b"x".to_vec() });
        let request = InvokeRequest { method: method.into(), data, content_type: "text/plain".into(), http_extension };
        let answer = app.client.on_invoke(request).await.expect("an answer").into_inner();
        assert_eq!(answer.data.expect("data").value, br#"{"entities":["Counter"]}"#);
    }
    // A path of daprd's is no event because an app invokes it.
    assert_eq!(app.seen(), ["invoke PUT /api/x?a=b", "invoke POST /dapr/on/listener"]);
}

#[tokio::test]
async fn a_failure_has_its_code_and_no_event_is_dropped_for_it() {
    for (code, invoked, delivered) in [
        (Code::Overloaded, Grpc::Unavailable, Grpc::Unavailable),
        (Code::MethodNotAllowed, Grpc::Unimplemented, Grpc::FailedPrecondition),
        (Code::GuestTimeout, Grpc::DeadlineExceeded, Grpc::DeadlineExceeded),
    ] {
        let mut app = app(Some(code), None);
        let failed = app.client.on_invoke(InvokeRequest::default()).await.expect_err("a failure");
        assert_eq!(failed.code(), invoked, "{failed}");
        let failed = app.client.on_topic_event(event("text/plain", b"x")).await.expect_err("a failure");
        assert_eq!(failed.code(), delivered, "{failed}");
    }
}

#[tokio::test]
async fn the_token_is_metadata_and_what_daprd_asks_without_it_needs_none() {
    let mut app = app(None, Some("secret"));
    let refused = app.client.on_topic_event(event("text/plain", b"x")).await.expect_err("no token");
    assert_eq!(refused.code(), Grpc::Unauthenticated);
    app.client.on_invoke(InvokeRequest::default()).await.expect_err("no token");
    AppCallbackHealthCheckClient::new(app.wire.clone()).health_check(()).await.expect("well");
    app.client.list_input_bindings(()).await.expect("a list");
    let mut message = Message::new(event("text/plain", b"x"));
    message.metadata_mut().insert("dapr-api-token", "secret".parse().expect("a value"));
    app.client.on_topic_event(message).await.expect("an answer");
    assert_eq!(app.seen().len(), 1);
}

/// daprd hands a foreign gRPC service on to the app that `dapr-app-id` names, so another app could send events.
#[tokio::test]
async fn another_app_reaches_no_event_and_a_draining_app_takes_none() {
    let mut app = app(None, None);
    let mut message = Message::new(event("text/plain", b"x"));
    message.metadata_mut().insert("dapr-caller-app-id", "other".parse().expect("a value"));
    let refused = app.client.on_topic_event(message).await.expect_err("another app");
    assert_eq!(refused.code(), Grpc::PermissionDenied);
    app.wire.0.drain();
    let refused = app.client.on_topic_event(event("text/plain", b"x")).await.expect_err("an end");
    assert_eq!(refused.code(), Grpc::Unavailable);
    AppCallbackHealthCheckClient::new(app.wire.clone()).health_check(()).await.expect_err("ill");
    assert!(app.seen().is_empty());
}
