//! Commands that components run: arguments and data in, stdout out, and the strict sandbox.

mod common;

use bytes::Bytes;
use common::{built, runtime};
use pillion_api::programs::{Command, Program, Programs};
use pillion_api::{Code, Error};
use pillion_runtime::Runtime;
use std::sync::Arc;

/// Writes eight random bytes, then both clocks twice.
const CHANCE_AND_TIME: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $random (i32.const 64) (i32.const 8)))
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 72)))
        (drop (call $time (i32.const 1) (i64.const 0) (i32.const 80)))
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 88)))
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 96)))
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 40))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

async fn command(runtime: &Runtime, bytes: impl Into<Bytes>, strict: bool) -> Arc<dyn Command> {
    let program = Program { name: "program".into(), bytes: bytes.into(), source: None, strict };
    runtime.command(program).await.expect("a command")
}

async fn failure(runtime: &Runtime, text: &str) -> Error {
    let command = command(runtime, text.to_owned(), false).await;
    command.run(Vec::new(), Bytes::new()).await.expect_err("a failure")
}

#[tokio::test]
async fn arguments_and_data_go_in_and_stdout_comes_out() {
    let runtime = runtime();
    let echo = command(&runtime, built("echo-command"), false).await;
    let said = echo.run(vec!["a".into(), "b c".into()], Bytes::from_static(b"data")).await.expect("an answer");
    assert_eq!(said, "arg a\narg b c\nstdin\ndata", "no environment, and nothing of a call before");
    assert_eq!(echo.run(Vec::new(), Bytes::new()).await.expect("an answer"), "stdin\n");
}

#[tokio::test]
async fn a_command_that_fails_says_how() {
    let runtime = runtime();
    let exit = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 3))))"#;
    let error = failure(&runtime, exit).await;
    assert_eq!((error.code(), error.message()), (Code::GuestExit, "guest `program` ended with exit code 3"));
    assert_eq!(failure(&runtime, r#"(module (func (export "_start") unreachable))"#).await.code(), Code::GuestTrap);
    let spin = r#"(module (func (export "_start") (loop $again (br $again))))"#;
    assert_eq!(failure(&runtime, spin).await.code(), Code::GuestTimeout);
    let echo = command(&runtime, built("echo-command"), false).await;
    let large = Bytes::from(vec![0; 5 << 20]);
    assert_eq!(echo.run(Vec::new(), large).await.expect_err("too large").code(), Code::RequestTooLarge);
}

#[tokio::test]
async fn a_strict_sandbox_knows_neither_time_nor_chance() {
    let runtime = runtime();
    let numbers = |said: Bytes| -> Vec<u64> {
        said.chunks_exact(8).map(|number| u64::from_le_bytes(number.try_into().expect("eight bytes"))).collect()
    };
    let mut seen = Vec::new();
    for strict in [true, true, false, false] {
        let command = command(&runtime, CHANCE_AND_TIME, strict).await;
        seen.push(numbers(command.run(Vec::new(), Bytes::new()).await.expect("an answer")));
    }
    let (strict, usual) = seen.split_at(2);
    assert_eq!(
        strict[0][..3],
        strict[1][..3],
        "random numbers and the clock that only goes on are the same every time"
    );
    assert_eq!(strict[0][2] - strict[0][1], 1_000_000, "a clock moves by being read");
    assert_eq!(strict[0][4] - strict[0][3], 1_000_000);
    assert_eq!(strict[0][3] % 1_000_000_000, 0, "the day is known to the second");
    assert_ne!(usual[0][0], usual[1][0]);
}
