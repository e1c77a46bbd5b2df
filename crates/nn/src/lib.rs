//! Inference: a registry of models by content, memory-safe engines that run them, and picture decoding.
//!
//! A [`Registry`] parses and packs each distinct file once and shares it as an [`Arc<Model>`](std::sync::Arc). A
//! [`Context`] is one caller's activations: it costs an arena, not a copy of the model. Everything runs on the
//! caller's thread, allocates nothing that the limits don't cover, and can be stopped from outside.

#[cfg(target_endian = "big")]
compile_error!("tensors are kept in the little-endian layout of the model files");

mod aligned;
mod arena;
mod context;
mod digest;
mod engine;
mod error;
pub mod image;
mod kernel;
mod model;
mod registry;
mod tensor;
mod tflite;

pub use context::{Context, Progress};
pub use digest::Digest;
pub use error::Error;
pub use kernel::Kernel;
pub use model::Model;
pub use registry::{Registry, RegistryLimits, RegistryStats};
pub use tensor::{Element, TensorInfo};
