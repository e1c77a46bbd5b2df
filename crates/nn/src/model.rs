//! A loaded model, shared by everyone who runs it.

use crate::arena::ArenaPool;
use crate::context::Context;
use crate::digest::Digest;
use crate::engine::Graph;
use crate::tensor::TensorInfo;
use std::sync::Arc;

/// A checked and packed model; immutable, so any number of threads run it at once, each with its own [`Context`].
#[derive(Debug)]
pub struct Model {
    pub(crate) digest: Digest,
    pub(crate) graph: Graph,
    pub(crate) arenas: Arc<ArenaPool>,
}

impl Model {
    /// Digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The inputs, in the file's order.
    pub fn inputs(&self) -> &[TensorInfo] {
        self.graph.inputs()
    }

    /// The outputs, in the file's order.
    pub fn outputs(&self) -> &[TensorInfo] {
        self.graph.outputs()
    }

    /// Index of the input of this name.
    pub fn input_index(&self, name: &str) -> Option<usize> {
        self.inputs().iter().position(|input| input.name == name)
    }

    /// Index of the output of this name.
    pub fn output_index(&self, name: &str) -> Option<usize> {
        self.outputs().iter().position(|output| output.name == name)
    }

    /// Bytes that one context of this model holds.
    pub fn context_bytes(&self) -> usize {
        self.graph.arena_bytes()
    }

    /// Memory to run the model in: an arena, taken from the pool of the registry where one is idle.
    pub fn context(self: &Arc<Self>) -> Context {
        Context::new(Arc::clone(self))
    }
}
