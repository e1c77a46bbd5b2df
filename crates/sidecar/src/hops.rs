//! Counts how many apps one request or message has gone through, so that a circle of apps ends as an error.
//!
//! The count travels in the header and message metadata [`HEADER`], and within one task of the process by itself: a guest
//! that runs in the task of its call needs to hand on nothing.

use http::{HeaderMap, HeaderName, HeaderValue};
use pillion_api::{Code, Error, Metadata};

/// The header, and the metadata key of a message, that holds the count.
pub const HEADER: &str = "pillion-hops";
/// How many apps a call or message may go through. Reentrant actors of Dapr have the same depth.
pub const MAX: u32 = 32;

tokio::task_local! {
    static HOPS: u32;
}

/// Runs `work`, in which calls to the sidecar count on from `hops`.
pub async fn scope<F: Future>(hops: u32, work: F) -> F::Output {
    HOPS.scope(hops, work).await
}

/// The count of the task that asks.
fn of_task() -> u32 {
    HOPS.try_with(|hops| *hops).unwrap_or(0)
}

fn read(text: Option<&str>) -> u32 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The count of a request: what its header says, or what its task has behind it.
pub fn of_request(headers: &HeaderMap) -> u32 {
    read(headers.get(HEADER).and_then(|value| value.to_str().ok())).max(of_task())
}

/// The count of a message: what its metadata says, or what its task has behind it.
pub fn of_message(metadata: &Metadata) -> u32 {
    read(metadata.get(HEADER).map(String::as_str)).max(of_task())
}

/// Writes the count into a request.
pub fn stamp(headers: &mut HeaderMap, hops: u32) {
    headers.insert(HeaderName::from_static(HEADER), HeaderValue::from(hops));
}

/// Ends what would otherwise be a deadlock: each app of a circle waits for the next.
pub(crate) fn circle(id: &str) -> Error {
    let why = format!("the call went through {MAX} apps: they call each other in a circle");
    Error::new(Code::Overloaded, format!("failed to invoke, id: {id}, err: {why}"))
        .hint("let one of the apps answer without calling the next")
        .limit("sidecar.hops", u64::from(MAX))
}
