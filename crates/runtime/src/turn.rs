//! The end of a turn: what a guests' thread puts off until it has nothing else to do.
//!
//! An answer that is sent wakes its client up, and the kernel takes as long for that as a small guest for its work. A
//! thread that has several small answers sends them together at the end of its turn: the first wakes the client, the rest
//! find it awake. Nothing waits long: the turn ends when the thread would go to sleep, at each tick of the clock inside a
//! guest, before a call of a guest that isn't known to be quick, and when [`MOST`] wait.

use crate::threads;
use std::cell::RefCell;
use std::sync::Arc;

/// So many wait at most: after a few the client is awake anyway.
const MOST: usize = 8;

/// Something that can wait for the end of a turn.
pub trait AtEnd: Send + Sync {
    /// The turn is over. Must neither block nor call [`at_end`].
    fn run(&self);
}

thread_local!(static WAITING: RefCell<Vec<Arc<dyn AtEnd>>> = const { RefCell::new(Vec::new()) });

/// Whether the calling thread has turns: the threads of [`guest_threads`](crate::Runtime::guest_threads) have.
pub fn has_turns() -> bool {
    threads::runs_guests()
}

/// Runs this at the end of the thread's turn; the caller asked [`has_turns`] before.
pub fn at_end(work: Arc<dyn AtEnd>) {
    let count = WAITING.with_borrow_mut(|waiting| {
        waiting.push(work);
        waiting.len()
    });
    if count >= MOST {
        end();
    }
}

/// Ends the calling thread's turn.
pub(crate) fn end() {
    if WAITING.with_borrow(Vec::is_empty) {
        return;
    }
    // Out of the cell first: what runs may wake a task.
    let mut waiting = WAITING.take();
    for work in waiting.drain(..) {
        work.run();
    }
    WAITING.set(waiting);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::GuestThreads;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl AtEnd for Count {
        fn run(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_waits_is_done_when_many_wait_and_when_the_turn_ends() {
        let count = Arc::new(Count::default());
        let done = || count.0.load(Ordering::SeqCst);
        for waiting in 1..MOST {
            at_end(count.clone());
            assert_eq!(done(), 0, "{waiting} wait");
        }
        at_end(count.clone());
        assert_eq!(done(), MOST);
        at_end(count.clone());
        end();
        end();
        assert_eq!(done(), MOST + 1);
    }

    #[test]
    fn a_thread_that_runs_guests_ends_its_turn_before_it_sleeps() {
        let threads = GuestThreads::start(1, false).expect("a thread");
        let count = Arc::new(Count::default());
        let of_task = Arc::clone(&count);
        let (entered, seen) = std::sync::mpsc::channel();
        threads.handle().spawn(async move {
            assert!(has_turns());
            at_end(of_task.clone());
            entered.send(of_task.0.load(Ordering::SeqCst)).expect("the test waits");
        });
        assert_eq!(seen.recv(), Ok(0));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while count.0.load(Ordering::SeqCst) == 0 {
            assert!(std::time::Instant::now() < deadline, "it still waits");
            std::thread::yield_now();
        }
        assert!(!has_turns());
    }
}
