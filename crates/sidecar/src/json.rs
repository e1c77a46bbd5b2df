//! JSON as Go's encoder writes it: no spaces, keys in order, numbers as they came, `<`, `>` and `&` escaped.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// How deep a document may nest before it counts as no JSON. Less than the 128 of the parser that reads events back.
const MAX_DEPTH: usize = 100;

/// Rewrites JSON as Go would after reading it; none where the bytes are no JSON.
pub(crate) fn canonical(bytes: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(bytes).ok()?;
    let mut out = String::with_capacity(bytes.len());
    write_raw(raw.get(), MAX_DEPTH, &mut out)?;
    Some(out)
}

/// The members of a JSON object, each as it was written; none where the bytes are no object.
pub(crate) fn members(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).ok()?;
    members
        .into_iter()
        .map(|(key, raw)| {
            let mut value = String::with_capacity(raw.get().len());
            write_raw(raw.get(), MAX_DEPTH - 1, &mut value).map(|()| (key, value))
        })
        .collect()
}

/// Writes an object of values that are JSON already.
pub(crate) fn object(members: &BTreeMap<String, String>) -> String {
    let mut out = String::from("{");
    for (at, (key, value)) in members.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&string(key));
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// Writes a string with quotes and Go's escapes.
pub(crate) fn string(text: &str) -> String {
    let plain = serde_json::Value::from(text).to_string();
    if !plain.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return plain;
    }
    let mut out = String::with_capacity(plain.len() + 16);
    for c in plain.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

fn write_raw(raw: &str, depth: usize, out: &mut String) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match raw.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
            out.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                separate(at, out);
                out.push_str(&string(&key));
                out.push(':');
                write_raw(value.get(), depth, out)?;
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
            out.push('[');
            for (at, item) in items.into_iter().enumerate() {
                separate(at, out);
                write_raw(item.get(), depth, out)?;
            }
            out.push(']');
        }
        b'"' => out.push_str(&string(&serde_json::from_str::<String>(raw).ok()?)),
        _ => out.push_str(raw),
    }
    Some(())
}

fn separate(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_go_writes_it() {
        for (given, written) in [
            (r#"{ "b" : 1, "a": [ 1, 2 ] }"#, Some(r#"{"a":[1,2],"b":1}"#)),
            ("123456789012345678901234567890.10", Some("123456789012345678901234567890.10")),
            (r#""<a&b>""#, Some(r#""\u003ca\u0026b\u003e""#)),
            (r#"{"a":1,"a":2}"#, Some(r#"{"a":2}"#)),
            ("{} x", None),
            ("", None),
        ] {
            assert_eq!(canonical(given.as_bytes()).as_deref(), written, "{given}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(canonical(deep(100).as_bytes()).is_some());
        assert!(canonical(deep(100_000).as_bytes()).is_none());
    }
}
