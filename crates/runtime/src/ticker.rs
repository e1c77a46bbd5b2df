//! The epoch: one tick a millisecond while a guest runs, none while none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;
use wasmtime::Engine;

/// A guest yields and looks at its deadline at each tick.
const TICK: Duration = Duration::from_millis(1);
/// The thread ticks on for so many ticks after the last guest, so that a steady trickle of calls wakes it rarely.
const LINGER: u32 = 50;

/// Owns the ticking thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    ended: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (of_thread, engine) = (Arc::clone(&shared), engine.weak());
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while !of_thread.ended.load(Ordering::Acquire) {
                let Some(engine) = engine.upgrade() else { return };
                of_thread.tick_while_guests_run(&engine);
                drop(engine);
                of_thread.park();
            }
        })?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// Ticks as long as the answer lives.
    pub(crate) fn run(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(Arc::clone(&self.shared))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.parked.store(false, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn tick_while_guests_run(&self, engine: &Engine) {
        let mut idle = 0;
        while idle < LINGER && !self.ended.load(Ordering::Acquire) {
            std::thread::park_timeout(TICK);
            engine.increment_epoch();
            idle = if self.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        }
    }

    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        // A guest that came between the last look and the store has not seen `parked`, so look again.
        while self.parked.load(Ordering::SeqCst)
            && self.running.load(Ordering::SeqCst) == 0
            && !self.ended.load(Ordering::Acquire)
        {
            std::thread::park();
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

/// One running guest.
#[derive(Debug)]
pub(crate) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
