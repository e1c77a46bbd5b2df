//! The bodies of answers: whole, broken off, or still being written.

use super::{Ended, no_response};
use crate::call::Call;
use crate::host::http::{Exchange, Whole};
use crate::output::response_over;
use crate::threads::Task;
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::{Body, Error, body};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

/// An answer in memory, of a guest that ended well or by `failure`.
pub(super) fn of_whole(call: &Arc<Call>, whole: Whole, failure: Option<Error>) -> Response<Body> {
    // What was finished is the client's, whatever became of the guest; the rest breaks off where the guest did.
    let error = match failure {
        Some(error) if whole.finished => {
            failed_late(call, &error);
            None
        }
        Some(error) => Some(error),
        None if whole.aborted => Some(aborted(call, &WasiError::HttpProtocolError)),
        None => None,
    };
    let length = whole.bytes.len() as u64;
    let kept_promise = whole.promised.is_none_or(|promised| promised == length);
    if error.is_none() && whole.trailers.is_none() && kept_promise {
        return whole.response.map(|()| body::full(whole.bytes));
    }
    let mut frames = VecDeque::from([Ok(Frame::data(whole.bytes))]);
    frames.extend(whole.trailers.map(|trailers: HeaderMap| Ok(Frame::trailers(trailers))));
    frames.extend(error.map(Err));
    whole.response.map(|()| Pieces { frames, call: Arc::clone(call) }.boxed_unsync())
}

/// Counts and logs why a response is not what its head promised.
fn broken(call: &Call, error: &Error) {
    let (app, guest, request_id) = call.names();
    call.hosted.counters.failed(error.code());
    tracing::warn!(app, guest, request_id, code = error.code().name(), "the response is broken off: {error}");
}

/// Counts and logs a failure that the client doesn't see: its answer was whole.
fn failed_late(call: &Call, error: &Error) {
    let (app, guest, request_id) = call.names();
    call.hosted.counters.failed(error.code());
    tracing::warn!(app, guest, request_id, code = error.code().name(), "failed after its answer: {error}");
}

fn aborted(call: &Call, error: &WasiError) -> Error {
    no_response(call, &format!("its body broke off: {error}"))
}

/// Frames in memory that say nothing of their length: the guest promised another one, or breaks off.
struct Pieces {
    frames: VecDeque<Result<Frame<Bytes>, Error>>,
    call: Arc<Call>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = self.frames.pop_front();
        if let Some(Err(error)) = &frame {
            broken(&self.call, error);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }
}

/// An answer that streams; `task` is its guest, unless that is at its end.
pub(super) fn stream(
    call: &Arc<Call>,
    response: Response<HyperOutgoingBody>,
    task: Option<Task<Ended>>,
    exchange: Arc<Exchange>,
) -> Response<Body> {
    let left = call.hosted.limits().response;
    response.map(|inner| {
        if inner.is_end_stream() {
            exchange.was_read();
            task.into_iter().for_each(Task::let_go);
            return body::empty();
        }
        GuestBody { inner: Some(inner), task, exchange, left, call: Arc::clone(call) }.boxed_unsync()
    })
}

/// An answer that has to be over at its call's deadline, though its instance goes on.
pub(super) struct Timed {
    inner: WasiBody,
    timer: Pin<Box<Sleep>>,
    call: Arc<Call>,
    exchange: Arc<Exchange>,
}

impl Timed {
    pub(super) fn new(inner: WasiBody, call: &Arc<Call>, exchange: &Arc<Exchange>) -> Self {
        let timer = Box::pin(sleep_until(call.deadline.into()));
        Self { inner, timer, call: Arc::clone(call), exchange: Arc::clone(exchange) }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        // First the time: a guest that writes without end would never be late otherwise.
        if self.timer.as_mut().poll(context).is_ready() {
            self.exchange.judge(self.call.timed_out());
            return Poll::Ready(Some(Err(WasiError::HttpResponseTimeout)));
        }
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that its guest still writes. Dropped before its end, it takes the guest with it.
struct GuestBody {
    /// None once it is at its end.
    inner: Option<HyperOutgoingBody>,
    task: Option<Task<Ended>>,
    exchange: Arc<Exchange>,
    left: u64,
    call: Arc<Call>,
}

impl GuestBody {
    fn data(&mut self, data: &Bytes) -> Result<(), Error> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(response_over(&self.call.hosted.name, self.call.hosted.limits().response)),
        }
    }

    /// Ended well, unless the guest's end says otherwise.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        self.inner = None;
        match self.exchange.verdict() {
            Some(error) if self.exchange.is_finished() => {
                failed_late(&self.call, &error);
                None
            }
            Some(error) => Some(Err(self.broken(error))),
            None => {
                self.exchange.was_read();
                // What the guest does after its answer is its own time, up to its deadline.
                self.task.take().into_iter().for_each(Task::let_go);
                None
            }
        }
    }

    fn broken(&mut self, error: Error) -> Error {
        (self.inner, self.task) = (None, None);
        broken(&self.call, &error);
        error
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        // Whoever has all the bytes that were promised reads on no more, and was not left in the lurch.
        if self.inner.as_ref().is_some_and(|inner| inner.size_hint().exact() == Some(0)) {
            self.exchange.was_read();
            self.task.take().into_iter().for_each(Task::let_go);
        }
    }
}

impl http_body::Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = match Pin::new(inner).poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        Poll::Ready(match frame {
            None => self.end(),
            Some(Err(error)) => {
                let error = self.exchange.verdict().unwrap_or_else(|| aborted(&self.call, &error));
                Some(Err(self.broken(error)))
            }
            Some(Ok(frame)) => match frame.data_ref().map_or(Ok(()), |data| self.data(data)) {
                Ok(()) => Some(Ok(frame)),
                Err(error) => Some(Err(self.broken(error))),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}
