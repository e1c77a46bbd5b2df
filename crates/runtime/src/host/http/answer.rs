//! What a handler answered, and how it reaches whoever waits while the guest goes on.

use bytes::Bytes;
use http::{HeaderMap, Response};
use pillion_api::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// An answer, as far as it is known.
pub(crate) enum Answer {
    Whole(Whole),
    Stream(Response<HyperOutgoingBody>),
    Failed(ErrorCode),
}

/// An answer in memory.
pub(crate) struct Whole {
    pub(crate) response: Response<()>,
    pub(crate) bytes: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// What its `content-length` says.
    pub(crate) promised: Option<u64>,
    /// The guest said that this is all.
    pub(crate) finished: bool,
    /// The guest dropped the body unfinished, or wrote other than it promised.
    pub(crate) aborted: bool,
}

/// Between a guest that goes on and whoever waits for its answer.
#[derive(Default)]
pub(crate) struct Exchange {
    answer: Mutex<Option<Answer>>,
    verdict: Mutex<Option<Error>>,
    finished: AtomicBool,
    read: Notify,
}

impl Exchange {
    pub(crate) fn send(&self, answer: Answer) {
        *lock(&self.answer) = Some(answer);
    }

    /// The answer, once.
    pub(crate) fn take(&self) -> Option<Answer> {
        lock(&self.answer).take()
    }

    /// The guest said that the streaming answer is whole. To be called before the last frame can be seen.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// Whether the answer is whole, so that whatever becomes of the guest is none of the client's business.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Whoever reads the streaming answer has seen its end.
    pub(crate) fn was_read(&self) {
        self.read.notify_one();
    }

    /// Waits until the streaming answer was read.
    pub(crate) async fn read(&self) {
        self.read.notified().await;
    }

    /// What the guest's end was, set before its store is dropped: a body whose guest is gone looks like one that ended
    /// well.
    pub(crate) fn judge(&self, error: Error) {
        *lock(&self.verdict) = Some(error);
    }

    pub(crate) fn verdict(&self) -> Option<Error> {
        lock(&self.verdict).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
