//! One caller's run of a model.

use crate::arena::Arena;
use crate::{Error, Model};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The activations of one run. The arena goes back to a pool when this is dropped; the next caller sees nothing of
/// it, because inputs must be set anew and outputs are refused before a run.
#[derive(Debug)]
pub struct Context {
    model: Arc<Model>,
    arena: Arena,
    set: Vec<bool>,
    done: bool,
    /// Operators of this run that have run, and the longest that one of them took.
    steps: usize,
    longest: Duration,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Operators are left.
    More,
    /// The outputs are there.
    Done,
}

impl Context {
    pub(crate) fn new(model: Arc<Model>) -> Self {
        let arena = model.arenas.take(model.graph.arena_bytes());
        let set = vec![false; model.inputs().len()];
        Self { model, arena, set, done: false, steps: 0, longest: Duration::ZERO }
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
        (self.done, self.steps) = (false, 0);
        self.model.graph.set_input(self.arena.bytes_mut(), index, data);
        self.set[index] = true;
        Ok(())
    }

    /// Runs the model on this thread. `stop` is asked between operators and every few hundred microseconds within.
    ///
    /// # Errors
    /// [`Error::InputUnset`] where an input is missing, [`Error::Stopped`] once `stop` answers true.
    pub fn run(&mut self, stop: &dyn Fn() -> bool) -> Result<(), Error> {
        while self.advance(stop, &|| false)? == Progress::More {}
        Ok(())
    }

    /// Goes on with a run, or begins one, until `pause` answers true, which is asked after each operator.
    ///
    /// # Errors
    /// As [`run`](Self::run); a run that was stopped begins anew.
    pub fn advance(&mut self, stop: &dyn Fn() -> bool, pause: &dyn Fn() -> bool) -> Result<Progress, Error> {
        if let Some(index) = self.set.iter().position(|set| !set) {
            return Err(Error::InputUnset { input: self.model.inputs()[index].name.clone() });
        }
        let graph = &self.model.graph;
        if self.done || self.steps == 0 {
            (self.done, self.steps, self.longest) = (false, 0, Duration::ZERO);
        }
        let mut began = Instant::now();
        while self.steps < graph.steps() {
            let index = std::mem::take(&mut self.steps);
            graph.step(self.arena.bytes_mut(), index, stop)?;
            self.steps = index + 1;
            let now = Instant::now();
            self.longest = self.longest.max(now - began);
            began = now;
            if self.steps < graph.steps() && pause() {
                return Ok(Progress::More);
            }
        }
        self.model.note_longest_step(self.longest);
        self.done = true;
        Ok(Progress::Done)
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
