//! Bindgen, by the current crate `wasm-bindgen` (wasm32-unknown-unknown): `reverse` bytes → bytes, `shout` text → text, `count` bytes → u32.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
pub fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reverse();
    bytes
}

#[wasm_bindgen]
pub fn shout(text: &str) -> String {
    text.to_uppercase()
}

#[wasm_bindgen]
pub fn count(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}
