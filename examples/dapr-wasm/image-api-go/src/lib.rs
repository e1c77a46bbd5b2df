//! The bindgen guest `infer`: the bytes of a picture in, a sentence about it out.

#[cfg(target_family = "wasm")]
mod abi;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
mod answer;
#[cfg(target_family = "wasm")]
mod classify;
#[cfg(target_family = "wasm")]
mod settings;
