//! The seam between the registry and the engines: a file's content decides which engine loads it.

use crate::kernel::Kernel;
use crate::tensor::TensorInfo;
use crate::{Error, tflite};

/// What an engine may take for one model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadLimits {
    /// Bytes of activations and scratch of one context.
    pub(crate) arena_bytes: usize,
    /// Bytes of packed weights.
    pub(crate) packed_bytes: usize,
}

/// A loaded model of one of the engines; immutable.
#[derive(Debug)]
pub(crate) enum Graph {
    TfLite(tflite::Graph),
}

impl Graph {
    /// Parses, checks and packs a model of any known format.
    pub(crate) fn load(bytes: &[u8], limits: LoadLimits, kernel: Kernel) -> Result<Self, Error> {
        if tflite::is_tflite(bytes) {
            return tflite::Graph::load(bytes, limits, kernel).map(Self::TfLite);
        }
        Err(Error::NotAModel)
    }

    pub(crate) fn inputs(&self) -> &[TensorInfo] {
        match self {
            Self::TfLite(graph) => graph.inputs(),
        }
    }

    pub(crate) fn outputs(&self) -> &[TensorInfo] {
        match self {
            Self::TfLite(graph) => graph.outputs(),
        }
    }

    /// Bytes that the packed model holds.
    pub(crate) fn packed_bytes(&self) -> usize {
        match self {
            Self::TfLite(graph) => graph.packed_bytes(),
        }
    }

    /// Bytes of arena that one run needs.
    pub(crate) fn arena_bytes(&self) -> usize {
        match self {
            Self::TfLite(graph) => graph.arena_bytes(),
        }
    }

    /// Copies an input, whose size the caller checked, into the arena.
    pub(crate) fn set_input(&self, arena: &mut [u8], index: usize, data: &[u8]) {
        match self {
            Self::TfLite(graph) => graph.set_input(arena, index, data),
        }
    }

    /// How many operators a run has.
    pub(crate) fn steps(&self) -> usize {
        match self {
            Self::TfLite(graph) => graph.steps(),
        }
    }

    /// Runs one operator, those before it having run; `stop` is asked before and within it.
    pub(crate) fn step(&self, arena: &mut [u8], index: usize, stop: &dyn Fn() -> bool) -> Result<(), Error> {
        match self {
            Self::TfLite(graph) => graph.step(arena, index, stop),
        }
    }

    /// An output after a run.
    pub(crate) fn output<'a>(&'a self, arena: &'a [u8], index: usize) -> &'a [u8] {
        match self {
            Self::TfLite(graph) => graph.output(arena, index),
        }
    }
}
