//! Lines of the log.

use crate::telemetry::logging::{Format, layer, parse_level};
use serde_json::Value;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(level: LevelFilter, format: Format, log: impl FnOnce()) -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::registry().with(layer(level, format, Box::new(written.clone())));
    tracing::subscriber::with_default(subscriber, log);
    String::from_utf8(written.0.lock().expect("no panic").clone()).expect("text")
}

fn request() -> tracing::Span {
    tracing::info_span!(target: "pillion", "request", app = "shop", request_id = "r1", trace_id = "t1", span_id = "s1")
}

#[test]
fn a_json_record_has_its_fields_in_order() {
    let lines = logged(LevelFilter::INFO, Format::Json, || {
        request().in_scope(
            || tracing::warn!(target: "pillion::x", guest = "hello", status = 500, good = true, "it {}", "failed"),
        );
        tracing::info!(target: "pillion::x", "alone");
    });
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let after_time = lines[0].split_once(r#"","level""#).expect("a time first").1;
    let expected = r#":"warning","app":"shop","guest":"hello","request_id":"r1","trace_id":"t1","span_id":"s1","message":"it failed","scope":"pillion::x","status":500,"good":true}"#;
    assert_eq!(after_time, expected);
    let alone: Value = serde_json::from_str(lines[1]).expect("JSON");
    assert_eq!((&alone["message"], alone.get("app")), (&Value::from("alone"), None));
}

#[test]
fn a_text_record_is_one_line_for_people() {
    let line = logged(LevelFilter::INFO, Format::Text { colour: false }, || {
        request().in_scope(|| tracing::info!(target: "pillion::x", guest = "hello", status = 200, "answered"));
    });
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!(rest, "INFO  shop/hello answered status=200 request_id=r1\n");
}

#[test]
fn what_a_guest_says_cannot_begin_a_line_or_move_the_cursor() {
    let evil = "a\nb\r\u{1b}[2Jc\u{2028}d\u{202e}e\0\"\\é";
    let text =
        logged(LevelFilter::INFO, Format::Text { colour: false }, || tracing::info!(target: "pillion::x", "{evil}"));
    assert!(text.ends_with("a\\nb\\r\\u{1b}[2Jc\\u{2028}d\\u{202e}e\\u{0}\"\\é\n"), "{text:?}");
    assert_eq!(text.lines().count(), 1);
    let json = logged(LevelFilter::INFO, Format::Json, || tracing::info!(target: "pillion::x", evil, "m"));
    assert_eq!(json.lines().count(), 1);
    let record: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(record["evil"], evil);
}

#[test]
fn long_fields_are_cut() {
    let long = "é".repeat(10_000);
    let json = logged(LevelFilter::INFO, Format::Json, || tracing::info!(target: "pillion::x", "{long}"));
    let record: Value = serde_json::from_str(&json).expect("JSON");
    let message = record["message"].as_str().expect("text");
    assert_eq!(message.len(), 8 * 1024 + '…'.len_utf8());
    assert!(message.ends_with('…'));
}

#[test]
fn levels_are_daprds_and_libraries_are_quiet() {
    let seen = |level| {
        logged(level, Format::Json, || {
            tracing::debug!(target: "pillion::x", "ours-debug");
            tracing::info!(target: "pillion", "ours-info");
            tracing::info!(target: "hyper", "theirs-info");
            tracing::warn!(target: "hyper", "theirs-warn");
        })
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["message"].as_str().expect("text").to_owned())
        .collect::<Vec<_>>()
    };
    assert_eq!(seen(parse_level("debug").expect("a level")), ["ours-debug", "ours-info", "theirs-warn"]);
    assert_eq!(seen(parse_level("info").expect("a level")), ["ours-info", "theirs-warn"]);
    assert_eq!(seen(parse_level("error").expect("a level")), [""; 0]);
    assert!(parse_level("loud").expect_err("no level").to_string().contains("`loud`"));
}
