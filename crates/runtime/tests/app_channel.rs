//! An app as Dapr sees it: routes, files, redirects, subscriptions and deliveries.

mod common;

use common::{app_of, call, guest, runtime, spec};
use http::{Method, Request, StatusCode, header};
use pillion_api::pubsub::{Delivery, Destination, Source, TopicStatus};
use pillion_api::{AppChannel, Code, Error, body};
use pillion_runtime::{App, AppSpec, GuestSpec, On, Route, RouteTarget, Runtime, Trigger};

/// Answers a fixed text.
fn says(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 64) "{escaped}")
        (func (export "_start") (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {}))
          (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
        text.len()
    )
}

fn route(path: &str, methods: &[Method], target: RouteTarget) -> Route {
    Route { path: path.into(), methods: methods.to_vec(), target }
}

fn site(runtime: &Runtime, files: &std::path::Path) -> App {
    let named = |name: &str| GuestSpec::new(name, guest(runtime, &says(name)));
    let to = |name: &str| RouteTarget::Guest(name.into());
    let routes = vec![
        route("/", &[], RouteTarget::Redirect("/static/home.html".into())),
        route("/static", &[], RouteTarget::Directory(files.into())),
        route("/api", &[], to("one")),
        route("/api/image", &[Method::POST], to("two")),
    ];
    app_of(runtime, AppSpec { guests: vec![named("one"), named("two")], routes, ..spec() })
}

async fn get(app: &App, method: Method, path: &str) -> Result<(StatusCode, String), Error> {
    let request = Request::builder().method(method).uri(path).body(body::empty()).expect("a request");
    call(app, request).await.map(|(status, bytes)| (status, String::from_utf8_lossy(&bytes).into_owned()))
}

#[tokio::test]
async fn a_path_leads_to_its_guest_its_file_or_nowhere() {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("home.html"), "home").expect("written");
    let app = site(&runtime, folder.path());
    let ok = |text: &str| (StatusCode::OK, text.to_owned());
    assert_eq!(get(&app, Method::GET, "/api/x").await.expect("an answer"), ok("one"));
    assert_eq!(get(&app, Method::POST, "//api/image/").await.expect("an answer"), ok("two"));
    assert_eq!(get(&app, Method::GET, "/static/home.html").await.expect("an answer"), ok("home"));
    let redirect = app.invoke(Request::get("/").body(body::empty()).expect("a request")).await.expect("an answer");
    assert_eq!(
        (redirect.status(), &redirect.headers()[header::LOCATION]),
        (StatusCode::FOUND, &"/static/home.html".parse().expect("a value"))
    );
    let refused =
        app.invoke(Request::get("/api/image").body(body::empty()).expect("a request")).await.expect("an answer");
    assert_eq!(
        (refused.status(), &refused.headers()[header::ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().expect("a value"))
    );
    for (path, code) in [
        ("/nothing", Code::RouteNotFound),
        ("/static/missing", Code::RouteNotFound),
        ("/static/%2e%2e/secret", Code::RequestRefused),
        ("/api/..%2fadmin", Code::RequestRefused),
        ("/api/%00", Code::RequestRefused),
    ] {
        assert_eq!(get(&app, Method::GET, path).await.expect_err(path).code(), code, "{path}");
    }
}

#[tokio::test]
async fn what_can_not_work_is_refused_when_the_app_is_made() {
    let runtime = runtime();
    let refused = |spec: AppSpec| {
        let sidecar = std::sync::Arc::new(common::FakeSidecar::default());
        runtime.app(spec, sidecar, common::no_dapr()).err().expect("refused")
    };
    let two =
        || vec![GuestSpec::new("a", guest(&runtime, &says("a"))), GuestSpec::new("b", guest(&runtime, &says("b")))];
    assert!(refused(AppSpec { guests: two(), ..spec() }).message().contains("no routes"));
    let routes = vec![route("/", &[], RouteTarget::Directory("/no/such/directory".into()))];
    assert!(refused(AppSpec { guests: two(), routes, ..spec() }).message().contains("can't be read"));
    let trigger = Trigger { on: On::topic("p", "t"), guest: "c".into() };
    let routes = vec![route("/", &[], RouteTarget::Guest("a".into()))];
    assert!(
        refused(AppSpec { guests: two(), routes, triggers: vec![trigger], ..spec() })
            .message()
            .contains("no guest `c`")
    );
    let allow = pillion_api::policy::Allow { hosts: vec!["*foo".into()], ..Default::default() };
    assert!(refused(AppSpec { allow, ..spec() }).message().contains("`*foo`"));
}

fn delivery(destination: Destination) -> Delivery {
    Delivery {
        pubsub: "p".into(),
        topic: "t".into(),
        destination,
        event: r#"{"id":"1"}"#.into(),
        metadata: pillion_api::Metadata::new(),
        traceparent: None,
    }
}

#[tokio::test]
async fn an_event_goes_to_its_guest_and_the_answer_means_what_it_means_to_daprd() {
    let runtime = runtime();
    let guests = [
        ("ok", says("")),
        ("retry", says(r#"{"status":"RETRY"}"#)),
        ("drop", says(r#"{"status":"DROP"}"#)),
        ("trap", "(module (func (export \"_start\") unreachable))".to_owned()),
    ];
    let routes =
        guests.iter().map(|(name, _)| route(&format!("/{name}"), &[], RouteTarget::Guest((*name).into()))).collect();
    let guests = guests.iter().map(|(name, wat)| GuestSpec::new(*name, guest(&runtime, wat))).collect();
    let trigger = Trigger {
        on: On::Topic {
            pubsub: "p".into(),
            topic: "t".into(),
            dead_letter: Some("dead".into()),
            metadata: pillion_api::Metadata::new(),
            streaming: false,
            bulk: None,
        },
        guest: "ok".into(),
    };
    let app = app_of(&runtime, AppSpec { guests, routes, triggers: vec![trigger], ..spec() });
    let subscriptions = app.subscriptions().await.expect("a list");
    let [subscription] = &subscriptions[..] else { panic!("one") };
    assert_eq!(
        (subscription.source, &subscription.default),
        (Source::Declarative, &Some(Destination::Guest("ok".into())))
    );
    for (destination, expected) in [
        (Destination::Guest("ok".into()), TopicStatus::Success),
        (Destination::Path("/ok".into()), TopicStatus::Success),
        (Destination::Path("retry".into()), TopicStatus::Retry),
        (Destination::Guest("drop".into()), TopicStatus::Drop),
        (Destination::Path("/nowhere".into()), TopicStatus::Drop),
    ] {
        let status = app.deliver(delivery(destination.clone())).await.expect("a status");
        assert_eq!(status, expected, "{destination:?}");
    }
    let error = app.deliver(delivery(Destination::Guest("trap".into()))).await.expect_err("a trap");
    assert_eq!(error.code(), Code::GuestTrap);
}

#[tokio::test]
async fn an_http_guest_is_asked_for_its_subscriptions_and_a_command_is_not() {
    let runtime = runtime();
    let echo = runtime.load("echo", common::built("http-echo"), None).expect("a guest");
    let app = app_of(&runtime, AppSpec { guests: vec![GuestSpec::new("echo", echo)], ..spec() });
    // It answers with what is no list, so there are none; the question did reach it, once.
    assert!(app.subscriptions().await.expect("none").is_empty());
    assert_eq!(app.stats()[0].calls, 1);
    let command = AppSpec { guests: vec![GuestSpec::new("c", guest(&runtime, &says("text")))], ..spec() };
    assert!(app_of(&runtime, command).subscriptions().await.expect("none").is_empty());
}
