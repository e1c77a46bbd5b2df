//! Handlers of WASI 0.3 in instances that serve more than one call.

mod common;

use bytes::Bytes;
use common::{FakeSidecar, app, built, call, no_dapr, runtime, spec};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use pillion_api::{AppChannel, Body, Code, Error, body};
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, LoadOptions, Mode, Options, Runtime};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

fn in_mode(runtime: &Runtime, mode: Mode, limits: Limits) -> App {
    let options = LoadOptions { mode, ..LoadOptions::default() };
    app(runtime, runtime.load_with("service", built("http-service"), None, &options).expect("a guest"), limits)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(body::empty()).expect("a request")
}

async fn text(app: &App, path: &str) -> Result<String, Error> {
    let (status, answer) = call(app, get(path)).await?;
    assert_eq!(status, StatusCode::OK);
    Ok(String::from_utf8(answer.to_vec()).expect("text"))
}

/// The instance's number, and the calls before.
async fn counted(app: &App, path: &str) -> (String, u32) {
    let text = text(app, path).await.expect("an answer");
    let (instance, before) = text.split_once(' ').expect("two words");
    (instance.to_owned(), before.parse().expect("a number"))
}

/// A call that stays in its instance until its request ends.
struct Held {
    instance: String,
    request: mpsc::Sender<Bytes>,
    answer: Body,
}

impl Held {
    async fn begin(app: &App, path: &str) -> Self {
        let (request, receiver) = mpsc::channel(1);
        let frames = futures_util::stream::unfold(receiver, |mut receiver: mpsc::Receiver<Bytes>| async {
            let bytes = receiver.recv().await?;
            Some((Ok::<_, Error>(Frame::data(bytes)), receiver))
        });
        let asked = Request::post(path).body(StreamBody::new(frames).boxed_unsync()).expect("a request");
        let mut answer = app.invoke(asked).await.expect("a head").into_body();
        let first = answer.frame().await.expect("a frame").expect("good").into_data().expect("data");
        let first = String::from_utf8(first.to_vec()).expect("text");
        let instance = first.split_once(' ').expect("two words").0.to_owned();
        Self { instance, request, answer }
    }

    /// A call in the instance of another one. A free instance takes a call, but which one does is nobody's choice.
    async fn beside(&self, app: &App, path: &str) -> Self {
        for _ in 0..100 {
            let held = Self::begin(app, path).await;
            if held.instance == self.instance {
                return held;
            }
            assert!(held.end().await.is_ok() || path == "/held-trap");
        }
        panic!("no call came into an instance that had room");
    }

    /// Ends the request; what is left of the answer.
    async fn end(self) -> Result<Bytes, Error> {
        drop(self.request);
        body::collect(self.answer, 1000).await
    }
}

#[tokio::test]
async fn a_fresh_instance_has_no_past() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Fresh, Limits::default());
    let ((first, before), (second, then)) = (counted(&app, "/count").await, counted(&app, "/count").await);
    assert_eq!((before, then), (0, 0));
    assert_ne!(first, second);
}

#[tokio::test]
async fn an_instance_serves_as_many_calls_as_it_may_and_no_more() {
    let runtime = runtime();
    for mode in [Mode::Reuse { calls: 3 }, Mode::Concurrent { calls: 3, at_once: 8 }] {
        let app = in_mode(&runtime, mode.clone(), Limits::default());
        let mut seen = HashMap::<String, Vec<u32>>::new();
        for _ in 0..30 {
            let (instance, before) = counted(&app, "/count").await;
            seen.entry(instance).or_default().push(before);
        }
        // A call may come before the instance of the last one is free again, and then has another one.
        assert!(seen.values().all(|counts| [0, 1, 2].starts_with(counts)), "{mode:?}: {seen:?}");
        assert!(seen.values().any(|counts| counts.len() == 3), "{mode:?}: {seen:?}");
    }
}

#[tokio::test]
async fn serial_calls_never_share_an_instance() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Reuse { calls: 1000 }, Limits::default());
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(Held::begin(&app, "/held").await);
    }
    assert_eq!(held.iter().map(|held| &held.instance).collect::<HashSet<_>>().len(), 8);
    for held in held {
        assert_eq!(held.end().await.expect("whole"), "over\n");
    }
    assert!(counted(&app, "/count").await.1 > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_share_an_instance_up_to_so_many_at_once() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, Limits::default());
    let first = Held::begin(&app, "/held").await;
    let (second, third) = (first.beside(&app, "/held").await, first.beside(&app, "/held").await);
    for _ in 0..10 {
        let fourth = Held::begin(&app, "/held").await;
        assert_ne!(fourth.instance, first.instance);
        fourth.end().await.expect("whole");
    }
    second.end().await.expect("whole");
    // A place is free again.
    first.beside(&app, "/held").await.end().await.expect("whole");
    for held in [first, third] {
        assert_eq!(held.end().await.expect("whole"), "over\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_ends_every_call_of_its_instance_and_none_of_another() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, Limits::default());
    let first = Held::begin(&app, "/held").await;
    let second = first.beside(&app, "/held").await;
    let trap = first.beside(&app, "/held-trap").await;
    let other = Held::begin(&app, "/held").await;
    assert_ne!(other.instance, first.instance);
    let error = trap.end().await.expect_err("trapped");
    assert_eq!(error.code(), Code::GuestTrap, "{error}");
    for held in [first, second] {
        // Their requests go on: it is not their own end that ends them.
        let error = body::collect(held.answer, 1000).await.expect_err("ended");
        assert_eq!(error.code(), Code::GuestTrap, "{error}");
        assert!(error.message().contains("3 calls shared the instance"), "{error}");
        assert!(error.help().is_some());
    }
    assert_eq!(other.end().await.expect("whole"), "over\n");
    assert_eq!(app.stats()[0].errors["PILLION_GUEST_TRAP"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_of_a_call_that_is_alone_says_nothing_of_company() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, Limits::default());
    let error = call(&app, get("/trap-first")).await.expect_err("trapped");
    assert_eq!(error.code(), Code::GuestTrap, "{error}");
    assert!(!error.message().contains("shared"), "{error}");
    assert!(error.message().contains("unreachable"), "{error}");
    assert_eq!(counted(&app, "/count").await.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_leaves_the_others_in_peace() {
    let runtime = runtime();
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, Limits::default());
    let good = Held::begin(&app, "/held").await;
    drop(good.beside(&app, "/held").await);
    // Their instance takes no more calls, as soon as it knows.
    let elsewhere = async {
        let mut in_a_row = 0;
        while in_a_row < 20 {
            in_a_row = if counted(&app, "/count").await.0 == good.instance { 0 } else { in_a_row + 1 };
        }
    };
    tokio::time::timeout(Duration::from_secs(5), elsewhere).await.expect("closed in time");
    assert_eq!(good.end().await.expect("whole"), "over\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_computes_from_its_start_holds_up_no_newcomer() {
    let runtime = runtime();
    let limits = Limits { timeout: Duration::from_secs(3), ..Limits::default() };
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, limits);
    let of_call = app.clone();
    let spinning = tokio::spawn(async move { text(&of_call, "/spin").await });
    for _ in 0..20 {
        counted(&app, "/count").await;
    }
    assert_eq!(spinning.await.expect("no panic").expect_err("late").code(), Code::GuestTimeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_late_is_broken_off_alone() {
    let runtime = runtime();
    let limits = Limits { timeout: Duration::from_secs(2), ..Limits::default() };
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 3 }, limits);
    let late = Held::begin(&app, "/held").await;
    // The second one's time has to end well after the first one's.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let good = late.beside(&app, "/held").await;
    let error = body::collect(late.answer, 1000).await.expect_err("late");
    assert_eq!(error.code(), Code::GuestTimeout, "{error}");
    assert_eq!(good.end().await.expect("whole"), "over\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_can_not_start_is_a_definite_error() {
    let runtime = Runtime::new(Options { max_instances: 1, ..Options::default() }).expect("a runtime");
    let app = in_mode(&runtime, Mode::Concurrent { calls: 1000, at_once: 1 }, Limits::default());
    let held = Held::begin(&app, "/held").await;
    let error = call(&app, get("/count")).await.expect_err("no room");
    assert_eq!(error.code(), Code::Overloaded, "{error}");
    held.end().await.expect("whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outgoing_request_belongs_to_its_own_call() {
    let runtime = runtime();
    let options = LoadOptions { mode: Mode::Concurrent { calls: 1000, at_once: 16 }, ..LoadOptions::default() };
    let guest = runtime.load_with("call", built("http-service"), None, &options).expect("a guest");
    let sidecar = Arc::new(FakeSidecar::default());
    let spec = AppSpec { guests: vec![GuestSpec::new("call", guest)], ..spec() };
    let app = runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app");
    let calls: Vec<_> = (0..32)
        .map(|number| {
            let app = app.clone();
            tokio::spawn(async move {
                let request = Request::post("/call")
                    .header("x-url", format!("http://other.dapr/{number}"))
                    .header("pillion-hops", number.to_string());
                call(&app, request.body(body::full("ping")).expect("a request")).await.expect("an answer")
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic").1, "status 200\nsidecar:ping");
    }
    let seen = sidecar.seen.lock().expect("no panic");
    assert_eq!(seen.len(), 32);
    for call in seen.iter() {
        assert_eq!(call.path, format!("/{}", call.headers["pillion-hops"].to_str().expect("text")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_are_all_answered() {
    let runtime = runtime();
    for mode in [Mode::Reuse { calls: 20 }, Mode::Concurrent { calls: 20, at_once: 4 }] {
        let patient = Duration::from_secs(30);
        let limits = Limits { timeout: patient, queue_wait: patient, concurrency: 20, ..Limits::default() };
        let app = in_mode(&runtime, mode, limits);
        let calls: Vec<_> = (0..200)
            .map(|_| {
                let app = app.clone();
                tokio::spawn(async move { text(&app, "/stream?20").await })
            })
            .collect();
        for call in calls {
            assert!(call.await.expect("no panic").expect("an answer").ends_with("chunk 19\n"));
        }
        assert_eq!(app.stats()[0].in_flight, 0);
    }
}
