//! The TensorFlow Lite engine: from a file to checked, packed steps over one arena.
//!
//! Inside, quantised values are unsigned bytes whatever the file says: the bytes of int8 tensors have their top bit
//! flipped and their zero point moved by 128, so that one set of kernels serves both.

mod bytes;
mod flatbuffer;
mod float;
mod graph;
mod matrix;
mod names;
mod node;
mod operators;
mod pace;
mod parse;
mod plan;
mod quantised;
mod weights;
mod window;
mod words;

pub(crate) use graph::Graph;

/// Whether the content is a TensorFlow Lite file, by its file identifier.
pub(crate) fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}
