//! The line of guests that want a turn on a thread that is busy.
//!
//! A scheduler that takes tasks as they become ready lets a newcomer wait for a turn of each guest that runs: with a hundred of them
//! nobody reads, refuses or answers for half a second. Here guests that had a turn and want another stand in line, and so
//! do calls that are not known to be quick where a thread has run others for a while. A thread calls up one of them when it
//! has looked at its sockets and timers and has done what else was ready: whatever is short waits for one turn, whoever runs.

use futures_channel::oneshot;
use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// So long a thread runs guests without a look at its sockets and timers, and begins calls at once.
const BURST: Duration = Duration::from_millis(1);

thread_local! {
    static LINE: OnceCell<Arc<Line>> = const { OnceCell::new() };
    /// Since when the thread has run guests that are not known to be quick; None after a look at its sockets.
    static BUSY_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Says that the calling thread is one of those that share this line.
pub(crate) fn belongs(line: &Arc<Line>) {
    LINE.with(|of_thread| drop(of_thread.set(Arc::clone(line))));
}

/// The calling thread has nothing to do.
pub(crate) fn idle() {
    BUSY_SINCE.set(None);
}

/// The line of the calling thread, if it is one that runs guests.
pub(crate) fn line() -> Option<Arc<Line>> {
    LINE.with(|line| line.get().cloned())
}

/// Waits until a call may begin that is not known to be quick: at once where the calling thread isn't busy. `alone` is the
/// only call of its guest.
pub(crate) async fn begin(alone: bool) {
    let Some(line) = line().filter(|line| line.is_long() || !lets_in()) else { return };
    Box::pin(line.stand(if alone { Who::Alone } else { Who::New })).await;
}

/// Whether the calling thread has not run others for long.
fn lets_in() -> bool {
    let now = Instant::now();
    match BUSY_SINCE.get() {
        Some(since) => now - since < BURST,
        None => {
            BUSY_SINCE.set(Some(now));
            true
        }
    }
}

/// Who stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A call that had no turn yet, and is the only one of its guest: it goes before the other new ones.
    Alone,
    /// A call that had no turn yet.
    New,
    /// One that had a turn.
    Again,
    /// Work that can wait until a thread has nothing else to do.
    Idle,
}

/// First come, first called, new ones and others in turns, and what waits for an idle thread after all of them.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    new: VecDeque<Call>,
    again: VecDeque<Call>,
    idle: VecDeque<Call>,
    /// Whether the last that was called was a new one.
    was_new: bool,
}

impl Waiting {
    fn first(&mut self) -> Option<Call> {
        self.was_new = !self.new.is_empty() && (!self.was_new || self.again.is_empty());
        let called = if self.was_new { self.new.pop_front() } else { self.again.pop_front() };
        called.or_else(|| self.idle.pop_front())
    }

    /// Whether a guest stands here.
    fn has_guests(&self) -> bool {
        !(self.new.is_empty() && self.again.is_empty())
    }
}

/// Calls one guest up; an error is one who has left.
type Call = oneshot::Sender<()>;

impl Line {
    /// Ends when this guest is called up.
    pub(crate) async fn stand(self: Arc<Self>, who: Who) {
        let (call, called) = oneshot::channel();
        self.join(who, call);
        // The line is never dropped before those who stand in it.
        let _ = called.await;
    }

    fn join(&self, who: Who, call: Call) {
        let mut waiting = self.waiting();
        match who {
            Who::Alone => waiting.new.push_front(call),
            Who::New => waiting.new.push_back(call),
            Who::Again => waiting.again.push_back(call),
            Who::Idle => waiting.idle.push_back(call),
        }
        drop(waiting);
        self.came.notify_one();
    }

    /// Whether a guest stands here.
    fn is_long(&self) -> bool {
        self.waiting().has_guests()
    }

    /// Whether nobody does, and nothing waits for that.
    fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        !waiting.has_guests() && waiting.idle.is_empty()
    }

    /// Calls up one guest after the other, for ever. Each thread of the guests needs one task for this.
    pub(crate) async fn call_up(self: Arc<Self>) {
        loop {
            while self.is_empty() {
                self.came.notified().await;
            }
            // What waits for an idle thread lets the sockets go first, too.
            if !self.is_long() || !lets_in() {
                // Comes back after a look at sockets and timers, but before what became ready by it.
                yield_now().await;
                behind_the_ready().await;
                BUSY_SINCE.set(Some(Instant::now()));
            }
            while let Some(call) = self.first()
                && call.send(()).is_err()
            {}
            behind_the_ready().await;
        }
    }

    fn first(&self) -> Option<Call> {
        self.waiting().first()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets others run that are ready, without a look at sockets and timers.
async fn behind_the_ready() {
    let mut woken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::GuestThreads;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use tokio::net::UnixStream;

    const SPINNERS: usize = 4;
    /// More than some turns of a worker would let in one by one.
    const NEWCOMERS: usize = 100;

    /// The order in which these are called up.
    fn called(come: &[Who]) -> Vec<usize> {
        let line = Line::default();
        let join = |who: &Who| {
            let (call, called) = oneshot::channel();
            line.join(*who, call);
            called
        };
        let mut standing: Vec<_> = come.iter().map(join).collect();
        let at = |call: Call| {
            call.send(()).expect("it stands there");
            standing.iter_mut().position(|called| matches!(called.try_recv(), Ok(Some(())))).expect("it came")
        };
        std::iter::from_fn(|| line.first()).map(at).collect()
    }

    #[test]
    fn new_ones_and_others_are_called_in_turns_and_the_only_call_of_a_guest_first() {
        use Who::{Again, Alone, Idle, New};
        assert_eq!(called(&[Again, Again, Again, New, New]), [3, 0, 4, 1, 2]);
        assert_eq!(called(&[New, New, Alone, Again]), [2, 3, 0, 1]);
        assert_eq!(called(&[Idle, Again, Idle, New]), [3, 1, 0, 2]);
        assert_eq!(called(&[]), [0; 0]);
    }

    #[tokio::test]
    async fn who_has_left_is_passed_over() {
        let line = Arc::<Line>::default();
        let mut leaves = Box::pin(Arc::clone(&line).stand(Who::New));
        let mut stays = Box::pin(Arc::clone(&line).stand(Who::New));
        assert!(futures_util::poll!(&mut leaves).is_pending());
        assert!(futures_util::poll!(&mut stays).is_pending());
        drop(leaves);
        let calling = tokio::spawn(Arc::clone(&line).call_up());
        stays.await;
        assert!(!line.is_long());
        calling.abort();
    }

    #[tokio::test]
    async fn many_newcomers_wait_for_few_turns_of_those_who_run() {
        let threads = GuestThreads::start(1, false).expect("a thread");
        let (begin, begun) = mpsc::channel::<()>();
        threads.handle().spawn(async move { begun.recv().is_ok() });
        let turns = Arc::new(AtomicUsize::new(0));
        let spinners: Vec<_> = (0..SPINNERS)
            .map(|_| {
                let turns = Arc::clone(&turns);
                threads.spawn(async move {
                    loop {
                        turns.fetch_add(1, Ordering::SeqCst);
                        busy_for(2 * BURST);
                        line().expect("it runs guests").stand(Who::Again).await;
                    }
                })
            })
            .collect();
        let newcomers: Vec<_> = (0..NEWCOMERS)
            .map(|_| {
                let turns = Arc::clone(&turns);
                threads.spawn(async move { turns.load(Ordering::SeqCst) })
            })
            .collect();
        begin.send(()).expect("the thread is held");
        let mut at = Vec::new();
        for newcomer in newcomers {
            at.push(newcomer.await.expect("no panic"));
        }
        at.sort_unstable();
        let spread = at[NEWCOMERS - 1] - at[0];
        assert!(spread < NEWCOMERS / 4, "the last came {spread} turns after the first");
        drop::<Vec<crate::threads::Task<()>>>(spinners);
    }

    #[tokio::test]
    async fn what_came_by_a_socket_is_read_before_the_next_turn() {
        let threads = GuestThreads::start(1, false).expect("a thread");
        let guest = threads.spawn(async move {
            let (writer, reader) = UnixStream::pair().expect("a pair");
            let reads = Arc::new(AtomicUsize::new(0));
            let of_reader = Arc::clone(&reads);
            let reading = tokio::spawn(async move {
                while reader.readable().await.is_ok() {
                    match reader.try_read(&mut [0]) {
                        Ok(0) => return,
                        Ok(_) => _ = of_reader.fetch_add(1, Ordering::SeqCst),
                        Err(_) => {}
                    }
                }
            });
            begin(false).await;
            for turn in 1..=5 {
                busy_for(2 * BURST);
                assert_eq!(writer.try_write(b"x").ok(), Some(1));
                line().expect("it runs guests").stand(Who::Again).await;
                assert_eq!(reads.load(Ordering::SeqCst), turn);
            }
            drop(writer);
            reading.await.expect("no panic");
        });
        guest.await.expect("no panic");
    }

    fn busy_for(time: Duration) {
        let since = Instant::now();
        while since.elapsed() <= time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn a_call_waits_where_the_thread_has_run_others_for_long_and_only_there() {
        begin(false).await;
        let threads = GuestThreads::start(1, false).expect("a thread");
        let (told, seen) = mpsc::channel();
        let main = threads.spawn(async move {
            begin(false).await;
            busy_for(BURST);
            let of_ready = told.clone();
            let ready = tokio::spawn(async move { of_ready.send("what was ready") });
            // Comes before the other, which was made earlier, unless it has to wait.
            let call = tokio::spawn(async move {
                begin(false).await;
                told.send("a call")
            });
            (ready.await.is_ok(), call.await.is_ok())
        });
        assert_eq!(main.await.expect("no panic"), (true, true));
        assert_eq!(seen.iter().collect::<Vec<_>>(), ["what was ready", "a call"]);
    }
}
