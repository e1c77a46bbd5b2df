//! `mode: concurrent`: handlers of 0.3 with several calls at the same time in one instance, by Wasmtime's `ProxyHandler`.
//!
//! What ends whom: a call that fails by its own answer ends alone. A call that is given up, by its client or by its
//! deadline, can't be taken out of its instance: that takes no more calls, serves the others, and is dropped. A trap ends
//! every call of its instance.

use super::body::{self, Timed};
use super::service::{absolute, refusal};
use super::{Ended, no_response};
use crate::admission::Permit;
use crate::ahead::{self, Started};
use crate::call::{Call, Hosted};
use crate::guest::Mode;
use crate::host::http::Exchange;
use crate::instance::{self, Host, Wasi, in_time};
use crate::kind::command;
use crate::room::{Room, Seat};
use crate::threads::Task;
use crate::trap;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until, timeout_at};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    ExpirationError, HandlerState, Instance, InstantiationError, ProxyHandler, ShouldAccept, WorkerExpiration,
    WorkerState, WorkerStatus,
};

/// An instance without a call is dropped after so long: its clock ticks as long as it lives.
const IDLE: Duration = Duration::from_secs(1);
/// The instance sees a deadline first; this one speaks up where another call holds it.
const GRACE: Duration = Duration::from_millis(10);

/// The instances of one guest.
pub(crate) type Handler = ProxyHandler<Guests>;

/// One request.
pub(super) async fn call(
    call: Arc<Call>,
    request: Request<Body>,
    permits: (Permit, Permit),
) -> Result<Response<Body>, Error> {
    let hosted = &call.hosted;
    let handler = hosted.handler.get_or_init(|| ProxyHandler::new(Guests(Arc::downgrade(hosted)))).clone();
    let exchange = Arc::new(Exchange::default());
    let seat = Seat::new(&call, &exchange);
    let leaving = Leaving(Some(Arc::clone(&seat)));
    let answer = handler.handle(Arc::clone(&seat), absolute(request, &call));
    match timeout_at((call.deadline + GRACE).into(), answer).await {
        Err(_) => Err(call.timed_out()),
        Ok(Err(error)) => Err(failure(&call, &seat, error).await),
        Ok(Ok(response)) => {
            let to = Arc::clone(&exchange);
            let reading = async move {
                exchange.read().await;
                leaving.well();
                drop(permits);
                Ended { answer: None, result: Ok(()) }
            };
            let task = Task::of(hosted.shared.threads.handle().spawn(reading));
            let response = response.map(|body| Timed::new(body, &call, &to).boxed_unsync());
            Ok(body::stream(&call, response, Some(task), to))
        }
    }
}

/// Why there is no answer.
async fn failure(call: &Call, seat: &Seat, error: wasmtime::Error) -> Error {
    if error.is::<ExpirationError>() {
        return call.timed_out();
    }
    let error = match error.downcast::<InstantiationError<Arc<Seat>>>() {
        // A colleague's failed start is everybody's who waited for it.
        Ok(InstantiationError { error, .. }) => {
            let own = error.downcast_ref::<Error>().cloned();
            return own.unwrap_or_else(|| no_response(call, "its instance could not start"));
        }
        Err(error) => refusal(call, error),
    };
    if let Some(own) = error.downcast_ref::<Error>() {
        return own.clone();
    }
    // The instance ended under the call, and its end says why.
    match timeout_at((call.deadline + GRACE).into(), seat.verdict()).await {
        Ok(Some(verdict)) => verdict,
        Ok(None) => no_response(call, "its instance ended before it took the call"),
        Err(_) => call.timed_out(),
    }
}

/// Gives the seat up when dropped.
struct Leaving(Option<Arc<Seat>>);

impl Leaving {
    /// The call had its answer.
    fn well(mut self) {
        self.0.take().into_iter().for_each(|seat| seat.leave());
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|seat| seat.give_up());
    }
}

/// Makes instances of one guest.
pub(crate) struct Guests(Weak<Hosted>);

impl HandlerState for Guests {
    type StoreData = Host;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Host, Expiration, Worker>> {
        let Some(hosted) = self.0.upgrade() else { wasmtime::bail!("the app of the guest is gone") };
        // What the instance says and does while it belongs to no call is its own.
        let call = Call::new(&hosted, &HeaderMap::new());
        let Mode::Concurrent { calls, at_once } = *hosted.spec.guest.mode() else {
            wasmtime::bail!("the guest's mode is another one")
        };
        let room = Room::new(calls, at_once, call.deadline);
        let wasi = Wasi::handler(&call).map_err(|error| command::preopen_failed(&call, &error))?;
        let mut store = instance::store_of_room(&call, wasi, &room);
        let started = in_time(&call, pin!(ahead::start(&call, &mut store))).await;
        let proxy = match started.and_then(Started::proxy) {
            Ok(proxy) => proxy,
            Err(error) => {
                let last_line = store.data_mut().last_line();
                return Err(trap::error(&call, store.data(), &error, &last_line).into());
            }
        };
        let expiration = Expiration { room: Arc::clone(&room), timer: Box::pin(sleep_until(call.deadline.into())) };
        Ok(Instance { store, proxy, view: Host::http, expiration, state: Worker(room) })
    }
}

/// What an instance takes, and what becomes of its calls when it ends.
pub(crate) struct Worker(Arc<Room>);

impl WorkerState for Worker {
    type StoreData = Host;
    type RequestData = Arc<Seat>;

    fn should_accept_request(&self, _: usize, served: usize) -> ShouldAccept {
        if self.0.is_closed(served) {
            ShouldAccept::Never
        } else if self.0.is_full() {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, Host>,
        seat: Arc<Seat>,
        task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        self.0.sit(task, &seat);
        store.data_mut().refill_log();
        Box::pin(async move {
            // Once the head is out, the body has a timer of its own.
            let _ = timeout_at(seat.call.deadline.into(), seat.gone()).await;
        })
    }

    fn drop(&self, mut store: Store<Host>, result: wasmtime::Result<()>) {
        let last_line = store.data_mut().last_line();
        let host = store.data();
        host.call.hosted.counters.memory(host.limiter.bytes());
        let seats = self.0.close();
        if let Err(error) = result {
            let expired = self.0.has_expired();
            for seat in &seats {
                seat.judge(match expired {
                    true => seat.call.timed_out(),
                    false => in_company(seats.len(), trap::error(&seat.call, host, &error, &last_line)),
                });
            }
        }
        // The verdicts come first: a body whose guest is gone looks like one that ended well.
        drop(store);
        seats.iter().for_each(|seat| seat.end());
    }
}

/// Nobody can tell which call it was.
fn in_company(calls: usize, error: Error) -> Error {
    if calls < 2 || error.code() != Code::GuestTrap {
        return error;
    }
    let message = format!("{}; {calls} calls shared the instance and ended with it", error.message());
    Error::new(error.code(), message).hint("use `mode: fresh`, where calls don't end each other")
}

/// When an instance ends though its guest doesn't.
pub(crate) struct Expiration {
    room: Arc<Room>,
    timer: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        self.room.wake_by(context.waker());
        if self.room.is_abandoned() {
            return Poll::Ready(());
        }
        let idle = status == WorkerStatus::Idle && self.room.is_empty();
        let until = if idle { since + IDLE } else { self.room.deadline() };
        if self.timer.deadline() != until.into() {
            self.timer.as_mut().reset(until.into());
        }
        let ended = self.timer.as_mut().poll(context);
        if ended.is_ready() && !idle {
            self.room.expire();
        }
        ended
    }
}
