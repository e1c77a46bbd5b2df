//! The workflow building block: start an instance, look at it, steer it; and a [`turn`] of one, for the app that runs them.

pub mod turn;

pub use turn::{Activity, Decision, Failure, Outcome, Turn};

use crate::Metadata;
use bytes::Bytes;
use std::time::SystemTime;

/// Starts an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The workflow's name.
    pub name: String,
    /// At most 64 letters, digits, `-` and `_`; none lets Dapr choose one.
    pub instance_id: Option<String>,
    /// What the workflow gets: JSON by convention.
    pub input: Bytes,
}

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// The workflow's name.
    pub name: String,
    /// When it was started.
    pub created: Option<SystemTime>,
    /// When it last went on.
    pub updated: Option<SystemTime>,
    /// `RUNNING`, `COMPLETED`, `CONTINUED_AS_NEW`, `FAILED`, `CANCELED`, `TERMINATED`, `PENDING` or `SUSPENDED`.
    pub status: String,
    /// `dapr.workflow.input`, `dapr.workflow.output`, `dapr.workflow.failure.*` and the like.
    pub properties: Metadata,
}

/// What an operator does to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Ends it.
    Terminate,
    /// Holds it.
    Pause,
    /// Lets it go on.
    Resume,
    /// Forgets one that has ended.
    Purge,
}
