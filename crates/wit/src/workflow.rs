//! The package `pillion:workflow` of `wit/` as Rust.

wasmtime::component::bindgen!({
    path: "../../wit/workflow",
    world: "worker",
    imports: { default: trappable },
    exports: { default: async },
});
