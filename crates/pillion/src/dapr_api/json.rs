//! Reading JSON bodies as daprd's decoder does: bounded in depth, the first value of the body only.

use pillion_api::{Code, Error, Metadata, Result};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Arrays and objects in one another.
pub(super) const MAX_DEPTH: usize = 128;

/// Why a body is not what was asked for, in words that fit behind daprd's own.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("EOF".into());
    }
    check_depth(bytes)?;
    // What follows the first value is not looked at, as in Go's decoder.
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    T::deserialize(&mut deserializer).map_err(|error| error.to_string())
}

/// daprd's `ERR_MALFORMED_REQUEST`.
pub(super) fn malformed(why: &str) -> Error {
    Error::new(Code::MalformedRequest, format!("failed deserializing HTTP body: {why}"))
}

/// A body as a value.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    parse(bytes).map_err(|why| malformed(&why))
}

/// Metadata of a body: strings only; `null` is an empty one.
pub(super) fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Metadata, D::Error> {
    let given: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(given.unwrap_or_default().into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect())
}

/// A value without the space between its parts, which is how daprd stores it. Missing is `null`.
pub(super) fn compact(value: Option<&RawValue>) -> Vec<u8> {
    let Some(value) = value else { return b"null".to_vec() };
    let mut out = Vec::with_capacity(value.get().len());
    walk(value.get().as_bytes(), |byte, in_string| {
        if in_string || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
    });
    out
}

/// Before anything recursive looks at it: `serde_json` skips unknown values without a bound of its own.
fn check_depth(bytes: &[u8]) -> std::result::Result<(), String> {
    let (mut depth, mut deepest) = (0usize, 0);
    walk(bytes, |byte, in_string| match byte {
        b'[' | b'{' if !in_string => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
        _ => {}
    });
    if deepest > MAX_DEPTH { Err(format!("exceeded max depth of {MAX_DEPTH}")) } else { Ok(()) }
}

/// Shows each byte with whether it is in a string, the quotes included.
fn walk(bytes: &[u8], mut see: impl FnMut(u8, bool)) {
    let (mut in_string, mut escaped) = (false, false);
    for &byte in bytes {
        let quote = byte == b'"' && !escaped;
        see(byte, in_string || quote);
        escaped = in_string && byte == b'\\' && !escaped;
        in_string ^= quote;
    }
}
