//! An instance that several calls share, and who is in it.

use crate::call::Call;
use crate::host::http::Exchange;
use futures_util::task::AtomicWaker;
use pillion_api::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;
use tokio::sync::Notify;
use wasmtime::component::GuestTaskId;

/// The calls of one instance.
pub(crate) struct Room {
    calls: usize,
    at_once: usize,
    seats: Mutex<Seats>,
    closed: AtomicBool,
    expired: AtomicBool,
    waker: AtomicWaker,
}

struct Seats {
    taken: Vec<(GuestTaskId, Arc<Seat>)>,
    /// The latest of all calls that came.
    deadline: Instant,
}

impl Room {
    /// A room for so many calls, so many of them at once; without a call it has until `deadline`.
    pub(crate) fn new(calls: u32, at_once: u32, deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            calls: calls.max(1) as usize,
            at_once: at_once.max(1) as usize,
            seats: Mutex::new(Seats { taken: Vec::new(), deadline }),
            closed: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it takes no more calls, having served so many.
    pub(crate) fn is_closed(&self, served: usize) -> bool {
        served >= self.calls || self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.seats().taken.len() >= self.at_once
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seats().taken.is_empty()
    }

    /// Whether nobody is left whom it could still serve.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.closed.load(Ordering::Acquire) && self.is_empty()
    }

    /// When the last of its calls has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.seats().deadline
    }

    /// Another call of a guest's task.
    pub(crate) fn sit(self: &Arc<Self>, task: GuestTaskId, seat: &Arc<Seat>) {
        let mut seats = self.seats();
        seats.deadline = seats.deadline.max(seat.call.deadline);
        seats.taken.push((task, Arc::clone(seat)));
        let _ = seat.room.set(Arc::downgrade(self));
        drop(seats);
        // Whoever gave the call up before it was taken did not find the room.
        if seat.is_gone.load(Ordering::Acquire) {
            seat.give_up();
        }
    }

    /// The call that a root task belongs to, unless it has left. A call may still be here whose task has ended and whose
    /// number another task has got: the newest call counts.
    pub(crate) fn call_of(&self, task: GuestTaskId) -> Option<Arc<Call>> {
        let seats = self.seats();
        seats.taken.iter().rev().find(|(of, _)| *of == task).map(|(_, seat)| Arc::clone(&seat.call))
    }

    fn remove(&self, seat: &Seat) {
        self.seats().taken.retain(|(_, taken)| !std::ptr::eq(&raw const **taken, seat));
        seat.call.connections.close();
        self.waker.wake();
    }

    /// Takes no more calls; answers who is in it.
    pub(crate) fn close(&self) -> Vec<Arc<Seat>> {
        self.closed.store(true, Ordering::Release);
        self.seats().taken.iter().map(|(_, seat)| Arc::clone(seat)).collect()
    }

    /// The time of all its calls was over.
    pub(crate) fn expire(&self) {
        self.expired.store(true, Ordering::Release);
    }

    pub(crate) fn has_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// Who is woken when a call leaves.
    pub(crate) fn wake_by(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

/// One call on its way through an instance.
pub(crate) struct Seat {
    pub(crate) call: Arc<Call>,
    exchange: Arc<Exchange>,
    room: OnceLock<Weak<Room>>,
    is_gone: AtomicBool,
    gone: Notify,
    ended: Notify,
}

impl Seat {
    pub(crate) fn new(call: &Arc<Call>, exchange: &Arc<Exchange>) -> Arc<Self> {
        Arc::new(Self {
            call: Arc::clone(call),
            exchange: Arc::clone(exchange),
            room: OnceLock::new(),
            is_gone: AtomicBool::new(false),
            gone: Notify::new(),
            ended: Notify::new(),
        })
    }

    fn room(&self) -> Option<Arc<Room>> {
        self.room.get().and_then(Weak::upgrade)
    }

    /// The call is over.
    pub(crate) fn leave(&self) {
        if !self.is_gone.swap(true, Ordering::AcqRel)
            && let Some(room) = self.room()
        {
            room.remove(self);
        }
    }

    /// The call is over for its client, but may not be for its guest.
    pub(crate) fn give_up(&self) {
        self.gone.notify_one();
        self.is_gone.store(true, Ordering::Release);
        if let Some(room) = self.room() {
            room.close();
            room.remove(self);
        }
    }

    /// Waits until nobody wants the answer any more.
    pub(crate) async fn gone(&self) {
        self.gone.notified().await;
    }

    /// Says how the instance ended.
    pub(crate) fn judge(&self, error: Error) {
        self.exchange.judge(error);
    }

    /// The instance is gone.
    pub(crate) fn end(&self) {
        self.ended.notify_one();
    }

    /// How the instance ended; none where it never took the call.
    pub(crate) async fn verdict(&self) -> Option<Error> {
        self.room.get()?;
        self.ended.notified().await;
        self.exchange.verdict()
    }
}
