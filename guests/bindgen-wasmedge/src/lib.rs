//! Bindgen, by the crate `wasmedge-bindgen`: `infer` bytes → bytes reversed or an error, `say` (text, u16) → (text, u32), `widths` → bytes.

// The macro's code is of 2021.
#![allow(clippy::all, unsafe_op_in_unsafe_fn, static_mut_refs)]

#[allow(unused_imports)]
use wasmedge_bindgen::*;
use wasmedge_bindgen_macro::wasmedge_bindgen;

#[wasmedge_bindgen]
pub fn infer(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.is_empty() {
        return Err("empty input".to_string());
    }
    Ok(bytes.into_iter().rev().collect())
}

#[wasmedge_bindgen]
pub fn say(name: String, number: u16) -> (String, u32) {
    (format!("hello {name} {number}"), 7)
}

#[wasmedge_bindgen]
pub fn widths(bytes: Vec<u8>, long: i64, yes: bool, half: f32) -> Vec<u8> {
    format!("{} {long} {yes} {half}", bytes.len()).into_bytes()
}
