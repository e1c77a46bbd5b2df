//! The threads that run guests: a scheduler of their own, so that accept and static files never wait for a guest. A
//! connection that asks for guests may live here too; its calls then run where they were read.

use crate::line::{self, Line};
use crate::turn;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// A worker takes a task from outside, such as a connection, at every second turn.
const GLOBAL_QUEUE_INTERVAL: u32 = 2;
/// So often it looks at timers and sockets while tasks are ready. It does, too, before it calls up a guest that stands in
/// line, so that this costs little and is often enough for what is quick.
const EVENT_INTERVAL: u32 = 8;

thread_local! {
    static RUNS_GUESTS: Cell<bool> = const { Cell::new(false) };
    static IS_WITHIN_GUEST: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is one that runs guests.
pub(crate) fn runs_guests() -> bool {
    RUNS_GUESTS.with(Cell::get)
}

/// Whether the calling thread is in a host function that a guest waits for.
pub(crate) fn is_within_guest() -> bool {
    IS_WITHIN_GUEST.with(Cell::get)
}

/// Says that it is, until the answer is dropped.
pub(crate) fn within_guest() -> WithinGuest {
    WithinGuest { before: IS_WITHIN_GUEST.replace(true) }
}

/// See [`within_guest`].
#[derive(Debug)]
pub(crate) struct WithinGuest {
    before: bool,
}

impl Drop for WithinGuest {
    fn drop(&mut self) {
        IS_WITHIN_GUEST.set(self.before);
    }
}

/// Owns the threads.
#[derive(Debug)]
pub(crate) struct GuestThreads(Option<Runtime>);

impl GuestThreads {
    /// As many threads, which wait for a core that is free if they are to [`give_way`].
    pub(crate) fn start(threads: usize, gives_way: bool) -> std::io::Result<Self> {
        let count = AtomicUsize::new(0);
        let threads = threads.max(1);
        let line = Arc::<Line>::default();
        let of_threads = Arc::clone(&line);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name_fn(move || format!("guest-{}", count.fetch_add(1, Ordering::Relaxed)))
            .on_thread_start(move || {
                RUNS_GUESTS.with(|runs| runs.set(true));
                line::belongs(&of_threads);
                if gives_way {
                    give_way();
                }
            })
            .on_thread_park(|| {
                turn::end();
                line::idle();
            })
            .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
            .event_interval(EVENT_INTERVAL)
            .enable_all()
            .build()?;
        for _ in 0..threads {
            runtime.spawn(Arc::clone(&line).call_up());
        }
        Ok(Self(Some(runtime)))
    }

    /// Starts a task that ends when the answer is dropped.
    pub(crate) fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::of(self.handle().spawn(future))
    }

    pub(crate) fn handle(&self) -> &tokio::runtime::Handle {
        self.0.as_ref().expect("present until dropped").handle()
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // The last owner may be a guest's own task, where waiting for the threads would be waiting for itself.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Has the calling thread, once it is woken, wait for who runs on its core rather than interrupt it, as Linux does for
/// `SCHED_BATCH`. Elsewhere, and where it may not, all stays as it was.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        let priority = libc::sched_param { sched_priority: 0 };
        // By the system call: musl's function of the same name always fails.
        // SAFETY: it changes the calling thread alone, and reads a value that outlives the call.
        let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &raw const priority) };
        if result != 0 {
            tracing::debug!("a thread of guests can't be told to give way: {}", std::io::Error::last_os_error());
        }
    }
}

/// A task that is aborted when this is dropped, unless it was let go.
#[derive(Debug)]
pub(crate) struct Task<T> {
    handle: JoinHandle<T>,
    owned: bool,
}

impl<T> Task<T> {
    pub(crate) fn of(handle: JoinHandle<T>) -> Self {
        Self { handle, owned: true }
    }

    /// Whether the task has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Lets the task go on by itself.
    pub(crate) fn let_go(mut self) {
        self.owned = false;
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.owned {
            self.handle.abort();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The policy by which the calling thread is scheduled: field 41 of its `stat` (proc(5)).
    fn policy() -> u32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("its own");
        let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
        after_name.split_ascii_whitespace().nth(38).and_then(|field| field.parse().ok()).expect("a number")
    }

    #[tokio::test]
    async fn threads_give_way_where_they_are_told_to() {
        for (gives_way, expected) in [(false, libc::SCHED_OTHER), (true, libc::SCHED_BATCH)] {
            let threads = GuestThreads::start(1, gives_way).expect("a thread");
            let policy = threads.spawn(async { policy() }).await.expect("it runs");
            assert_eq!(policy, u32::try_from(expected).expect("positive"));
        }
    }
}
