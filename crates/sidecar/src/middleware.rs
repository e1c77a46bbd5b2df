//! Components that stand between requests and who answers them, named by the pipelines of a Configuration.

pub(crate) mod wasm;
