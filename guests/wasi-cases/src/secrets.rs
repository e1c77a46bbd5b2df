//! wasmcloud:secrets.

use crate::unknown;
use crate::wasmcloud::secrets::{reveal, store};

pub fn run(call: &[&str]) -> String {
    match call {
        ["get", key] => match store::get(key) {
            Ok(secret) => match reveal::reveal(&secret) {
                store::SecretValue::String(text) => text,
                store::SecretValue::Bytes(bytes) => format!("{bytes:?}"),
            },
            Err(error) => format!("{error:?}"),
        },
        _ => unknown(call),
    }
}
