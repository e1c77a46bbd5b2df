//! The two bodies of a request at the edge: a bounded one inwards, a counted one outwards.

use super::{EdgeLimits, stack::InFlight};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pillion_api::{Code, Error, body::too_large};
use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// What the stack may know of a body that it gave away.
#[derive(Debug, Default)]
pub(super) struct BodyFate {
    /// Why it was broken off, if it was.
    pub(super) broken: OnceLock<Error>,
    /// Whether its end was seen.
    pub(super) ended: AtomicBool,
}

/// A request's body: at most so many bytes, at most so long between two pieces.
pub(super) struct RequestBody {
    inner: Incoming,
    left: u64,
    limit: u64,
    idle: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    fate: Arc<BodyFate>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, limits: &EdgeLimits, fate: Arc<BodyFate>) -> Self {
        let limit = limits.body_bytes;
        Self { inner, left: limit, limit, idle: limits.body_idle, deadline: None, fate }
    }

    fn broken(&self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let _ = self.fate.broken.set(error.clone());
        Poll::Ready(Some(Err(error)))
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return self.broken(too_large(self.limit)),
        }
        if self.inner.is_end_stream() {
            self.fate.ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let idle = self.idle;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(idle)));
        if deadline.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let message = format!("no piece of the request body came for {idle:?}");
        self.broken(Error::new(Code::RequestTimeout, message))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(error) = this.fate.broken.get() {
            return Poll::Ready(Some(Err(error.clone())));
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Pending => this.wait(cx),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(deadline) = &mut this.deadline {
                    deadline.as_mut().reset(Instant::now() + this.idle);
                }
                this.count(frame)
            }
            Poll::Ready(Some(Err(error))) => {
                this.broken(Error::new(Code::BodyRead, format!("the request body broke off: {error}")))
            }
            Poll::Ready(None) => {
                this.fate.ended.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response's body. While it lives the request is in flight.
pub(super) struct ResponseBody {
    inner: pillion_api::Body,
    in_flight: InFlight,
}

impl ResponseBody {
    pub(super) fn new(inner: pillion_api::Body, in_flight: InFlight) -> Self {
        Self { inner, in_flight }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // hyper asks again only once the client took what it was given.
        self.in_flight.taken();
        let poll = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(frame)) = &poll {
            self.in_flight.offered(frame.is_err());
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
