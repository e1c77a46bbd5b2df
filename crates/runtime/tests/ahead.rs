//! Where a guest's start takes long, the next call's instance is made ahead, and no other call has been in it.

mod common;

use common::{app, guest, post, runtime};
use pillion_runtime::Limits;
use std::time::{Duration, Instant};

/// Waiting for what happens by itself ends here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two calls; an instance that was started longer before its call than half of this was made ahead.
const PAUSE: Duration = Duration::from_millis(200);

/// A guest of the benchmarks whose start takes some milliseconds, and which says what it finds: that it was started long
/// before the call, or that it had one before.
fn slow_to_start() -> String {
    let hello = include_str!("../../../benches/guests/hello.wat");
    let (_, text) = hello.split_once("(component $hello").expect("a component");
    let long_ago = PAUSE.as_nanos() / 2;
    let parts = [
        (
            "(core module $main",
            "(import \"wasi:clocks/monotonic-clock@0.2.0\" (instance $clock (export \"now\" (func (result u64)))))
            (core func $now (canon lower (func $clock \"now\")))
            (core module $main
                (import \"http\" \"now\" (func $now (result i64)))"
                .to_owned(),
        ),
        (
            "(global $heap",
            "(global $started (mut i64) (i64.const 0))
            (func $start (local $i i32)
                (loop $again
                    (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000000))))
                (global.set $started (call $now)))
            (start $start)
            (data (i32.const 3072) \"made ahead!\\n\")
            (data (i32.const 3200) \"used before\\n\")
            (global $heap"
                .to_owned(),
        ),
        (
            ";; work",
            format!(
                "(if (i64.gt_u (i64.sub (call $now) (global.get $started)) (i64.const {long_ago}))
                    (then (memory.copy (i32.const 1024) (i32.const 3072) (i32.const 12))))
                (if (i32.load (i32.const 4100))
                    (then (memory.copy (i32.const 1024) (i32.const 3200) (i32.const 12))))
                (i32.store (i32.const 4100) (i32.const 1))"
            ),
        ),
        (
            "(export \"fields\" (func $fields))",
            "(export \"fields\" (func $fields)) (export \"now\" (func $now))".to_owned(),
        ),
    ];
    parts.into_iter().fold(format!("(component $hello{text}"), |text, (of, by)| text.replacen(of, &by, 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_finds_an_instance_that_was_started_before_it_and_that_nobody_used() {
    let runtime = runtime();
    let app = app(&runtime, guest(&runtime, &slow_to_start()), Limits::default());
    let (begun, mut ahead) = (Instant::now(), 0);
    while ahead < 3 {
        assert!(begun.elapsed() < PATIENCE, "{ahead} instances were made ahead");
        let (_, body) = post(&app, "").await.expect("an answer");
        match &*body {
            b"made ahead!\n" => ahead += 1,
            other => assert_eq!(other, b"hello world\n", "{}", String::from_utf8_lossy(other)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
