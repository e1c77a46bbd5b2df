//! What a workflow waits for.

use super::RetryPolicy;
use pillion_api::workflow::{Outcome, turn::ActionKind};
use std::time::SystemTime;

/// A task of a run.
#[derive(Debug, Default)]
pub(super) struct Task {
    pub(super) outcome: Option<Outcome>,
    /// What is asked for again after a failure.
    pub(super) tries: Option<Tries>,
}

/// Tries of an activity or a child.
#[derive(Debug)]
pub(super) struct Tries {
    pub(super) policy: RetryPolicy,
    pub(super) call: Call,
    /// So many began.
    pub(super) count: u32,
    /// When the first one did.
    pub(super) first: SystemTime,
}

/// What an action of the history means for a task, once it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Its outcome is the task's.
    Outcome(usize),
    /// A pause is over: the task's next try begins.
    NextTry(usize),
    /// The task has waited long enough.
    Timeout(usize),
}

/// An activity or a child as it was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// An activity.
    Activity { name: String, input: Option<String>, app_id: Option<String> },
    /// A child workflow.
    Child { name: String, input: Option<String>, app_id: Option<String>, instance_id: Option<String> },
}

impl Call {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Activity { name, .. } | Self::Child { name, .. } => name,
        }
    }

    pub(super) fn action(self, execution_id: String) -> ActionKind {
        match self {
            Self::Activity { name, input, app_id } => ActionKind::Activity { name, input, app_id, execution_id },
            Self::Child { name, input, app_id, instance_id } => ActionKind::Child { name, input, instance_id, app_id },
        }
    }
}
