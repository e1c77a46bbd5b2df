//! One caller's run of a model.

use crate::arena::Arena;
use crate::{Error, Model};
use std::sync::Arc;

/// The activations of one run. The arena goes back to a pool when this is dropped; the next caller sees nothing of
/// it, because inputs must be set anew and outputs are refused before a run.
#[derive(Debug)]
pub struct Context {
    model: Arc<Model>,
    arena: Arena,
    set: Vec<bool>,
    done: bool,
}

impl Context {
    pub(crate) fn new(model: Arc<Model>) -> Self {
        let arena = model.arenas.take(model.graph.arena_bytes());
        let set = vec![false; model.inputs().len()];
        Self { model, arena, set, done: false }
    }

    /// The model that this runs.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Copies an input in. It stays set for further runs.
    ///
    /// # Errors
    /// [`Error::NoSuchInput`], or [`Error::InputSize`] where `data` isn't exactly the tensor.
    pub fn set_input(&mut self, index: usize, data: &[u8]) -> Result<(), Error> {
        let count = self.set.len();
        let info = self.model.inputs().get(index).ok_or(Error::NoSuchInput { index, count })?;
        if data.len() != info.bytes {
            return Err(Error::InputSize {
                input: info.name.clone(),
                element: info.element,
                expected: info.bytes,
                got: data.len(),
            });
        }
        self.done = false;
        self.model.graph.set_input(self.arena.bytes_mut(), index, data);
        self.set[index] = true;
        Ok(())
    }

    /// Runs the model on this thread. `stop` is asked between operators and every few hundred microseconds within.
    ///
    /// # Errors
    /// [`Error::InputUnset`] where an input is missing, [`Error::Stopped`] once `stop` answers true.
    pub fn run(&mut self, stop: &dyn Fn() -> bool) -> Result<(), Error> {
        if let Some(index) = self.set.iter().position(|set| !set) {
            return Err(Error::InputUnset { input: self.model.inputs()[index].name.clone() });
        }
        self.done = false;
        self.model.graph.run(self.arena.bytes_mut(), stop)?;
        self.done = true;
        Ok(())
    }

    /// An output of the last run.
    ///
    /// # Errors
    /// [`Error::NoSuchOutput`], or [`Error::NotRun`] before a run completed or after an input changed.
    pub fn output(&self, index: usize) -> Result<&[u8], Error> {
        let count = self.model.outputs().len();
        if index >= count {
            return Err(Error::NoSuchOutput { index, count });
        }
        if !self.done {
            return Err(Error::NotRun);
        }
        Ok(self.model.graph.output(self.arena.bytes(), index))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.model.arenas.give(std::mem::take(&mut self.arena));
    }
}
