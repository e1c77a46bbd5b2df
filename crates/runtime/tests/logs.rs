//! What guests write to stderr, as it arrives in the log. Alone in its process: the log is of the whole process.

mod common;

use common::{app, built, guest, post, runtime};
use pillion_runtime::Limits;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The fields of one event.
type Record = BTreeMap<String, String>;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<Record>>>);

#[derive(Default)]
struct Fields(Record);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Captured {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "guest" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            fields.0.insert("level".into(), event.metadata().level().to_string());
            self.0.lock().expect("no panic").push(fields.0);
        }
    }
}

impl Captured {
    fn lines(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// Writes 64 bytes at 64 to stderr so many times.
fn writes(data: &str, length: usize, times: usize) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 64) "{data}")
        (func (export "_start") (local $n i32)
          (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {length}))
          (loop $l (drop (call $w (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))))"#
    )
}

#[tokio::test]
async fn lines_are_whole_escaped_bounded_and_say_whose_they_are() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::registry().with(captured.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let runtime = runtime();
    let run = async |wat: &str, limits: Limits| {
        post(&app(&runtime, guest(&runtime, wat), limits), "").await.expect("an answer");
        captured.lines()
    };
    let message = |record: &Record| record["message"].clone();

    let lines = run(&writes(r"one\0atwo \1b[31m\0d\0athree", 20, 1), Limits::default()).await;
    assert_eq!(lines.iter().map(message).collect::<Vec<_>>(), ["one", "two \\u{1b}[31m", "three"]);
    let fields = &lines[0];
    assert_eq!((&*fields["app"], &*fields["guest"], &*fields["stream"]), ("app", "guest", "stderr"));
    assert_eq!(fields["request_id"].len(), 16);

    let lines = run(&writes("0123456789abcdef", 16, 4), Limits { log_line: 20, ..Limits::default() }).await;
    assert_eq!(lines.iter().map(message).collect::<Vec<_>>(), ["0123456789abcdef0123 … (44 bytes cut)"]);

    let lines = run(&writes(r"0123456789\0a", 11, 100), Limits { log: 110, ..Limits::default() }).await;
    assert_eq!(lines.len(), 11, "ten lines and a count: {lines:?}");
    assert_eq!(message(&lines[10]), "dropped 990 bytes of output: over `limits.log`");

    let lines = run(&writes(r"0123456789\0a", 11, 100), Limits { log_rate: 110, ..Limits::default() }).await;
    assert!(lines.len() <= 21 && message(lines.last().expect("some")).starts_with("dropped "), "{}", lines.len());

    // By wasi:logging: one record a call, with its level.
    let logged = async |script: &'static str, limits: Limits| {
        let guest = runtime.load("cases", built("wasi-cases"), None).expect("a guest");
        post(&app(&runtime, guest, limits), script).await.expect("an answer");
        captured.lines()
    };
    let lines = logged("log critical shop it\u{1b}broke\nlog trace  fine", Limits::default()).await;
    let said: Vec<_> =
        lines.iter().map(|line| (&*line["level"], line.get("context").map(|c| &**c), message(line))).collect();
    assert_eq!(said, [("ERROR", Some("shop"), "it\\u{1b}broke".into()), ("TRACE", None, "fine".into())]);
    assert_eq!((&*lines[0]["app"], &*lines[0]["guest"]), ("app", "guest"));

    // By wasi:otel: the same, by its numbers.
    let lines = logged("otel log 17 it-broke\notel log 0 fine", Limits::default()).await;
    let said: Vec<_> = lines.iter().map(|line| (&*line["level"], &*line["context"], message(line))).collect();
    assert_eq!(said, [("ERROR", "cases", "it-broke size=7".into()), ("INFO", "cases", "fine size=7".into())]);

    let limits = Limits { log: 200, log_line: 50, ..Limits::default() };
    let lines = logged("log info c #100\nlog info c #100\nlog info c #100\nlog info c #100", limits).await;
    assert_eq!(lines.iter().map(|line| message(line).len()).collect::<Vec<_>>(), [50, 50, 50]);
}
