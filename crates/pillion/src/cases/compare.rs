//! What is other than expected, where the file says so, and how a reader sees it.

use super::{MAX_JSON_DIFFERENCES, MAX_SHOWN};
use pillion_sidecar::yaml::{Place, shown_up_to};
use serde::Serialize;
use serde_json::Value as Json;

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Line and column of what was expected.
    pub(crate) at: Place,
    /// What differs: `status`, `body.item`, `call 2`.
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Difference {
    pub(super) fn new(at: Place, what: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { at, what: what.into(), expected: expected.into(), got: got.into() }
    }
}

/// Bytes as a message shows them.
pub(super) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "nothing".to_owned(),
        Ok(text) => shown_up_to(MAX_SHOWN, text),
        Err(_) => format!("{} bytes that are no text", bytes.len()),
    }
}

/// The paths at which two values differ.
pub(super) fn json_differences(at: Place, path: &str, wanted: &Json, got: &Json, found: &mut Vec<Difference>) {
    let most = found.len() + MAX_JSON_DIFFERENCES;
    walk(at, path, wanted, got, most, found);
}

fn walk(at: Place, path: &str, wanted: &Json, got: &Json, most: usize, found: &mut Vec<Difference>) {
    if found.len() >= most || same(wanted, got) {
        return;
    }
    match (wanted, got) {
        (Json::Object(wanted), Json::Object(got)) => {
            for (key, wanted) in wanted {
                match got.get(key) {
                    Some(got) => walk(at, &format!("{path}.{key}"), wanted, got, most, found),
                    None => found.push(Difference::new(at, format!("{path}.{key}"), brief(wanted), "nothing")),
                }
            }
            for (key, got) in got.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                found.push(Difference::new(at, format!("{path}.{key}"), "nothing", brief(got)));
            }
        }
        (Json::Array(wanted), Json::Array(got)) if wanted.len() == got.len() => {
            for (place, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                walk(at, &format!("{path}[{place}]"), wanted, got, most, found);
            }
        }
        _ => found.push(Difference::new(at, path, brief(wanted), brief(got))),
    }
}

fn brief(json: &Json) -> String {
    shown_up_to(MAX_SHOWN, &json.to_string())
}

/// Equal, where 1 and 1.0 are one number.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(wanted: &Json, got: &Json) -> Vec<String> {
        let mut found = Vec::new();
        json_differences((1, 1), "body", wanted, got, &mut found);
        found.into_iter().map(|found| format!("{}: {} / {}", found.what, found.expected, found.got)).collect()
    }

    #[test]
    fn a_json_value_is_compared_by_its_paths() {
        for (wanted, got, differences) in [
            (json!({"a": 1, "b": [1, 2]}), json!({"b": [1, 2], "a": 1.0}), &[][..]),
            (json!({"a": 1}), json!({"a": 2}), &["body.a: 1 / 2"]),
            (json!({"a": {"b": "x"}}), json!({"a": {"c": 1}}), &["body.a.b: \"x\" / nothing", "body.a.c: nothing / 1"]),
            (json!([1, {"a": 2}]), json!([1, {"a": 3}]), &["body[1].a: 2 / 3"]),
            (json!([1]), json!([1, 2]), &["body: [1] / [1,2]"]),
            (json!("1"), json!(1), &["body: \"1\" / 1"]),
        ] {
            assert_eq!(of(&wanted, &got), differences, "{wanted} {got}");
        }
    }

    #[test]
    fn a_report_of_a_large_value_ends() {
        let wanted: Json = (0..1000).map(|key| (key.to_string(), json!(0))).collect::<serde_json::Map<_, _>>().into();
        let got: Json = (0..1000).map(|key| (key.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
        assert_eq!(of(&wanted, &got).len(), MAX_JSON_DIFFERENCES);
        assert!(shown("x".repeat(1 << 20).as_bytes()).chars().count() <= MAX_SHOWN + 1);
    }
}
