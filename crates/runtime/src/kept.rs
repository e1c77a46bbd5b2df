//! `mode: reuse`: instances that serve one call after the other. What a call leaves, the next one finds; the guest's author
//! asked for that. An instance that trapped, that is held by a call, or that still has something of its last call,
//! never comes back.

use crate::call::Hosted;
use crate::guest::Mode;
use crate::instance::Host;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use wasmtime::Store;
use wasmtime_wasi_http::handler::Proxy;

/// An instance that nobody asked for so long is dropped, and its memory with it.
const IDLE: Duration = Duration::from_secs(10);

/// An instance between two calls.
pub(crate) struct Kept {
    pub(crate) store: Store<Host>,
    pub(crate) proxy: Proxy,
    /// Calls that it has served.
    pub(crate) calls: u32,
}

/// The waiting instances of one guest: never more than it had calls at the same time.
pub(crate) struct Pool {
    /// Calls that one instance may serve.
    calls: u32,
    waiting: Mutex<Vec<(Instant, Kept)>>,
    swept: AtomicBool,
}

impl Pool {
    pub(crate) fn new(mode: &Mode) -> Self {
        let calls = if let Mode::Reuse { calls } = mode { *calls } else { 1 };
        Self { calls, waiting: Mutex::default(), swept: AtomicBool::new(false) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Instant, Kept)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance that came last: its memory is the warmest, and the others may go by being idle.
    pub(crate) fn take(&self) -> Option<Kept> {
        if self.calls < 2 {
            return None;
        }
        self.waiting().pop().map(|(_, kept)| kept)
    }

    /// Keeps an instance for the next call, if it may serve one.
    pub(crate) fn keep(&self, hosted: &Arc<Hosted>, mut kept: Kept) {
        let host = kept.store.data();
        let holds = !host.quick.is_given_back() || host.call.held.load(Ordering::Relaxed) > 0;
        if kept.calls >= self.calls || holds {
            return;
        }
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
