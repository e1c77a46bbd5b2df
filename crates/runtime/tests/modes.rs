//! What a call finds of earlier ones: nothing, the state after the guest's start, or all they left.

mod common;

use bytes::Bytes;
use common::{app, built, call, post, runtime};
use http::Request;
use pillion_api::{Code, body};
use pillion_runtime::{App, Limits, LoadOptions, Mode, Options, Runtime};
use std::time::Duration;

/// Waiting for what happens by itself ends here.
const PATIENCE: Duration = Duration::from_secs(60);

fn reset(init: Option<&str>) -> Mode {
    Mode::Reset { init: init.map(str::to_owned) }
}

fn load(runtime: &Runtime, bytes: impl Into<Bytes>, mode: Mode) -> Result<App, pillion_api::Error> {
    let options = LoadOptions { mode, ..LoadOptions::default() };
    runtime.load_with("guest", bytes, None, &options).map(|guest| app(runtime, guest, Limits::default()))
}

async fn text(app: &App) -> String {
    let (_, body) = post(app, "").await.expect("an answer");
    String::from_utf8(body.to_vec()).expect("text")
}

/// Words of `http-prepared`: who prepared it, a number of its table, a random number, the count of calls before.
fn words(text: &str) -> [&str; 4] {
    let words: Vec<&str> = text.split(' ').collect();
    words.try_into().unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_instances_know_nothing_and_prepare_themselves_each_time() {
    let runtime = runtime();
    let app = load(&runtime, built("http-prepared"), Mode::Fresh).expect("loads");
    let (first, second) = (text(&app).await, text(&app).await);
    let ([by, number, random, count], [_, again, other, then]) = (words(&first), words(&second));
    assert_eq!((by, count, then), ("call", "0", "0"));
    assert_eq!(number, again);
    assert_ne!(random, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_run_once_and_no_call_sees_anothers_data() {
    let runtime = runtime();
    let fresh = load(&runtime, built("http-prepared"), Mode::Fresh).expect("loads");
    let app = load(&runtime, built("http-prepared"), reset(None)).expect("loads");
    let first = text(&app).await;
    let [by, number, _, count] = words(&first);
    assert_eq!((by, count), ("start", "0"));
    assert_eq!(number, words(&text(&fresh).await)[1]);
    for _ in 0..20 {
        assert_eq!(text(&app).await, first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_after_the_start_comes_from_the_cache_the_next_time() {
    let cache = tempfile::tempdir().expect("a folder");
    let options = || Options { cache_dir: Some(cache.path().to_owned()), max_instances: 64, ..Options::default() };
    let first = Runtime::new(options()).expect("a runtime");
    let kept = text(&load(&first, built("http-prepared"), reset(None)).expect("loads")).await;
    let again = Runtime::new(options()).expect("a runtime");
    // The random number of the start is the same: it was not run a second time.
    assert_eq!(text(&load(&again, built("http-prepared"), reset(None)).expect("loads")).await, kept);
    let fresh = text(&load(&again, built("http-prepared"), Mode::Fresh).expect("loads")).await;
    assert_eq!(words(&fresh)[0], "call");
}

/// Writes a number of its memory and one of its global, after it has changed both.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (global $count (mut i32) (i32.const 48))
    (func (export "prepare")
        (i32.store8 (i32.const 100) (i32.const 65))
        (global.set $count (i32.const 53)))
    (func (export "_start")
        (i32.store8 (i32.const 101) (global.get $count))
        (i32.store (i32.const 0) (i32.const 100))
        (i32.store (i32.const 4) (i32.const 2))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store8 (i32.const 100) (i32.const 90))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_a_start_of_its_own_name() {
    let runtime = runtime();
    let app = load(&runtime, PROGRAM, reset(Some("prepare"))).expect("loads");
    for _ in 0..3 {
        assert_eq!(text(&app).await, "A5");
    }
    let fresh = load(&runtime, PROGRAM, Mode::Fresh).expect("loads");
    assert_eq!(text(&fresh).await, "\0".to_owned() + "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_can_not_be_is_refused_when_the_guest_is_loaded() {
    let runtime = runtime();
    let check = |bytes: Bytes, mode: Mode, text: &str| {
        let error = load(&runtime, bytes, mode).map(drop).expect_err("refused");
        assert_eq!(error.code(), Code::GuestInvalid);
        assert!(error.message().contains(text), "{}", error.message());
        assert!(error.help().is_some(), "{}", error.message());
    };
    check(built("http-hello").into(), reset(None), "exports none of `wizer-initialize`");
    check(built("http-prepared").into(), reset(Some("begin")), "exports no function `begin`");
    check(PROGRAM.into(), Mode::Reuse { calls: 2 }, "only their instances can serve again");
    let traps = r#"(module (memory (export "memory") 1) (func (export "_start"))
        (func (export "wizer.initialize") unreachable))"#;
    check(traps.into(), reset(None), "could not be prepared by `wizer.initialize`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_instance_serves_as_many_calls_as_it_may() {
    let runtime = runtime();
    let app = reused(&runtime, "http-prepared", 3);
    let mut counts = Vec::new();
    let mut randoms = Vec::new();
    for _ in 0..7 {
        let text = text(&app).await;
        let [_, _, random, count] = words(&text);
        counts.push(count.to_owned());
        randoms.push(random.to_owned());
    }
    assert_eq!(counts, ["0", "1", "2", "0", "1", "2", "0"]);
    assert_eq!(randoms[0], randoms[2]);
    assert_ne!(randoms[2], randoms[3]);
}

/// One call after the other.
fn reused(runtime: &Runtime, guest: &str, calls: u32) -> App {
    let options = LoadOptions { mode: Mode::Reuse { calls }, ..LoadOptions::default() };
    let guest = runtime.load_with("guest", built(guest), None, &options).expect("loads");
    // An answer may come before its instance is kept: the next call waits for that.
    app(runtime, guest, Limits { concurrency: 1, queue_wait: PATIENCE, ..Limits::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_reused_however_it_read_its_request() {
    let runtime = runtime();
    let app = reused(&runtime, "http-cases", 1000);
    let ask = async |path: &str| {
        let request = Request::post(path).body(body::full("some bytes")).expect("a request");
        let (_, body) = call(&app, request).await.expect("an answer");
        String::from_utf8(body.to_vec()).expect("text")
    };
    let ways =
        ["read", "read-polled", "read-none", "read-trailers", "half-read", "skip", "echo", "splice", "splice-now"];
    for (before, way) in ways.iter().enumerate() {
        ask(&format!("/{way}")).await;
        assert_eq!(ask("/served").await, (2 * before + 1).to_string(), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_the_same_time_never_share_an_instance() {
    let runtime = runtime();
    let app = load(&runtime, built("http-prepared"), Mode::Reuse { calls: 1000 }).expect("loads");
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { text(&app).await })
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    for call in calls {
        let text = call.await.expect("no panic");
        let [_, _, random, count] = words(&text);
        assert!(seen.insert((random.to_owned(), count.to_owned())), "{text} twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_trapped_never_serves_again() {
    let runtime = runtime();
    let options = LoadOptions { mode: Mode::Reuse { calls: 1000 }, ..LoadOptions::default() };
    let guest = runtime.load_with("guest", built("http-echo"), None, &options).expect("loads");
    let app = app(&runtime, guest, Limits::default());
    for _ in 0..3 {
        assert_eq!(common::call(&app, get("/")).await.expect("an answer").0, 200);
        assert!(common::call(&app, get("/trap")).await.is_err());
    }
    assert_eq!(app.stats()[0].in_flight, 0);
}

fn get(path: &str) -> http::Request<pillion_api::Body> {
    http::Request::get(path).body(pillion_api::body::empty()).expect("a request")
}
