//! A loaded model, shared by everyone who runs it.

use crate::arena::ArenaPool;
use crate::context::Context;
use crate::digest::Digest;
use crate::engine::Graph;
use crate::tensor::TensorInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A checked and packed model; immutable, so any number of threads run it at once, each with its own [`Context`].
#[derive(Debug)]
pub struct Model {
    pub(crate) digest: Digest,
    pub(crate) graph: Graph,
    pub(crate) arenas: Arc<ArenaPool>,
    /// Nanoseconds of the longest operator, in the run where it was shortest.
    pub(crate) longest_step: AtomicU64,
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

    /// How long the longest operator takes, as far as was seen: the least of all complete runs, since whatever else the
    /// machine does only ever adds. None before the first.
    pub fn longest_step(&self) -> Option<Duration> {
        let nanos = self.longest_step.load(Ordering::Relaxed);
        (nanos < u64::MAX).then(|| Duration::from_nanos(nanos))
    }

    pub(crate) fn note_longest_step(&self, took: Duration) {
        self.longest_step.fetch_min(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX - 1), Ordering::Relaxed);
    }

    /// Memory to run the model in: an arena, taken from the pool of the registry where one is idle.
    pub fn context(self: &Arc<Self>) -> Context {
        Context::new(Arc::clone(self))
    }
}
