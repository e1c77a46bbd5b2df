//! Instances that wait for their next call.
//!
//! With `mode: reuse` they serve one call after the other. What a call leaves, the next one finds; the guest's author asked
//! for that. An instance that trapped, that is held by a call, or that still has something of its last call, never comes
//! back. In other modes one instance may wait that was made ahead and has served nobody.

use crate::admission::Average;
use crate::ahead::Started;
use crate::call::Hosted;
use crate::guest::Mode;
use crate::instance::Host;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

/// An instance that nobody asked for so long is dropped, and its memory with it.
const IDLE: Duration = Duration::from_secs(10);
/// A start that takes less is not worth an instance ahead.
const DEAR_START: Duration = Duration::from_micros(100);

/// An instance between two calls.
pub(crate) struct Kept {
    pub(crate) store: Store<Host>,
    pub(crate) started: Started,
    /// Calls that it has served.
    pub(crate) calls: u32,
    /// Its place among those that are made ahead, until its first call.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// The waiting instances of one guest: never more than it had calls at the same time.
pub(crate) struct Pool {
    /// Calls that one instance may serve.
    calls: u32,
    waiting: Mutex<Vec<(Instant, Kept)>>,
    swept: AtomicBool,
    /// How long starts take.
    starts: Average,
    /// When the last call ended.
    last: Mutex<Option<Instant>>,
    /// Whether an instance waits that was made ahead, or is about to.
    is_ahead: AtomicBool,
}

impl Pool {
    pub(crate) fn new(mode: &Mode) -> Self {
        let calls = if let Mode::Reuse { calls } = mode { *calls } else { 1 };
        Self {
            calls,
            waiting: Mutex::default(),
            swept: AtomicBool::new(false),
            starts: Average::default(),
            last: Mutex::default(),
            is_ahead: AtomicBool::new(false),
        }
    }

    fn is_reused(&self) -> bool {
        self.calls > 1
    }

    /// A start took so long.
    pub(crate) fn started_in(&self, time: Duration) {
        self.starts.took(time);
    }

    /// A call has ended: whether an instance should be made ahead for the next one, which then has to follow. It should where
    /// its start takes long, and calls come often enough for the next to find it.
    pub(crate) fn wants_one(&self) -> bool {
        if self.is_reused() || self.starts.is_below(DEAR_START) {
            return false;
        }
        let now = Instant::now();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        last.is_some_and(|last| now - last < IDLE) && !self.is_ahead.swap(true, Ordering::Relaxed)
    }

    /// The one that was wanted does not come, or is gone.
    pub(crate) fn wants_no_more(&self) {
        self.is_ahead.store(false, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Instant, Kept)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance that came last: its memory is the warmest, and the others may go by being idle.
    pub(crate) fn take(&self) -> Option<Kept> {
        if !self.is_reused() && !self.is_ahead.load(Ordering::Relaxed) {
            return None;
        }
        let (_, mut kept) = self.waiting().pop()?;
        if kept.place.take().is_some() {
            self.wants_no_more();
        }
        Some(kept)
    }

    /// Keeps an instance for the next call, if it may serve one.
    pub(crate) fn keep(&self, hosted: &Arc<Hosted>, kept: Kept) {
        let host = kept.store.data();
        let holds = !host.quick.is_given_back() || host.call.held.load(Ordering::Relaxed) > 0;
        if kept.calls < self.calls && !holds {
            self.put(hosted, kept);
        }
    }

    /// An instance waits from now on.
    pub(crate) fn put(&self, hosted: &Arc<Hosted>, mut kept: Kept) {
        kept.store.data_mut().rest();
        self.waiting().push((Instant::now(), kept));
        if !self.swept.swap(true, Ordering::Relaxed) {
            hosted.shared.threads.handle().spawn(sweep(Arc::downgrade(hosted)));
        }
    }

    /// Drops who waited too long; whether somebody is left.
    fn drop_idle(&self) -> bool {
        let mut waiting = self.waiting();
        let idle = waiting.iter().take_while(|(since, _)| since.elapsed() >= IDLE).count();
        let gone: Vec<_> = waiting.drain(..idle).collect();
        if gone.iter().any(|(_, kept)| kept.place.is_some()) {
            self.wants_no_more();
        }
        let left = !waiting.is_empty();
        // An instance that is kept while this ends must find that nobody sweeps.
        self.swept.store(left, Ordering::Relaxed);
        drop(waiting);
        drop(gone);
        left
    }
}

/// Goes on as long as an instance waits. An instance knows its guest, which knows its instances: only this parts them
/// once the app is gone.
async fn sweep(hosted: Weak<Hosted>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(hosted) = hosted.upgrade() else { return };
        if !hosted.kept.drop_idle() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_wanted_ahead_where_a_start_is_dear_and_calls_come_often() {
        let pool = Pool::new(&Mode::Fresh);
        pool.started_in(DEAR_START / 2);
        assert!(!pool.wants_one() && !pool.wants_one(), "a start that is soon done");
        let pool = Pool::new(&Mode::Fresh);
        pool.started_in(10 * DEAR_START);
        assert!(!pool.wants_one(), "the first call");
        assert!(pool.wants_one());
        assert!(!pool.wants_one(), "one is about to come");
        pool.wants_no_more();
        assert!(pool.wants_one());
        let reused = Pool::new(&Mode::Reuse { calls: 2 });
        reused.started_in(10 * DEAR_START);
        assert!(!reused.wants_one() && !reused.wants_one(), "instances come back by themselves");
    }
}
