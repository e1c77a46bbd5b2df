//! Command guests, good and odd.

mod common;

use common::{app, app_of, built, call, failure, guest, post, runtime, spec};
use http::{Request, StatusCode};
use pillion_api::{Code, body};
use pillion_runtime::{GuestSpec, Limits};
use std::time::{Duration, Instant};

/// Copies stdin to stdout.
pub const CAT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (loop $next
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 65536))
      (br_if 1 (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if 1 (i32.eqz (i32.load (i32.const 8))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
      (br $next))))"#;

/// A program of one body of code, with `exit` and `write`.
fn program(code: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "damaged\n") (data (i32.const 1024) "0123456789abcdef")
  (func $say (param $fd i32) (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from)) (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))
  (func (export "_start") {code}))"#
    )
}

fn quick() -> Limits {
    Limits { timeout: Duration::from_millis(100), ..Limits::default() }
}

#[tokio::test]
async fn stdin_is_the_body_and_stdout_the_answer() {
    let runtime = runtime();
    let app = app(&runtime, guest(&runtime, CAT), Limits::default());
    let (status, answer) = post(&app, "hello").await.expect("an answer");
    assert_eq!((status, &answer[..]), (StatusCode::OK, &b"hello"[..]));
    let large = vec![b'x'; 1 << 20];
    assert_eq!(post(&app, large.clone()).await.expect("an answer").1, large);
    assert_eq!(post(&app, "").await.expect("an answer").1, "");
}

#[tokio::test]
async fn the_request_is_in_the_environment_under_the_names_of_cgi() {
    let runtime = runtime();
    let loaded = runtime.load("echo", built("echo-command"), None).expect("a guest");
    let mut echo = GuestSpec::new("echo", loaded);
    echo.env.insert("OWN".into(), "value".into());
    echo.args.push("argument".into());
    let app = app_of(&runtime, pillion_runtime::AppSpec { guests: vec![echo], ..spec() });
    let request = Request::post("/a%20b/c?q=1&r=%2f").header("content-type", "text/x").header("x-api-key", "k");
    let request =
        request.header("authorization", "secret").header("proxy", "evil").body(body::full("body")).expect("a request");
    let (status, answer) = call(&app, request).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
    let text = String::from_utf8(answer.to_vec()).expect("text");
    for line in [
        "arg argument",
        "env CONTENT_LENGTH=4",
        "env CONTENT_TYPE=text/x",
        "env GATEWAY_INTERFACE=CGI/1.1",
        "env HTTP_X_API_KEY=k",
        "env OWN=value",
        "env PATH_INFO=/a%20b/c",
        "env QUERY_STRING=q=1&r=%2f",
        "env REQUEST_METHOD=POST",
        "stdin",
        "body",
    ] {
        assert!(text.lines().any(|have| have == line), "`{line}` in\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains("HTTP_PROXY"), "{text}");
}

#[tokio::test]
async fn an_exit_code_is_an_error_and_65_blames_the_input() {
    let runtime = runtime();
    let of = |code: &str| app(&runtime, guest(&runtime, &program(code)), Limits::default());
    assert_eq!(post(&of("(call $exit (i32.const 0))"), "").await.expect("fine").0, StatusCode::OK);
    let failed = failure(&of("(call $exit (i32.const 3))"), b"").await;
    assert_eq!((failed.code(), failed.message()), (Code::GuestExit, "guest `guest` ended with exit code 3"));
    let said = "(call $say (i32.const 2) (i32.const 64) (i32.const 8)) (call $exit (i32.const 65))";
    let damaged = failure(&of(said), b"").await;
    assert_eq!((damaged.code(), damaged.message()), (Code::UnprocessableData, "damaged"));
}

#[tokio::test]
async fn a_trap_names_the_function_and_the_next_call_is_served() {
    let runtime = runtime();
    let wat = r#"(module (memory (export "memory") 1) (func $inner unreachable) (func (export "_start") call $inner))"#;
    let app = app(&runtime, guest(&runtime, wat), Limits::default());
    for _ in 0..3 {
        let trap = failure(&app, b"").await;
        assert_eq!(trap.code(), Code::GuestTrap);
        assert!(trap.message().contains("unreachable") && trap.message().contains("`inner`"), "{trap}");
    }
    let stats = &app.stats()[0];
    assert_eq!((stats.calls, stats.errors["PILLION_GUEST_TRAP"], stats.in_flight), (3, 3, 0));
}

#[tokio::test]
async fn what_does_not_end_is_ended_within_its_limit_and_100_ms() {
    let runtime = runtime();
    let sleep = r#"(module
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 60000000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;
    for (name, wat) in [
        ("loop", program("(loop $l (br $l))")),
        ("host calls", program("(loop $l (call $say (i32.const 2) (i32.const 64) (i32.const 0)) (br $l))")),
        ("sleep", sleep.to_owned()),
        ("start section", r#"(module (func $f (loop $l (br $l))) (start $f) (func (export "_start")))"#.to_owned()),
    ] {
        let app = app(&runtime, guest(&runtime, &wat), quick());
        let asked = Instant::now();
        let error = failure(&app, b"").await;
        let took = asked.elapsed();
        assert_eq!(
            (error.code(), &*error.reached().expect("a limit").key),
            (Code::GuestTimeout, "limits.timeout"),
            "{name}"
        );
        assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(200), "{name}: {took:?}");
    }
}

#[tokio::test]
async fn recursion_is_a_trap() {
    let runtime = runtime();
    let app = app(&runtime, guest(&runtime, &program("(drop (call $deep (i32.const 0)))")), Limits::default());
    let error = failure(&app, b"").await;
    assert_eq!(error.code(), Code::GuestTrap);
    assert!(error.message().contains("stack"), "{error}");
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let runtime = runtime();
    let code = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let app = app(&runtime, guest(&runtime, &program(code)), Limits { memory: 8 << 20, ..Limits::default() });
    let error = failure(&app, b"").await;
    assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.memory"));
    assert!(app.stats()[0].memory_peak <= 8 << 20);
    assert_eq!(runtime.memory().0, 0);
}

#[tokio::test]
async fn tables_end_at_their_limit() {
    let runtime = runtime();
    let wat = r#"(module (table $t 1 funcref) (memory (export "memory") 1)
      (func (export "_start")
        (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable))"#;
    let app = app(&runtime, guest(&runtime, wat), Limits::default());
    let error = failure(&app, b"").await;
    assert_eq!(error.reached().expect("a limit").key, "limits.tableElements");
}

#[tokio::test]
async fn what_a_guest_declares_over_its_limits_is_refused_before_the_first_call() {
    let runtime = runtime();
    let many = |what: &str| format!(r#"(module {} (func (export "_start")))"#, what.repeat(9));
    for (wat, key) in [
        (many("(memory 1)"), "limits.memories"),
        (many("(table 1 funcref)"), "limits.tables"),
        (r#"(module (memory 2000) (func (export "_start")))"#.to_owned(), "limits.memory"),
        (r#"(module (table 200000 funcref) (func (export "_start")))"#.to_owned(), "limits.tableElements"),
    ] {
        let guests = vec![GuestSpec::new("guest", guest(&runtime, &wat))];
        let spec = pillion_runtime::AppSpec { guests, ..spec() };
        let sidecar = std::sync::Arc::new(common::FakeSidecar::default());
        let error = runtime.app(spec, sidecar, common::no_dapr()).err().expect("refused");
        assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestInvalid, key));
    }
}

#[tokio::test]
async fn a_flood_of_output_ends_at_the_limit_of_the_answer() {
    let runtime = runtime();
    let flood = "(loop $l (call $say (i32.const 1) (i32.const 1024) (i32.const 65536)) (br $l))";
    let app = app(&runtime, guest(&runtime, &program(flood)), Limits { response: 1 << 20, ..Limits::default() });
    let error = failure(&app, b"").await;
    assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::GuestLimit, "limits.response"));
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_the_guest_goes_on() {
    let runtime = runtime();
    let flood = "(local $n i32) (loop $l (call $say (i32.const 2) (i32.const 1024) (i32.const 65536))
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200))))
        (call $say (i32.const 1) (i32.const 1024) (i32.const 4))";
    let app = app(&runtime, guest(&runtime, &program(flood)), Limits::default());
    assert_eq!(post(&app, "").await.expect("an answer").1, "0123");
}

#[tokio::test]
async fn every_call_sees_fresh_memory() {
    let runtime = runtime();
    // Secrets in more than 32 regions: past 32 dirty regions a page scan has to start over.
    let wat = program(
        "(local $n i32)
         (loop $l
           (if (i32.load (i32.add (i32.const 65536) (i32.mul (local.get $n) (i32.const 8192)))) (then unreachable))
           (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $n) (i32.const 8192))) (i32.const 42))
           (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 120))))",
    );
    let wat = wat.replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 20)");
    let app = app(&runtime, guest(&runtime, &wat), Limits::default());
    for round in 0..20 {
        assert_eq!(post(&app, "").await.map(|(status, _)| status).ok(), Some(StatusCode::OK), "round {round}");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_starts_no_guest() {
    let runtime = runtime();
    let app = app(&runtime, guest(&runtime, &program("unreachable")), Limits { request: 10, ..Limits::default() });
    let error = failure(&app, b"more than ten bytes").await;
    assert_eq!((error.code(), &*error.reached().expect("a limit").key), (Code::RequestTooLarge, "limits.request"));
}

#[tokio::test]
async fn a_command_runs_without_an_app() {
    let runtime = runtime();
    let code = runtime.run_command(GuestSpec::new("p", guest(&runtime, &program("(call $exit (i32.const 7))")))).await;
    assert_eq!(code.expect("an exit code"), 7);
    let trap = runtime.run_command(GuestSpec::new("p", guest(&runtime, &program("unreachable")))).await;
    assert_eq!(trap.expect_err("a trap").code(), Code::GuestTrap);
}

#[tokio::test]
async fn a_whole_response_may_be_written_at_once() {
    let runtime = runtime();
    let bytes = 12 << 20;
    let at_once = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 200)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {bytes}))
    (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    );
    let answer = post(&app(&runtime, guest(&runtime, &at_once), Limits::default()), "").await.expect("an answer");
    assert_eq!(answer.1.len(), bytes);
}
