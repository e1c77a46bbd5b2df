//! http guests: streaming, trapping in mid-body, and their way out.

mod common;

use common::{FakeSidecar, app, built, call, no_dapr, runtime, spec};
use http::{Request, Response};
use http_body_util::BodyExt;
use pillion_api::{AppChannel, Code, body, policy::Allow};
use pillion_runtime::{App, AppSpec, DaprHttp, GuestSpec, Limits, Runtime};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn echo(runtime: &Runtime, limits: Limits) -> App {
    app(runtime, runtime.load("echo", built("http-echo"), None).expect("a guest"), limits)
}

#[tokio::test]
async fn a_request_goes_in_and_its_answer_comes_out() {
    let runtime = runtime();
    let app = echo(&runtime, Limits::default());
    common::echoes(&app).await;
}

#[tokio::test]
async fn an_answer_streams_while_its_guest_runs() {
    let runtime = runtime();
    let app = echo(&runtime, Limits::default());
    let request = Request::get("/stream?5000").body(body::empty()).expect("a request");
    let response = app.invoke(request).await.expect("an answer");
    let mut incoming = response.into_body();
    let first = incoming.frame().await.expect("a frame").expect("good").into_data().expect("data");
    assert!(first.starts_with(b"chunk 0\n"));
    let rest = body::collect(incoming, 1 << 20).await.expect("the rest");
    assert!(rest.ends_with(b"chunk 4999\n"));
}

#[tokio::test]
async fn a_trap_in_mid_body_breaks_the_answer_off() {
    let runtime = runtime();
    let app = echo(&runtime, Limits::default());
    let request = Request::get("/trap").body(body::empty()).expect("a request");
    let response = app.invoke(request).await.expect("a head");
    let error = body::collect(response.into_body(), 1 << 20).await.expect_err("broken off");
    assert_eq!(error.code(), Code::GuestTrap, "{error}");
    assert_eq!(app.stats()[0].errors["PILLION_GUEST_TRAP"], 1);
    assert!(call(&app, Request::get("/").body(body::empty()).expect("a request")).await.is_ok());
}

#[tokio::test]
async fn an_answer_over_its_limit_is_broken_off() {
    let runtime = runtime();
    let app = echo(&runtime, Limits { response: 10_000, ..Limits::default() });
    let request = Request::get("/stream?5000").body(body::empty()).expect("a request");
    let response = app.invoke(request).await.expect("a head");
    let error = body::collect(response.into_body(), 1 << 20).await.expect_err("broken off");
    assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.response"));
}

#[tokio::test]
async fn a_client_that_stops_reading_ends_the_guest_and_its_memory_is_given_back() {
    let runtime = runtime();
    let app = echo(&runtime, Limits { timeout: Duration::from_secs(60), ..Limits::default() });
    let request = Request::get("/stream?100000000").body(body::empty()).expect("a request");
    let response = app.invoke(request).await.expect("a head");
    assert!(runtime.memory().0 > 0);
    drop(response);
    let gone = async {
        while runtime.memory().0 > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), gone).await.expect("gone within a second");
}

#[tokio::test]
async fn a_slow_reader_meets_the_deadline() {
    let runtime = runtime();
    let app = echo(&runtime, Limits { timeout: Duration::from_millis(100), ..Limits::default() });
    let request = Request::get("/stream?100000000").body(body::empty()).expect("a request");
    let asked = Instant::now();
    let response = app.invoke(request).await.expect("a head");
    // The guest stands in a host call until somebody reads, so only the clock can end it.
    tokio::time::sleep(Duration::from_millis(150)).await;
    let error = body::collect(response.into_body(), 1 << 30).await.expect_err("broken off");
    assert_eq!(error.code(), Code::GuestTimeout);
    assert!(asked.elapsed() < Duration::from_secs(2));
}

struct Way {
    app: App,
    sidecar: Arc<FakeSidecar>,
}

fn caller(runtime: &Runtime, hosts: &[&str], dapr_http: DaprHttp, ports: &[u16]) -> Way {
    caller_of(FakeSidecar::default(), runtime, hosts, dapr_http, ports)
}

fn caller_of(sidecar: FakeSidecar, runtime: &Runtime, hosts: &[&str], dapr_http: DaprHttp, ports: &[u16]) -> Way {
    let guest = runtime.load("call", built("http-call"), None).expect("a guest");
    let spec = AppSpec {
        guests: vec![GuestSpec::new("call", guest)],
        allow: Allow { hosts: hosts.iter().map(ToString::to_string).collect(), ..Allow::default() },
        dapr_ports: ports.iter().map(|port| (*port, "app".to_owned())).collect::<HashMap<_, _>>(),
        ..spec()
    };
    let sidecar = Arc::new(sidecar);
    Way { app: runtime.app(spec, sidecar.clone(), dapr_http).expect("an app"), sidecar }
}

async fn ask(app: &App, url: &str) -> String {
    let request = Request::post("/")
        .header("x-url", url)
        .header("traceparent", TRACE)
        .body(body::full("ping"))
        .expect("a request");
    let (_, answer) = call(app, request).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn the_domain_dapr_is_an_invocation_by_the_sidecar() {
    let runtime = runtime();
    let way = caller(&runtime, &[], no_dapr(), &[]);
    assert_eq!(ask(&way.app, "http://image-api-rs.dapr/api//image?x=1").await, "status 200\nsidecar:ping");
    let seen = way.sidecar.seen.lock().expect("no panic").remove(0);
    assert_eq!(
        (seen.app.as_str(), seen.path.as_str(), &seen.body[..]),
        ("image-api-rs", "/api/image?x=1", &b"ping"[..])
    );
    assert_eq!(seen.headers["dapr-caller-app-id"], "app");
    let trace = seen.headers["traceparent"].to_str().expect("text");
    assert!(trace.starts_with(&TRACE[..36]) && trace != TRACE, "{trace}");
}

/// A circle of apps must end, so a guest neither loses the count of apps nor begins it anew.
#[tokio::test]
async fn the_count_of_apps_is_handed_on() {
    let runtime = runtime();
    let way = caller(&runtime, &[], no_dapr(), &[]);
    let request = Request::post("/").header("x-url", "http://Orders.dapr/").header("pillion-hops", "7");
    call(&way.app, request.body(body::empty()).expect("a request")).await.expect("an answer");
    let seen = way.sidecar.seen.lock().expect("no panic").remove(0);
    assert_eq!((seen.app.as_str(), &seen.headers["pillion-hops"]), ("Orders", &"7".parse().expect("a header")));
}

#[tokio::test]
async fn a_dapr_port_of_this_run_is_answered_in_process() {
    let runtime = runtime();
    let dapr: DaprHttp =
        Arc::new(|request| Box::pin(async move { Response::new(body::full(format!("dapr {}", request.uri()))) }));
    let way = caller(&runtime, &[], dapr, &[3502]);
    let url = "http://localhost:3502/v1.0/invoke/x/method/y";
    assert_eq!(ask(&way.app, url).await, format!("status 200\ndapr {url}"));
    assert_eq!(ask(&way.app, "http://localhost:3503/").await, "error ErrorCode::HttpRequestDenied\n");
}

/// A server that counts who came.
async fn canary() -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let (port, hits) = (listener.local_addr().expect("bound").port(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let count = Arc::clone(&hits);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut chunk = [0; 4096];
                while !seen.ends_with(b"0\r\n\r\n") && !seen.ends_with(b"ping") {
                    match socket.read(&mut chunk).await {
                        Ok(length) if length > 0 => seen.extend_from_slice(&chunk[..length]),
                        _ => return,
                    }
                }
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong").await;
            });
        }
    });
    (port, hits)
}

#[tokio::test]
async fn no_way_around_leads_to_this_machine() {
    let runtime = runtime();
    let (port, hits) = canary().await;
    let everything = [format!("*:{port}"), "*".into()];
    let everything: Vec<&str> = everything.iter().map(String::as_str).collect();
    for hosts in [&[][..], &["example.invalid"], &everything] {
        let way = caller(&runtime, hosts, no_dapr(), &[]);
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[::ffff:7f00:1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "localhost",
            "localhost.",
            "LOCALHOST",
            "allowed@127.0.0.1",
            "example.invalid@127.0.0.1",
            "127.0.0.1.",
            "169.254.169.254",
        ] {
            let answer = ask(&way.app, &format!("http://{host}:{port}/")).await;
            assert!(answer.starts_with("error "), "{host} with {hosts:?}: {answer}");
        }
    }
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_address_that_is_named_itself_is_reached() {
    let runtime = runtime();
    let (port, hits) = canary().await;
    let entry = format!("127.0.0.1:{port}");
    let way = caller(&runtime, &[&entry], no_dapr(), &[]);
    assert_eq!(ask(&way.app, &format!("http://127.0.0.1:{port}/")).await, "status 200\npong");
    assert_eq!(ask(&way.app, &format!("http://127.0.0.1:{port}/")).await, "status 200\npong");
    assert!(ask(&way.app, &format!("http://localhost:{port}/")).await.starts_with("error "));
    assert!(hits.load(std::sync::atomic::Ordering::SeqCst) >= 1);
}

/// Answers without a look at the request's body.
fn careless(waits: bool) -> DaprHttp {
    Arc::new(move |request| {
        Box::pin(async move {
            drop(request);
            if waits {
                tokio::task::yield_now().await;
            }
            Response::new(body::full("ok"))
        })
    })
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_no_failure_of_the_guest_that_writes_it() {
    let runtime = runtime();
    let large = "x".repeat(3 << 20);
    for (waits, in_process) in [(false, true), (true, true), (false, false)] {
        let sidecar = FakeSidecar { in_process, ..FakeSidecar::default() };
        let way = caller_of(sidecar, &runtime, &[], careless(waits), &[3500]);
        for sent in ["", "ping", &large] {
            let request = Request::post("/").header("x-url", "http://localhost:3500/");
            let request = request.body(body::full(sent.to_owned())).expect("a request");
            let (_, answer) = call(&way.app, request).await.expect("an answer");
            assert_eq!(&answer[..], b"status 200\nok", "{} bytes, waits: {waits}, {in_process}", sent.len());
        }
    }
}

#[tokio::test]
async fn host_calls_are_counted() {
    let runtime = runtime();
    let guest = runtime.load("call", built("http-call"), None).expect("a guest");
    let app = app(&runtime, guest, Limits { host_calls: 0, ..Limits::default() });
    assert!(ask(&app, "http://other.dapr/").await.contains("host calls"));
}

#[tokio::test]
async fn a_guest_that_is_replaced_ends_its_calls_and_the_new_one_takes_the_next() {
    let runtime = runtime();
    let app = echo(&runtime, Limits::default());
    let begun = app.invoke(Request::get("/stream?5000").body(body::empty()).expect("a request")).await.expect("a head");
    let mut begun = begun.into_body();
    let first = begun.frame().await.expect("a frame").expect("good").into_data().expect("data");
    assert!(first.starts_with(b"chunk 0\n"));

    let hello = runtime.load("hello", built("http-hello"), None).expect("a guest");
    app.replace(GuestSpec::new("guest", hello.clone())).expect("replaced");
    let (_, answer) = call(&app, Request::get("/").body(body::empty()).expect("a request")).await.expect("an answer");
    assert_eq!(&answer[..], b"hello world\n");
    let rest = body::collect(begun, 1 << 20).await.expect("the rest");
    assert!(rest.ends_with(b"chunk 4999\n"));

    let other = app.replace(GuestSpec::new("other", hello.clone())).expect_err("no such guest");
    assert_eq!(other.code(), Code::RouteNotFound, "{other}");
    let limits = Limits { memory: 1 << 10, ..Limits::default() };
    let small = app.replace(GuestSpec { limits, ..GuestSpec::new("guest", hello) }).expect_err("too small");
    assert_eq!(small.code(), Code::GuestInvalid, "{small}");
    assert!(call(&app, Request::get("/").body(body::empty()).expect("a request")).await.is_ok());
}
