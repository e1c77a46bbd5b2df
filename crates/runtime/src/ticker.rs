//! The epoch: a tick each two milliseconds while a guest runs, none while none does, or while all of them wait for the processor's
//! work of a host function.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;
use wasmtime::Engine;

/// A guest looks at its deadline at each tick. Each costs two switches of threads, some 20 µs: at one a millisecond that
/// was 2.5 % of a guest's time.
pub(crate) const TICK: Duration = Duration::from_millis(2);
/// The thread ticks on for so many ticks after the last guest, so that a steady trickle of calls wakes it rarely.
const LINGER: u32 = 8;
/// The longest pause of those is so many doublings of [`TICK`]: calls that come and go between two looks need none of them, and
/// a guest that stays is seen at the next.
const DOUBLINGS: u32 = 2;

/// Owns the ticking thread.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    /// Those of the running that look at no tick.
    resting: AtomicUsize,
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
        self.wake();
        Running(Arc::clone(&self.shared))
    }

    /// Needs no ticks for one guest as long as the answer lives.
    pub(crate) fn rest(&self) -> Rest<'_> {
        self.shared.resting.fetch_add(1, Ordering::SeqCst);
        Rest(self)
    }

    fn wake(&self) {
        if self.shared.parked.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
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
            std::thread::park_timeout(TICK * (1 << idle.min(DOUBLINGS)));
            engine.increment_epoch();
            idle = match self.running.load(Ordering::SeqCst) {
                0 => idle + 1,
                running if running <= self.resting.load(Ordering::SeqCst) => return,
                _ => 0,
            };
        }
    }

    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        // A guest that came between the last look and the store has not seen `parked`, so look again.
        while self.parked.load(Ordering::SeqCst)
            && self.running.load(Ordering::SeqCst) <= self.resting.load(Ordering::SeqCst)
            && !self.ended.load(Ordering::Acquire)
        {
            std::thread::park();
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

/// One running guest that needs no ticks.
#[derive(Debug)]
pub(crate) struct Rest<'a>(&'a Ticker);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.shared.resting.fetch_sub(1, Ordering::SeqCst);
        self.0.wake();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Whether the clock comes to rest, and goes on, within a time that is generous to a busy machine.
    fn comes_to(ticker: &Ticker, parked: bool) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while ticker.shared.parked.load(Ordering::SeqCst) != parked {
            if Instant::now() > end {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    #[test]
    fn no_tick_comes_while_every_guest_rests() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).expect("a thread");
        let one = ticker.run();
        assert!(comes_to(&ticker, false));
        let rest = ticker.rest();
        assert!(comes_to(&ticker, true), "all rest");
        let other = ticker.run();
        assert!(comes_to(&ticker, false), "another one runs");
        drop(other);
        assert!(comes_to(&ticker, true), "it ended");
        drop(rest);
        assert!(comes_to(&ticker, false), "the first goes on");
        drop(one);
        assert!(comes_to(&ticker, true), "none runs");
    }
}
