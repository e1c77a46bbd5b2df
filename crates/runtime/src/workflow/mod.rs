//! Workflows: their code over their history, and what it may not see so that it does the same each time. No Wasm in here: the
//! functions that a guest calls are in `host::workflow`, the calls of the guest in `kind::dapr::workflow`.

mod history;
mod replay;
mod retry;
mod sandbox;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use replay::{Replay, Returned, Stop, too_large};
pub(crate) use retry::RetryPolicy;
pub(crate) use sandbox::{Clock, wasi};
pub(crate) use task::Call;

/// The keys of the manifest, as errors name them.
pub mod key {
    /// [`WorkflowBounds::history`](super::WorkflowBounds::history).
    pub const HISTORY: &str = "workflows.history";
    /// [`WorkflowBounds::actions`](super::WorkflowBounds::actions).
    pub const ACTIONS: &str = "workflows.actions";
    /// [`WorkflowBounds::payload`](super::WorkflowBounds::payload).
    pub const PAYLOAD: &str = "workflows.payload";
}

/// Bounds of the workflows of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkflowBounds {
    /// Events of an instance's history; a longer one ends the instance.
    pub history: usize,
    /// What a workflow may ask for in one turn.
    pub actions: usize,
    /// Bytes of one input or output.
    pub payload: usize,
}

impl Default for WorkflowBounds {
    fn default() -> Self {
        Self { history: 100_000, actions: 1000, payload: 1 << 20 }
    }
}
