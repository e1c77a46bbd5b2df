//! What a call finds of earlier ones, for every kind of guest in every mode: one table, which docs/guide/modes.md says in words.

mod common;

use common::{app, built, post, runtime};
use pillion_api::{AppChannel, Code, Error, Metadata, jobs, pubsub};
use pillion_runtime::{App, GuestKind, Limits, LoadOptions, Mode, Runtime};
use std::time::Duration;

/// Counts its calls in a global from 0, from 5 after its start; `write` says the digit at address 100.
fn program(imports: &str, name: &str, signature: &str, write: &str) -> String {
    format!(
        r#"(module {imports} (memory (export "memory") 2)
            (global $count (mut i32) (i32.const 48))
            (global $free (mut i32) (i32.const 1024))
            (func (export "prepare") (global.set $count (i32.const 53)))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $free (i32.add (global.get $free) (local.get 3)))
                (i32.sub (global.get $free) (local.get 3)))
            (func (export "__wbindgen_malloc") (param i32) (result i32) (i32.const 1024))
            (func (export "__wbindgen_free") (param i32 i32))
            (func (export "{name}") {signature}
                (i32.store8 (i32.const 100) (global.get $count))
                (global.set $count (i32.add (global.get $count) (i32.const 1)))
                {write}))"#
    )
}

/// A program of stdin and stdout.
fn command() -> String {
    let imports = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    let write = "(i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 1))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
    program(imports, "_start", "", write)
}

/// A function of bytes.
fn bindgen() -> String {
    let write = "(i32.store (local.get 0) (i32.const 100)) (i32.store offset=4 (local.get 0) (i32.const 1))";
    program("", "count", "(param i32 i32 i32)", write)
}

/// A component whose handler takes a record of three fields and answers the digit as its error.
fn handler(interface: &str, function: &str, parameter: &str, record: &str, fields: &str) -> String {
    let write = "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 100))
        (i32.store (i32.const 8) (i32.const 1)) (i32.const 0)";
    let module = program("", "handle", "(param i32 i32 i32 i32 i32 i32 i32) (result i32)", write);
    let module = module.replacen("(module", "(core module $m", 1);
    format!(
        r#"(component {module}
            (core instance $i (instantiate $m))
            (func $prepare (canon lift (core func $i "prepare")))
            (export "prepare" (func $prepare))
            (type $event (record {fields}))
            (func $handle (param "{parameter}" $event) (result (result (error string)))
                (canon lift (core func $i "handle") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (component $shim
                (type $r (record {fields}))
                (import "import-type" (type $e (eq $r)))
                (import "import-func" (func $f (param "{parameter}" $e) (result (result (error string)))))
                (type $own (record {fields}))
                (export $exported "{record}" (type $own))
                (export "{function}" (func $f) (func (param "{parameter}" $exported) (result (result (error string))))))
            (instance $exported (instantiate $shim
                (with "import-type" (type $event)) (with "import-func" (func $handle))))
            (export "{interface}" (instance $exported)))"#
    )
}

fn messages() -> String {
    let fields = r#"(field "subject" string) (field "body" (list u8)) (field "reply-to" (option string))"#;
    handler("wasmcloud:messaging/handler@0.2.0", "handle-message", "msg", "broker-message", fields)
}

fn dapr() -> String {
    let fields = r#"(field "name" string) (field "data" (list u8)) (field "content-type" (option string))"#;
    handler("pillion:dapr/job-handler@0.1.0", "handle", "event", "job-event", fields)
}

/// The last word of what comes of a call: how many came before it, where that can be seen, or 5 and more after a start.
async fn count(app: &App, kind: &Kind) -> String {
    let answer = match kind.is {
        GuestKind::Dapr => {
            let event = jobs::Event { name: "j".into(), ..jobs::Event::default() };
            app.job_event(event).await.expect_err("an answer").message().to_owned()
        }
        GuestKind::Messages => {
            let delivery = pubsub::Delivery {
                pubsub: "bus".into(),
                topic: "t".into(),
                destination: pubsub::Destination::Guest("guest".into()),
                event: r#"{"data": "x"}"#.into(),
                metadata: Metadata::new(),
                traceparent: None,
            };
            app.deliver(delivery).await.expect_err("an answer").message().to_owned()
        }
        _ => {
            let request = http::Request::get(kind.path).body(pillion_api::body::empty()).expect("a request");
            let (_, body) = common::call(app, request).await.expect("an answer");
            String::from_utf8(body.to_vec()).expect("text")
        }
    };
    answer.split([' ', ':']).next_back().unwrap_or_default().trim().to_owned()
}

/// A row of the table.
struct Kind {
    name: &'static str,
    is: GuestKind,
    code: Vec<u8>,
    call: Option<&'static str>,
    path: &'static str,
    /// The start that `reset` keeps.
    start: Option<&'static str>,
    /// What each of three calls finds, or a part of why it is refused.
    fresh: Finds,
    reset: Finds,
    reuse: Finds,
    concurrent: Finds,
}

/// What three calls find, or why none is made.
type Finds = Result<[&'static str; 3], &'static str>;

const NOTHING: Finds = Ok(["0", "0", "0"]);
const START: Finds = Ok(["5", "5", "5"]);
const ALL: Finds = Ok(MORE);
const MORE: [&str; 3] = ["0", "1", "2"];
const MOST_TRIES: usize = 30;
const NO_HTTP: Finds = Err("is no handler of requests, and only their instances can serve again");
const NO_SERVICE: Finds = Err("can't have several calls at the same time in one instance");

fn kinds() -> Vec<Kind> {
    let start = Some("prepare");
    let of = |name, is, code: String| Kind {
        name,
        is,
        code: code.into_bytes(),
        call: None,
        path: "/",
        start,
        fresh: NOTHING,
        reset: START,
        reuse: NO_HTTP,
        concurrent: NO_SERVICE,
    };
    let http = Kind {
        code: built("http-prepared"),
        // It counts its calls beside what its start prepares.
        start: None,
        reset: NOTHING,
        reuse: ALL,
        ..of("http", GuestKind::Http, String::new())
    };
    let service = Kind {
        code: built("http-service"),
        path: "/count",
        reset: Err("is a handler of WASI 0.3, whose start can't be kept"),
        reuse: ALL,
        concurrent: ALL,
        ..of("http of WASI 0.3", GuestKind::Http, String::new())
    };
    vec![
        of("command", GuestKind::Command, command()),
        Kind { call: Some("count"), ..of("bindgen", GuestKind::Bindgen, bindgen()) },
        of("messages", GuestKind::Messages, messages()),
        of("dapr", GuestKind::Dapr, dapr()),
        http,
        service,
    ]
}

fn load(runtime: &Runtime, kind: &Kind, mode: Mode) -> Result<App, Error> {
    let options = LoadOptions { mode, ..LoadOptions::default() };
    let guest = runtime.load_with("guest", kind.code.clone(), kind.call, &options)?;
    assert_eq!(guest.kind(), kind.is, "{}", kind.name);
    // One call at a time: the next one waits until the instance is kept.
    let limits = Limits { concurrency: 1, queue_wait: Duration::from_secs(60), ..Limits::default() };
    Ok(app(runtime, guest, limits))
}

async fn check(runtime: &Runtime, kind: &Kind, mode: Mode, finds: &Finds) {
    let what = format!("{} in {mode:?}", kind.name);
    match (load(runtime, kind, mode), finds) {
        (Ok(app), Ok(finds)) if *finds == MORE => {
            // A call may come before the instance of the last one is free again, and then has another one.
            let mut most = 0;
            for _ in 0..MOST_TRIES {
                most = most.max(count(&app, kind).await.parse().expect("a count"));
            }
            assert!(most >= 2, "{what}: {most}");
        }
        (Ok(app), Ok(finds)) => {
            for wanted in finds {
                assert_eq!(count(&app, kind).await, *wanted, "{what}");
            }
        }
        (Err(error), Err(why)) => {
            assert_eq!(error.code(), Code::GuestInvalid, "{what}: {error}");
            assert!(error.message().contains(why) && error.help().is_some(), "{what}: {error}");
        }
        (Ok(_), Err(why)) => panic!("{what} is taken, and should be refused: {why}"),
        (Err(error), Ok(_)) => panic!("{what} is refused: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_finds_in_each_mode_what_the_table_says() {
    let runtime = runtime();
    for kind in kinds() {
        check(&runtime, &kind, Mode::Fresh, &kind.fresh).await;
        check(&runtime, &kind, Mode::Reset { init: kind.start.map(str::to_owned) }, &kind.reset).await;
        check(&runtime, &kind, Mode::Reuse { calls: 1000 }, &kind.reuse).await;
        check(&runtime, &kind, Mode::Concurrent { calls: 1000, at_once: 1 }, &kind.concurrent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_http_guest_prepared_in_its_start_is_there_after_a_reset() {
    let runtime = runtime();
    for (mode, by) in [(Mode::Fresh, "call"), (Mode::Reset { init: None }, "start"), (Mode::Reuse { calls: 9 }, "call")]
    {
        let options = LoadOptions { mode, ..LoadOptions::default() };
        let guest = runtime.load_with("guest", built("http-prepared"), None, &options).expect("loads");
        let (_, body) = post(&app(&runtime, guest, Limits::default()), "").await.expect("an answer");
        assert!(body.starts_with(by.as_bytes()), "{by}: {body:?}");
    }
}
