//! Handlers of WASI 0.3 in an instance of their own: streaming, their way out, and how they end.

mod common;

use bytes::Bytes;
use common::{FakeSidecar, app, built, call, no_dapr, runtime, spec};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use pillion_api::{AppChannel, Body, Code, Error, body, policy::Allow};
use pillion_runtime::{App, AppSpec, DaprHttp, GuestKind, GuestSpec, Limits, LoadOptions, Mode, Options, Runtime};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn service(runtime: &Runtime, limits: Limits) -> App {
    app(runtime, runtime.load("service", built("http-service"), None).expect("a guest"), limits)
}

fn in_mode(runtime: &Runtime, mode: Mode, limits: Limits) -> App {
    let options = LoadOptions { mode, ..LoadOptions::default() };
    app(runtime, runtime.load_with("service", built("http-service"), None, &options).expect("a guest"), limits)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(body::empty()).expect("a request")
}

async fn text(app: &App, path: &str) -> String {
    let (status, answer) = call(app, get(path)).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
    String::from_utf8(answer.to_vec()).expect("text")
}

/// Waits until no guest has memory any more.
async fn all_gone(runtime: &Runtime, before: u64) {
    let gone = async {
        while runtime.memory().0 > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("gone in time");
}

/// What is in use once the second engine is there.
fn idle_memory(runtime: &Runtime) -> u64 {
    runtime.load("service", built("http-service"), None).expect("a guest");
    runtime.memory().0
}

#[tokio::test]
async fn a_request_goes_in_and_its_answer_comes_out() {
    let runtime = runtime();
    let app = service(&runtime, Limits::default());
    common::echoes(&app).await;
}

#[tokio::test]
async fn a_body_that_the_guest_only_hands_on_comes_back() {
    let runtime = runtime();
    let app = service(&runtime, Limits::default());
    let request = Request::post("/forward").body(body::full(vec![b'y'; 300_000])).expect("a request");
    let (_, answer) = call(&app, request).await.expect("an answer");
    assert_eq!(answer.len(), 300_000);
}

/// The answer's first bytes come before the request's last are sent.
#[tokio::test]
async fn both_bodies_stream_at_the_same_time() {
    let runtime = runtime();
    let app = service(&runtime, Limits::default());
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, Error>(http_body::Frame::data(bytes)), receiver))
    });
    let request = Request::post("/both").body(StreamBody::new(frames).boxed_unsync()).expect("a request");
    let mut answer = app.invoke(request).await.expect("a head").into_body();
    let mut seen = Vec::new();
    for part in ["one ", "two ", "three "] {
        sender.send(Bytes::from(part)).await.expect("the guest reads");
        while !seen.ends_with(part.as_bytes()) {
            let frame = answer.frame().await.expect("a frame").expect("good");
            seen.extend_from_slice(&frame.into_data().expect("data"));
        }
    }
    drop(sender);
    assert!(body::collect(answer, 100).await.expect("the rest").is_empty());
}

#[tokio::test]
async fn an_answer_streams_while_its_guest_runs() {
    let runtime = runtime();
    let app = service(&runtime, Limits::default());
    let mut incoming = app.invoke(get("/stream?5000")).await.expect("an answer").into_body();
    let first = incoming.frame().await.expect("a frame").expect("good").into_data().expect("data");
    assert!(first.starts_with(b"chunk 0\n"));
    let rest = body::collect(incoming, 1 << 20).await.expect("the rest");
    assert!(rest.ends_with(b"chunk 4999\n"));
}

#[tokio::test]
async fn trailers_come_after_the_body() {
    let runtime = runtime();
    for mode in [Mode::Fresh, Mode::Reuse { calls: 3 }, Mode::Concurrent { calls: 3, at_once: 1 }] {
        let app = in_mode(&runtime, mode, Limits::default());
        for _ in 0..4 {
            let response = app.invoke(get("/trailers")).await.expect("an answer");
            let collected = response.into_body().collect().await.expect("whole");
            assert_eq!(collected.trailers().expect("trailers")["x-sum"], "7");
            assert_eq!(&collected.to_bytes()[..], b"body\n");
        }
    }
}

#[tokio::test]
async fn a_trap_before_the_head_is_an_error_and_one_after_it_breaks_the_answer_off() {
    let runtime = runtime();
    let app = service(&runtime, Limits::default());
    let error = call(&app, get("/trap-first")).await.expect_err("trapped");
    assert_eq!(error.code(), Code::GuestTrap, "{error}");
    assert!(error.message().contains("unreachable"), "{error}");
    let response = app.invoke(get("/trap")).await.expect("a head");
    let error = body::collect(response.into_body(), 1 << 20).await.expect_err("broken off");
    assert_eq!(error.code(), Code::GuestTrap, "{error}");
    assert_eq!(app.stats()[0].errors["PILLION_GUEST_TRAP"], 2);
    assert_eq!(call(&app, get("/")).await.expect("an answer").0, StatusCode::OK);
}

#[tokio::test]
async fn an_error_in_place_of_an_answer_is_no_response() {
    let runtime = runtime();
    for mode in [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 2 }] {
        let app = in_mode(&runtime, mode, Limits::default());
        let error = call(&app, get("/fail")).await.expect_err("refused");
        assert_eq!(error.code(), Code::GuestNoResponse, "{error}");
        assert!(error.message().contains("DestinationNotFound"), "{error}");
        assert!(text(&app, "/count").await.contains(' '));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_spins_or_waits_meets_its_deadline() {
    let runtime = runtime();
    let before = idle_memory(&runtime);
    for mode in [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 1 }] {
        for path in ["/spin", "/wait?60000"] {
            let limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() };
            let app = in_mode(&runtime, mode.clone(), limits);
            let asked = Instant::now();
            let error = call(&app, get(path)).await.expect_err("stopped");
            assert_eq!(error.code(), Code::GuestTimeout, "{mode:?} {path}: {error}");
            assert!(asked.elapsed() < Duration::from_secs(2), "{mode:?} {path}");
            all_gone(&runtime, before).await;
        }
    }
}

#[tokio::test]
async fn a_guest_that_wants_more_memory_than_it_may_have_is_stopped() {
    let runtime = runtime();
    let app = service(&runtime, Limits { memory: 8 << 20, ..Limits::default() });
    assert_eq!(text(&app, "/memory?2").await, "held");
    let error = call(&app, get("/memory?20")).await.expect_err("stopped");
    assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.memory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_holds_for_a_guest_is_bounded() {
    let runtime = runtime();
    for path in ["/streams", "/waits"] {
        let limits = Limits { timeout: Duration::from_secs(30), memory: 32 << 20, ..Limits::default() };
        let app = service(&runtime, limits);
        let error = call(&app, get(path)).await.expect_err("stopped");
        assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.resources"));
    }
}

#[tokio::test]
async fn an_answer_over_its_limit_is_broken_off() {
    let runtime = runtime();
    for mode in [Mode::Fresh, Mode::Concurrent { calls: 9, at_once: 2 }] {
        let app = in_mode(&runtime, mode, Limits { response: 10_000, ..Limits::default() });
        let response = app.invoke(get("/stream?5000")).await.expect("a head");
        let error = body::collect(response.into_body(), 1 << 20).await.expect_err("broken off");
        assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.response"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_the_guest_and_its_memory_is_given_back() {
    let runtime = runtime();
    let before = idle_memory(&runtime);
    let limits = Limits { timeout: Duration::from_secs(60), ..Limits::default() };
    for mode in [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 2 }] {
        let app = in_mode(&runtime, mode.clone(), limits.clone());
        let response = app.invoke(get("/stream?100000000")).await.expect("an answer");
        assert!(runtime.memory().0 > before);
        drop(response);
        all_gone(&runtime, before).await;
        for path in ["/spin", "/wait?60000"] {
            let early = tokio::time::timeout(Duration::from_millis(30), app.invoke(get(path)));
            assert!(early.await.is_err(), "{mode:?} {path}");
            all_gone(&runtime, before).await;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_meets_the_deadline() {
    let runtime = runtime();
    for mode in [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 2 }] {
        let app = in_mode(&runtime, mode, Limits { timeout: Duration::from_millis(100), ..Limits::default() });
        let asked = Instant::now();
        let response = app.invoke(get("/stream?100000000")).await.expect("a head");
        tokio::time::sleep(Duration::from_millis(150)).await;
        let error = body::collect(response.into_body(), 1 << 30).await.expect_err("broken off");
        assert_eq!(error.code(), Code::GuestTimeout);
        assert!(asked.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_request_over_its_limit_is_cut_off() {
    let runtime = runtime();
    let app = service(&runtime, Limits { request: 1000, ..Limits::default() });
    let request = Request::post("/forward").body(body::full(vec![b'y'; 3000])).expect("a request");
    assert!(call(&app, request).await.is_err());
}

struct Way {
    app: App,
    sidecar: Arc<FakeSidecar>,
}

fn caller(runtime: &Runtime, mode: Mode, dapr_http: DaprHttp, ports: &[u16]) -> Way {
    let options = LoadOptions { mode, ..LoadOptions::default() };
    let guest = runtime.load_with("call", built("http-service"), None, &options).expect("a guest");
    let spec = AppSpec {
        guests: vec![GuestSpec::new("call", guest)],
        allow: Allow::default(),
        dapr_ports: ports.iter().map(|port| (*port, "app".to_owned())).collect::<HashMap<_, _>>(),
        ..spec()
    };
    let sidecar = Arc::new(FakeSidecar::default());
    Way { app: runtime.app(spec, sidecar.clone(), dapr_http).expect("an app"), sidecar }
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn ask(app: &App, url: &str, hops: &str) -> String {
    let request = Request::post("/call").header("x-url", url).header("traceparent", TRACE).header("pillion-hops", hops);
    let (_, answer) = call(app, request.body(body::full("ping")).expect("a request")).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn modes() -> [Mode; 3] {
    [Mode::Fresh, Mode::Reuse { calls: 9 }, Mode::Concurrent { calls: 9, at_once: 4 }]
}

#[tokio::test]
async fn the_domain_dapr_is_an_invocation_by_the_sidecar() {
    let runtime = runtime();
    for mode in modes() {
        let way = caller(&runtime, mode, no_dapr(), &[]);
        assert_eq!(ask(&way.app, "http://image-api-rs.dapr/api//image?x=1", "7").await, "status 200\nsidecar:ping");
        let seen = way.sidecar.seen.lock().expect("no panic").remove(0);
        assert_eq!(
            (seen.app.as_str(), seen.path.as_str(), &seen.body[..]),
            ("image-api-rs", "/api/image?x=1", &b"ping"[..])
        );
        assert_eq!(seen.headers["dapr-caller-app-id"], "app");
        assert_eq!(seen.headers["pillion-hops"], "7");
        let trace = seen.headers["traceparent"].to_str().expect("text");
        assert!(trace.starts_with(&TRACE[..36]) && trace != TRACE, "{trace}");
    }
}

#[tokio::test]
async fn the_way_out_is_as_for_other_guests() {
    let runtime = runtime();
    for mode in modes() {
        let dapr: DaprHttp =
            Arc::new(|request| Box::pin(async move { Response::new(body::full(format!("dapr {}", request.uri()))) }));
        let way = caller(&runtime, mode, dapr, &[3502]);
        let url = "http://localhost:3502/v1.0/invoke/x/method/y";
        assert_eq!(ask(&way.app, url, "1").await, format!("status 200\ndapr {url}"));
        for url in ["http://localhost:3503/", "http://example.invalid/", "https://127.0.0.1/"] {
            assert_eq!(ask(&way.app, url, "1").await, "error ErrorCode::HttpRequestDenied", "{url}");
        }
    }
}

#[tokio::test]
async fn host_calls_are_counted() {
    let runtime = runtime();
    for mode in modes() {
        let app = in_mode(&runtime, mode, Limits { host_calls: 0, ..Limits::default() });
        assert!(ask(&app, "http://other.dapr/", "1").await.contains("host calls"));
    }
}

#[tokio::test]
async fn what_it_is_can_be_read_from_its_file() {
    let inspection = pillion_runtime::inspect(&built("http-service")).expect("a guest");
    assert_eq!((inspection.kind, inspection.problem), (Some(GuestKind::Http), None));
    assert_eq!(inspection.building_blocks, ["invocation", "outgoing HTTP"]);
}

#[tokio::test]
async fn modes_that_can_not_be_are_refused_when_the_guest_is_loaded() {
    let runtime = runtime();
    let refused = |guest: &str, mode: Mode| {
        let options = LoadOptions { mode, ..LoadOptions::default() };
        let error = runtime.load_with("guest", built(guest), None, &options).expect_err("refused");
        assert_eq!(error.code(), Code::GuestInvalid);
        assert!(error.help().is_some(), "{error}");
    };
    refused("http-service", Mode::Reset { init: None });
    refused("http-hello", Mode::Concurrent { calls: 1, at_once: 1 });
}

#[tokio::test]
async fn nobody_pays_for_the_second_engine_before_it_is_wanted() {
    let runtime = runtime();
    let before = runtime.memory().0;
    runtime.load("hello", built("http-hello"), None).expect("a guest");
    assert_eq!(runtime.memory().0, before);
    runtime.load("service", built("http-service"), None).expect("a guest");
    assert!(runtime.memory().0 > before, "its idle memories count");
}

#[tokio::test]
async fn compiled_code_is_kept_apart_from_that_of_the_other_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options { cache_dir: Some(folder.path().into()), max_instances: 64, ..Options::default() };
    let first = Runtime::new(options()).expect("a runtime");
    let app = service(&first, Limits::default());
    assert!(text(&app, "/count").await.ends_with(" 0"));
    let artefact = first.compile(&built("http-service")).expect("compiled");
    let again = Runtime::new(options()).expect("a runtime");
    let entries = || std::fs::read_dir(folder.path()).expect("a folder").count();
    let before = entries();
    for bytes in [built("http-service"), artefact] {
        let guest = again.load("service", bytes, None).expect("a guest");
        let app = common::app(&again, guest, Limits::default());
        assert!(text(&app, "/count").await.ends_with(" 0"));
    }
    assert_eq!(entries(), before);
}

#[tokio::test]
async fn code_that_left_memory_comes_back_for_the_next_call() {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in modes() {
        let options = Options {
            cache_dir: Some(folder.path().into()),
            resident_code: Some(1),
            max_instances: 64,
            ..Options::default()
        };
        let runtime = Runtime::new(options).expect("a runtime");
        let app = in_mode(&runtime, mode, Limits::default());
        drop(runtime.load("hello", built("http-hello"), None).expect("a guest"));
        assert_eq!((runtime.code().resident, runtime.code().evicted), (0, 1));
        assert!(text(&app, "/count").await.ends_with(" 0"));
        assert_eq!((runtime.code().resident, runtime.code().returned), (1, 1));
    }
}

#[test]
fn code_that_is_there_for_one_mode_is_refused_for_another_one() {
    let runtime = runtime();
    let load = |guest: &str, mode: Mode| {
        let options = LoadOptions { mode, ..LoadOptions::default() };
        runtime.load_with("guest", built(guest), None, &options)
    };
    let _held = ["http-hello", "echo-command", "http-service"].map(|guest| load(guest, Mode::Fresh).expect("a guest"));
    let concurrent = Mode::Concurrent { calls: 2, at_once: 2 };
    for (guest, mode) in [("http-hello", concurrent), ("echo-command", Mode::Reuse { calls: 2 })] {
        assert_eq!(load(guest, mode).map(drop).expect_err("refused").code(), Code::GuestInvalid, "{guest}");
    }
    load("http-service", Mode::Reuse { calls: 2 }).expect("a guest");
    assert_eq!(runtime.code().resident, 3);
}
