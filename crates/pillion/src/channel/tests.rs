//! One table of requests to an app's port, against an app that says what it was asked.

use super::*;
use async_trait::async_trait;
use pillion_api::{
    Metadata,
    actors::{Event, HostedType},
    configuration,
    pubsub::{BulkDelivery, Delivery, Destination, Source, Subscription, TopicStatus},
};
use std::sync::Mutex;

/// An app that takes down what it is asked.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) seen: Mutex<Vec<String>>,
    pub(super) fails: Option<Code>,
}

impl Fake {
    fn note(&self, what: String) -> Result<()> {
        self.seen.lock().expect("no panic").push(what);
        self.fails.map_or(Ok(()), |code| Err(Error::new(code, "as told")))
    }
}

#[async_trait]
impl AppChannel for Fake {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        let token = if request.headers().contains_key("dapr-api-token") { " with a token" } else { "" };
        self.note(format!("invoke {} {}{token}", request.method(), request.uri()))?;
        Ok(Response::new(body::full(r#"{"entities":["Counter"]}"#)))
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.note("subscriptions".to_owned())?;
        let posted = Subscription {
            pubsub: "bus".into(),
            topic: "orders".into(),
            rules: Vec::new(),
            default: Some(Destination::Guest("listener".into())),
            metadata: Metadata::new(),
            dead_letter_topic: None,
            bulk: None,
            source: Source::Declarative,
        };
        // daprd is not told of what the app asks for itself.
        let streamed = Subscription { topic: "streamed".into(), source: Source::Streaming, ..posted.clone() };
        Ok(vec![streamed, posted])
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        let Delivery { pubsub, topic, destination, event, metadata, traceparent } = delivery;
        let event = String::from_utf8_lossy(&event).into_owned();
        let traceparent = traceparent.unwrap_or_default();
        self.note(format!("deliver {pubsub}/{topic} to {destination:?}: {event} {metadata:?} {traceparent}"))?;
        Ok(match &event {
            event if event.contains("again") => TopicStatus::Retry,
            event if event.contains("never") => TopicStatus::Drop,
            _ => TopicStatus::Success,
        })
    }

    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        let mut statuses = Vec::new();
        for entry in delivery.entries {
            statuses.push(self.deliver(entry.delivery).await?);
        }
        Ok(statuses)
    }

    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply> {
        self.note(format!("binding {} {:?} {:?}", event.binding, event.data, event.metadata))?;
        Ok(bindings::Reply { data: "reply".into(), ..bindings::Reply::default() })
    }

    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        self.note(format!("job {} {:?} {:?}", event.name, event.data, event.content_type))
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        self.note(format!("configuration {} {} {:?}", update.store, update.id, update.items))
    }

    async fn actor_turn(&self, event: Event) -> Result<bytes::Bytes> {
        let Event { actor, turn, metadata, traceparent } = event;
        self.note(format!("{}/{} {turn:?} {metadata:?} {}", actor.kind, actor.id, traceparent.unwrap_or_default()))?;
        Ok(r#"{"done":true}"#.into())
    }
}

/// An http guest is at `/http`, one with typed handlers at `/typed`.
struct Paths;

impl Guests for Paths {
    fn asks(&self, _: &Method, path: &path::Path) -> bool {
        path.as_str().starts_with("/http")
    }

    fn is_typed(&self, path: &path::Path) -> bool {
        path.as_str().starts_with("/typed") || path.as_str().starts_with("/job/typed")
    }
}

/// A channel of an app with everything under `on:`.
pub(super) fn channel(app: &Arc<Fake>, token: Option<&str>) -> Arc<Channel> {
    let mut reserved = Reserved::default();
    reserved.topic("listener");
    reserved.binding("nightly");
    reserved.job("reindex");
    reserved.configuration("settings");
    reserved.health("/healthz");
    let bounds = Bounds { request: 1 << 20, answer: 1 << 20 };
    Arc::new(Channel::new(app.clone(), Arc::new(Paths), reserved, token.and_then(ApiToken::new), bounds))
}

/// The same of an app that hosts `Order`.
fn hosting(app: &Arc<Fake>) -> Arc<Channel> {
    let mut reserved = Reserved::default();
    reserved.actor(HostedType { kind: "Order".into(), ..HostedType::default() });
    let bounds = Bounds { request: 1 << 20, answer: 1 << 20 };
    Arc::new(Channel::new(app.clone(), Arc::new(Paths), reserved, None, bounds))
}

struct Answer {
    status: u16,
    body: String,
}

async fn ask(channel: &Arc<Channel>, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (method, path) = line.split_once(' ').expect("a request line");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = channel.call(request.body(body::full(body.to_owned())).expect("a request")).await;
    let status = response.status().as_u16();
    let bytes = body::collect(response.into_body(), MAX_ANSWER).await.expect("a body");
    Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() }
}

/// What the app was asked for a request, and the answer.
async fn check(line: &str, headers: &[(&str, &str)], body: &str, status: u16, answer: &str, seen: &[&str]) {
    let app = Arc::new(Fake::default());
    let got = ask(&channel(&app, None), line, headers, body).await;
    assert_eq!((got.status, got.body.as_str()), (status, answer), "{line}");
    assert_eq!(*app.seen.lock().expect("no panic"), seen, "{line}");
}

const EVENT: (&str, &str) = ("content-type", "application/cloudevents+json");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn daprs_questions_are_answered_and_everything_else_is_the_guests() {
    let subscriptions = r#"[{"pubsubname":"bus","topic":"orders","routes":{"default":"/dapr/on/listener"}}]"#;
    check("GET /dapr/subscribe", &[], "", 200, subscriptions, &["subscriptions"]).await;
    check("GET /dapr/config", &[], "", 200, r#"{"entities":[]}"#, &[]).await;
    check("GET /healthz", &[], "", 200, r#"{"status":"ok"}"#, &[]).await;
    let of_guest = r#"{"entities":["Counter"]}"#;
    for line in
        ["GET /", "POST /dapr/subscribe", "POST /job/other", "POST /dapr/on/other", "PUT /nightly", "GET /job/reindex"]
    {
        check(line, &[], "", 200, of_guest, &[&format!("invoke {line}")]).await;
    }
}

#[tokio::test]
async fn a_probe_succeeds_for_what_on_names_or_an_http_guest_answers() {
    check("OPTIONS /nightly", &[], "", 200, "", &[]).await;
    check("OPTIONS /other", &[], "", 404, "", &[]).await;
    check("OPTIONS /http/x", &[], "", 200, r#"{"entities":["Counter"]}"#, &["invoke OPTIONS /http/x"]).await;
    let preflight = [("origin", "http://localhost")];
    check("OPTIONS /page", &preflight, "", 200, r#"{"entities":["Counter"]}"#, &["invoke OPTIONS /page"]).await;
}

#[tokio::test]
async fn a_single_event_is_delivered_with_its_origin_and_its_status_answered() {
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let headers = [EVENT, ("pubsubname", "bus"), trace, ("user-agent", "Go"), ("x-mine", "1")];
    let event = r#"{"id":"1","topic":"orders","pubsubname":"bus","data":"x"}"#;
    let seen = format!(
        r#"deliver bus/orders to Guest("listener"): {event} {{"pubsubname": "bus", "x-mine": "1"}} {}"#,
        trace.1
    );
    check("POST /dapr/on/listener", &headers, event, 200, r#"{"status":"SUCCESS"}"#, &[&seen]).await;
    for (event, status) in [(r#"{"data":"again"}"#, "RETRY"), (r#"{"data":"never"}"#, "DROP")] {
        let seen = format!(r#"deliver / to Guest("listener"): {event} {{}} "#);
        check("POST /dapr/on/listener", &[EVENT], event, 200, &format!(r#"{{"status":"{status}"}}"#), &[&seen]).await;
    }
}

#[tokio::test]
async fn a_guest_with_handlers_gets_what_is_declared_for_its_path_typed() {
    let headers = [EVENT, ("pubsubname", "bus")];
    let seen = [r#"deliver bus/t to Path("/typed/x"): {"topic":"t"} {"pubsubname": "bus"} "#];
    check("POST /typed/x", &headers, r#"{"topic":"t"}"#, 200, r#"{"status":"SUCCESS"}"#, &seen).await;
    check("POST /job/typed", &[], "{}", 200, "", &[r#"job typed b"{}" None"#]).await;
    let invoked = [r#"invoke POST /typed/x"#];
    check("POST /typed/x", &[EVENT], "{}", 200, r#"{"entities":["Counter"]}"#, &invoked).await;
}

/// A publisher may write the envelope itself, or there is none: the guest gets what came.
#[tokio::test]
async fn an_odd_envelope_is_delivered_as_it_is() {
    let deep = format!(r#"{{"topic":"t","data":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for (event, origin) in [
        (r#"{"topic":7,"pubsubname":null,"traceparent":{}}"#, "bus/"),
        (r#"{"topic":"a","topic":"b"}"#, "bus/"),
        ("no JSON", "bus/"),
        (&deep, "bus/t"),
    ] {
        let seen = format!(r#"deliver {origin} to Guest("listener"): {event} {{"pubsubname": "bus"}} "#);
        let headers = [EVENT, ("pubsubname", "bus")];
        check("POST /dapr/on/listener", &headers, event, 200, r#"{"status":"SUCCESS"}"#, &[&seen]).await;
    }
}

#[tokio::test]
async fn every_entry_of_a_bulk_delivery_gets_its_status() {
    let body = r#"{"id":"b","topic":"orders","pubsubname":"bus","type":"com.dapr.event.sent.bulk","metadata":null,"entries":[
        {"entryId":"1","event":{"topic":"orders","data":"x"},"contentType":"application/cloudevents+json","metadata":null},
        {"entryId":"2","event":{"data":"again","traceparent":"00-1-2-01"},"metadata":{"k":"v"}},
        {"entryId":"3","event":"bmV2ZXI="}]}"#;
    let raw = r#"{"data_base64":"bmV2ZXI=","datacontenttype":"application/octet-stream","id":"3","pubsubname":"bus","source":"Dapr","specversion":"1.0","topic":"orders","type":"com.dapr.event.sent"}"#;
    let seen = [
        r#"deliver bus/orders to Guest("listener"): {"topic":"orders","data":"x"} {} "#,
        r#"deliver bus/orders to Guest("listener"): {"data":"again","traceparent":"00-1-2-01"} {"k": "v"} 00-1-2-01"#,
        &format!(r#"deliver bus/orders to Guest("listener"): {raw} {{}} "#),
    ];
    let answer = r#"{"statuses":[{"entryId":"1","status":"SUCCESS"},{"entryId":"2","status":"RETRY"},{"entryId":"3","status":"SUCCESS"}]}"#;
    check("POST /dapr/on/listener", &[JSON], body, 200, answer, &seen).await;
}

#[tokio::test]
async fn bindings_jobs_and_configuration_are_handed_over_typed() {
    let seen = [r#"binding nightly b"data" {"readtimeutc": "now"}"#];
    check("POST /nightly", &[JSON, ("readtimeutc", "now")], "data", 200, "reply", &seen).await;
    let seen = [r#"job reindex b"{}" Some("application/json")"#];
    check("POST /job/reindex", &[JSON], "{}", 200, "", &seen).await;
    let update = r#"{"id":"s","items":{"k":{"value":"v","version":"1","metadata":null}}}"#;
    let seen = [r#"configuration settings s {"k": Item { value: "v", version: "1", metadata: {} }}"#];
    check("POST /configuration/settings/k", &[JSON], update, 200, "", &seen).await;
}

#[tokio::test]
async fn what_an_app_can_not_do_is_an_error_that_daprd_tries_again() {
    let app = Arc::new(Fake { fails: Some(Code::Overloaded), ..Fake::default() });
    let channel = channel(&app, None);
    for (line, headers, body) in [
        ("POST /dapr/on/listener", EVENT, "{}"),
        ("POST /dapr/on/listener", JSON, r#"{"entries":[{"entryId":"1","event":{}}]}"#),
        ("POST /nightly", JSON, ""),
        ("POST /job/reindex", JSON, ""),
        ("POST /configuration/settings/k", JSON, "{}"),
    ] {
        assert_eq!(ask(&channel, line, &[headers], body).await.status, 503, "{line}");
    }
    for (line, body) in [("POST /dapr/on/listener", "[1"), ("POST /configuration/settings/k", "x")] {
        assert_eq!(ask(&channel, line, &[JSON], body).await.status, 400, "{line}");
    }
}

#[tokio::test]
async fn with_a_token_nothing_but_health_answers_without_it() {
    let app = Arc::new(Fake::default());
    let channel = channel(&app, Some("secret"));
    let lines = [
        "GET /",
        "GET /dapr/subscribe",
        "GET /dapr/config",
        "OPTIONS /nightly",
        "POST /dapr/on/listener",
        "POST /nightly",
        "POST /job/reindex",
        "POST /healthz",
        "GET /healthz/x",
        "GET /x?y=/healthz",
    ];
    for line in lines {
        for wrong in [
            vec![],
            vec![("dapr-api-token", "")],
            vec![("dapr-api-token", "secreT")],
            vec![("dapr-api-token", "secret1")],
        ] {
            assert_eq!(ask(&channel, line, &wrong, "").await.status, 401, "{line} {wrong:?}");
        }
    }
    assert!(app.seen.lock().expect("no panic").is_empty());
    for line in ["GET /healthz", "HEAD /healthz"] {
        assert_eq!(ask(&channel, line, &[], "").await.status, 200, "{line}");
    }
    assert_eq!(ask(&channel, "GET /x", &[("dapr-api-token", "secret")], "").await.status, 200);
    assert_eq!(*app.seen.lock().expect("no panic"), ["invoke GET /x"], "the guest doesn't see the token");
}

#[tokio::test]
async fn another_app_can_not_invoke_what_is_daprds() {
    let app = Arc::new(Fake::default());
    let channel = channel(&app, None);
    let invoked = [("dapr-caller-app-id", "other")];
    for line in
        ["GET /dapr/subscribe", "GET /dapr/config", "POST /dapr/on/listener", "POST /nightly", "POST /job/reindex"]
    {
        assert_eq!(ask(&channel, line, &invoked, "{}").await.status, 403, "{line}");
    }
    assert!(app.seen.lock().expect("no panic").is_empty());
    assert_eq!(ask(&channel, "POST /orders", &invoked, "{}").await.status, 200);
}

#[tokio::test]
async fn an_ending_app_is_ill_and_takes_calls_but_no_events() {
    let app = Arc::new(Fake::default());
    let channel = channel(&app, None);
    channel.drain();
    for line in ["GET /healthz", "POST /dapr/on/listener", "POST /nightly", "POST /job/reindex"] {
        let answer = ask(&channel, line, &[EVENT], "{}").await;
        assert_eq!(answer.status, 503, "{line}: {}", answer.body);
    }
    assert_eq!(ask(&channel, "GET /", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_call_below_actors_is_a_turn_of_a_type_that_is_hosted() {
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let done = r#"{"done":true}"#;
    let of_guest = r#"{"entities":["Counter"]}"#;
    for (line, headers, body, answer, seen) in [
        (
            "PUT /actors/Order/a%20b/method/add",
            &[("dapr-api-call", "true"), ("dapr-reentrancy-id", "r"), trace][..],
            "7",
            done,
            r#"Order/a b Invoke { method: "add", data: b"7" } {"dapr-api-call": "true", "dapr-reentrancy-id": "r"} 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"#,
        ),
        (
            "PUT /actors/Order/1/method/remind/pay",
            &[],
            r#"{"data":{"a":1},"dueTime":"","period":""}"#,
            done,
            r#"Order/1 Reminder { name: "pay", data: b"{\"a\":1}" } {} "#,
        ),
        // A proxy before daprd's own API leaves its headers.
        (
            "PUT /actors/Order/1/method/x",
            &[("forwarded", "for=x")],
            "",
            done,
            r#"Order/1 Invoke { method: "x", data: b"" } {"forwarded": "for=x"} "#,
        ),
        ("DELETE /actors/Order/1", &[], "", done, r#"Order/1 Deactivate {} "#),
        ("PUT /actors/Counter/1/method/x", &[], "", of_guest, "invoke PUT /actors/Counter/1/method/x"),
        ("PUT /actors/Order/1", &[], "", of_guest, "invoke PUT /actors/Order/1"),
        ("GET /actors/Order/1/method/x", &[], "", of_guest, "invoke GET /actors/Order/1/method/x"),
    ] {
        let app = Arc::new(Fake::default());
        let got = ask(&hosting(&app), line, headers, body).await;
        assert_eq!((got.status, got.body.as_str()), (200, answer), "{line}");
        assert_eq!(*app.seen.lock().expect("no panic"), [seen], "{line}");
    }
}

#[tokio::test]
async fn a_turn_is_for_the_apps_own_daprd_until_the_app_ends() {
    let app = Arc::new(Fake::default());
    let channel = hosting(&app);
    let turn = "PUT /actors/Order/1/method/x";
    for (line, header) in [
        (turn, "dapr-caller-app-id"),
        ("PUT /actors/Order/1/method/timer/x", "forwarded"),
        ("DELETE /actors/Order/1", "x-forwarded-host"),
    ] {
        assert_eq!(ask(&channel, line, &[(header, "other")], "{}").await.status, 403, "{line}");
    }
    assert!(app.seen.lock().expect("no panic").is_empty());
    assert_eq!(ask(&channel, "PUT /actors/Order/1/method/timer/x", &[], "no JSON").await.status, 400);
    channel.drain();
    assert_eq!(ask(&channel, turn, &[], "").await.status, 503);
    assert_eq!(ask(&channel, "DELETE /actors/Order/1", &[], "").await.status, 200, "who leaves may leave");
    let config = ask(&channel, "GET /dapr/config", &[], "").await.body;
    assert_eq!(config, r#"{"entities":["Order"],"entitiesConfig":[{"entities":["Order"]}]}"#);
}
