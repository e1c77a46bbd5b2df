//! Host modules of old guests (inference and pictures, as WasmEdge provides them, both generations side by side), of
//! http-wasm, the quick way of wasi:http, `pillion:dapr` and `pillion:workflow` for every component, and what components import that were built
//! for other hosts.

pub(crate) mod client;
mod compute;
pub(crate) mod dapr;
pub(crate) mod http;
pub(crate) mod http_wasm;
mod image;
pub(crate) mod interfaces;
mod memory;
mod sessions;
mod tensorflow;
mod wasi_nn;
pub(crate) mod workflow;

pub(crate) use sessions::Sessions;

use crate::instance::Host;
use wasmtime::Linker;

/// Defines every host module.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    tensorflow::add_to_linker(linker)?;
    image::add_to_linker(linker)?;
    http_wasm::add_to_linker(linker)?;
    wasi_nn::add_to_linker(linker)
}
