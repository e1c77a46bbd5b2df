//! State stores: what each must do, the keys that it sees, and the errors that apps see.

pub(crate) mod errors;
pub(crate) mod in_memory;
pub(crate) mod keys;
pub(crate) mod sqlite;

use async_trait::async_trait;
use pillion_api::{
    Metadata,
    state::{Delete, Item, Operation, Set},
};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The metadata key of a write's time to live.
const TTL: &str = "ttlInSeconds";

/// A store of keys that have their prefix already. Every store passes the same tests (`tests/state.rs`).
#[async_trait]
pub(crate) trait StateStore: Send + Sync {
    /// As `/v1.0/metadata` names them.
    fn capabilities(&self) -> &'static [&'static str];

    /// Reads keys, answered in their order; a key that expired is none.
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError>;

    /// Does one operation.
    async fn execute(&self, operation: Operation) -> Result<(), StoreError> {
        self.transact(vec![operation]).await
    }

    /// Does all of the operations in their order, or none.
    async fn transact(&self, operations: Vec<Operation>) -> Result<(), StoreError>;

    /// Ends what runs in the background, after what was asked before is done.
    async fn close(&self);
}

/// Why a store could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// The ETag given is not the current one, or there is a key where none was wanted.
    EtagMismatch(Option<String>),
    /// Over the limit of that many bytes.
    Full(u64),
    /// Anything else, in a sentence.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EtagMismatch(None) => f.write_str("possible etag mismatch. error from state store"),
            Self::EtagMismatch(Some(why)) => write!(f, "possible etag mismatch. error from state store: {why}"),
            Self::Full(limit) => write!(f, "the state store is full: it holds at most {limit} bytes"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// The etag that a request names; Dapr takes an empty one as none.
pub(crate) fn etag(etag: &Option<String>) -> Option<&str> {
    etag.as_deref().filter(|etag| !etag.is_empty())
}

/// The time to live that a write asks for; none where it is 0 or -1, which remove an older one. Most of Dapr's stores read it
/// so, in these words.
pub(crate) fn ttl(metadata: &Metadata) -> Result<Option<Duration>, StoreError> {
    let wrong =
        |why: &str| StoreError::Failed(format!("error parsing TTL: incorrect value for metadata '{TTL}': {why}"));
    let seconds = whole(metadata, "ParseInt").map_err(|why| wrong(&why))?.unwrap_or(0);
    match seconds {
        -1 | 0 => Ok(None),
        1..=2_147_483_647 => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        _ => Err(wrong("must be -1 or greater")),
    }
}

/// The same as `state.in-memory` reads it: nothing below 1 is a time to live.
pub(crate) fn ttl_in_memory(metadata: &Metadata) -> Result<Option<Duration>, StoreError> {
    let seconds = whole(metadata, "Atoi").map_err(StoreError::Failed)?.unwrap_or(0);
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// A number, or why it is none: Go's words, which daprd hands through.
fn whole(metadata: &Metadata, function: &str) -> Result<Option<i64>, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let Some(text) = metadata.get(TTL).filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|error: std::num::ParseIntError| {
        let why =
            if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
        format!("strconv.{function}: parsing {text:?}: {why}")
    })
}

/// When a write with this time to live expires.
pub(crate) fn expiry(now: SystemTime, ttl: Option<Duration>) -> Option<SystemTime> {
    ttl.and_then(|ttl| now.checked_add(ttl))
}

/// The same operation on another key.
pub(crate) fn with_key(operation: Operation, key: String) -> Operation {
    match operation {
        Operation::Upsert(set) => Operation::Upsert(Set { key, ..set }),
        Operation::Delete(delete) => Operation::Delete(Delete { key, ..delete }),
    }
}
