//! The package `pillion:dapr` of `wit/` as Rust: a trait to implement for each interface that a host offers, and a way to
//! call each handler that a guest exports. A crate of its own, because it changes seldom and takes long to build.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

mod failure;
pub mod workflow;

pub use failure::Failure;

wasmtime::component::bindgen!({
    path: "../../wit/dapr",
    world: "host",
    imports: {
        "pillion:dapr/secrets.[method]secret.names": trappable,
        "pillion:dapr/secrets.[method]secret.reveal": trappable,
        "pillion:dapr/secrets.[drop]secret": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: { "pillion:dapr/types.error" => Failure },
    with: {
        "pillion:dapr/secrets.secret": pillion_api::secrets::Secret,
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
    },
});
