//! The jobs building block: an app is called at a time, or again and again.

use bytes::Bytes;
use std::time::Duration;

/// A job. At least one of `schedule` and `due_time` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Unique in the app.
    pub name: String,
    /// A cron expression of six fields (seconds first), or `@every 5s` and the like.
    pub schedule: Option<String>,
    /// How often at most.
    pub repeats: Option<u32>,
    /// When first: RFC 3339, or a Go or ISO 8601 duration from now on.
    pub due_time: Option<String>,
    /// When it ends by itself, as `due_time`.
    pub ttl: Option<String>,
    /// JSON that the app gets with each call; empty is none.
    pub data: Bytes,
    /// What happens when the app fails; none is Dapr's own three tries a second apart.
    pub failure_policy: Option<FailurePolicy>,
}

/// What happens when the app fails at a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Nothing until the next time.
    Drop,
    /// It is tried again.
    Constant {
        /// After so long.
        interval: Duration,
        /// At most so often; none is for ever.
        max_retries: Option<u32>,
    },
}

/// A job on its way to an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The job's name.
    pub name: String,
    /// Its data: JSON, or as it was given over gRPC.
    pub data: Bytes,
    /// The media type of the data.
    pub content_type: Option<String>,
}
