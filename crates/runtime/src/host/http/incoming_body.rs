//! The body of the request: read as its frames come, handed over to the stock stream once it is polled or spliced.

use super::{QUICK, QuickView, gone, is_quick};
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::p2::{DynInputStream, DynPollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::{self, Trailers};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

/// How often a read waits for bytes before an endless row of empty frames ends the guest, as in the stock stream.
const MAX_EMPTY_FRAMES: usize = 10;

/// What is left of a body.
#[derive(Default)]
pub(super) struct Inbox {
    rest: Rest,
    reader: Reader,
}

/// Who reads it.
#[derive(Default)]
enum Reader {
    #[default]
    Nobody,
    Quick,
    /// A stream of the stock table, and the body that it gives back.
    Stock {
        stream: Resource<DynInputStream>,
        body: Box<HostIncomingBody>,
    },
    /// The guest dropped a stock stream.
    Returned(Box<HostIncomingBody>),
    Dropped,
}

/// The frames that nobody has read.
#[derive(Default)]
struct Rest {
    buffer: Bytes,
    body: Option<Body>,
    error: Option<WasiError>,
    trailers: Option<HeaderMap>,
}

impl Inbox {
    pub(super) fn is_given_back(&self) -> bool {
        matches!(self.reader, Reader::Nobody) && self.rest.body.is_none() && self.rest.buffer.is_empty()
    }
}

impl Rest {
    /// For the stock implementation.
    fn into_stock(self) -> HostIncomingBody {
        let rest: WasiBody = self.boxed_unsync();
        HostIncomingBody::new(rest)
    }

    fn record(&mut self, frame: Option<Result<Frame<Bytes>, Error>>) {
        match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => self.buffer = data,
                Err(frame) => {
                    self.trailers = frame.into_trailers().ok();
                    self.body = None;
                }
            },
            Some(Err(error)) => {
                self.error = Some(wasi_error(&error));
                self.body = None;
            }
            None => self.body = None,
        }
    }

    /// What can be had without waiting; empty where nothing can.
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            if !self.buffer.is_empty() {
                return Ok(self.buffer.split_to(size.min(self.buffer.len())));
            }
            if let Some(error) = self.error.take() {
                return Err(StreamError::LastOperationFailed(error.into()));
            }
            let Some(body) = &mut self.body else { return Err(StreamError::Closed) };
            match body.frame().now_or_never() {
                Some(frame) => self.record(frame),
                None => return Ok(Bytes::new()),
            }
        }
    }

    /// Whether a read would not have to wait.
    fn is_ready(&mut self) -> bool {
        if !self.buffer.is_empty() || self.error.is_some() {
            return true;
        }
        let Some(body) = &mut self.body else { return true };
        match body.frame().now_or_never() {
            Some(frame) => {
                self.record(frame);
                true
            }
            None => false,
        }
    }

    async fn wait(&mut self) {
        if let Some(body) = &mut self.body {
            let frame = body.frame().await;
            self.record(frame);
        }
    }
}

impl http_body::Body for Rest {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        if !self.buffer.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.buffer)))));
        }
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        Pin::new(body).poll_frame(context).map_err(|error| wasi_error(&error))
    }
}

/// A broken request body, as wasi:http names it.
pub(crate) fn wasi_error(error: &Error) -> WasiError {
    match error.code() {
        Code::RequestTooLarge => WasiError::HttpRequestBodySize(error.reached().map(|limit| limit.value)),
        _ => WasiError::ConnectionTerminated,
    }
}

impl Inbox {
    pub(super) fn new(body: Body) -> Self {
        // Most requests have no body: nothing is left of it from the start.
        let body = (!body.is_end_stream()).then_some(body);
        Self { rest: Rest { body, ..Rest::default() }, reader: Reader::Nobody }
    }

    /// Nobody will read it.
    pub(super) fn close(&mut self) {
        self.rest = Rest::default();
    }

    /// # Errors
    /// A body can't go before its stream.
    fn has_no_reader(&self) -> Result<()> {
        match self.reader {
            Reader::Quick | Reader::Stock { .. } => Err(ResourceTableError::HasChildren.into()),
            _ => Ok(()),
        }
    }
}

impl QuickView<'_> {
    /// The stock stream behind an input stream, unless that is quick. Borrowed: a poll of an own stream would end it.
    pub(super) fn stock_reader(&self, stream: &Resource<DynInputStream>) -> Option<Resource<DynInputStream>> {
        match &self.0.quick.inbox.reader {
            _ if !is_quick(stream) => Some(Resource::new_borrow(stream.rep())),
            Reader::Stock { stream, .. } => Some(Resource::new_borrow(stream.rep())),
            _ => None,
        }
    }

    /// The stock stream behind an input stream, which is made if there is none yet.
    pub(super) fn make_stock_reader(&mut self, stream: &Resource<DynInputStream>) -> Result<Resource<DynInputStream>> {
        if let Some(stream) = self.stock_reader(stream) {
            return Ok(stream);
        }
        let mut body = std::mem::take(&mut self.quick().inbox.rest).into_stock();
        let stream: DynInputStream = Box::new(body.take_stream().ok_or_else(gone)?);
        let stream = self.table().push(stream)?;
        let number = stream.rep();
        self.quick().inbox.reader = Reader::Stock { stream, body: Box::new(body) };
        Ok(Resource::new_borrow(number))
    }

    pub(super) fn read_quick(&mut self, size: u64) -> StreamResult<Bytes> {
        self.quick().inbox.rest.read(usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// Reads at least a byte, or nothing if nothing is asked for.
    pub(super) async fn blocking_read_quick(&mut self, size: u64) -> StreamResult<Bytes> {
        for _ in 0..=MAX_EMPTY_FRAMES {
            if !self.quick().inbox.rest.is_ready() {
                self.hand_over();
                self.quick().inbox.rest.wait().await;
            }
            let bytes = self.read_quick(size)?;
            if !bytes.is_empty() || size == 0 {
                return Ok(bytes);
            }
        }
        Err(StreamError::trap("max blocking attempts exceeded"))
    }

    /// The guest dropped a quick input stream.
    pub(super) fn drop_reader(&mut self) -> Result<Option<DynInputStream>> {
        match std::mem::replace(&mut self.quick().inbox.reader, Reader::Dropped) {
            Reader::Stock { stream, body } => {
                let stream = self.table().delete(stream)?;
                self.quick().inbox.reader = Reader::Returned(body);
                Ok(Some(stream))
            }
            _ => Ok(None),
        }
    }
}

impl types::HostIncomingBody for QuickView<'_> {
    fn stream(&mut self, body: Resource<HostIncomingBody>) -> Result<Result<Resource<DynInputStream>, ()>> {
        if !is_quick(&body) {
            return self.stock().stream(body);
        }
        let reader = &mut self.quick().inbox.reader;
        match reader {
            Reader::Nobody => {
                *reader = Reader::Quick;
                Ok(Ok(Resource::new_own(QUICK)))
            }
            _ => Ok(Err(())),
        }
    }

    fn finish(&mut self, body: Resource<HostIncomingBody>) -> Result<Resource<HostFutureTrailers>> {
        if !is_quick(&body) {
            return self.stock().finish(body);
        }
        let inbox = &mut self.quick().inbox;
        inbox.has_no_reader()?;
        let Inbox { rest, reader } = std::mem::take(inbox);
        let trailers = match reader {
            Reader::Returned(body) => body.into_future_trailers(),
            _ if rest.body.is_none() => HostFutureTrailers::Done(Ok(rest.trailers)),
            _ => rest.into_stock().into_future_trailers(),
        };
        Ok(self.table().push(trailers)?)
    }

    fn drop(&mut self, body: Resource<HostIncomingBody>) -> Result<()> {
        if !is_quick(&body) {
            return types::HostIncomingBody::drop(&mut self.stock(), body);
        }
        let inbox = &mut self.quick().inbox;
        inbox.has_no_reader()?;
        *inbox = Inbox::default();
        Ok(())
    }
}

type TrailersResult = Option<Result<Result<Option<Resource<Trailers>>, types::ErrorCode>, ()>>;

impl types::HostFutureTrailers for QuickView<'_> {
    fn subscribe(&mut self, trailers: Resource<HostFutureTrailers>) -> Result<Resource<DynPollable>> {
        self.stock().subscribe(trailers)
    }

    fn get(&mut self, trailers: Resource<HostFutureTrailers>) -> Result<TrailersResult> {
        self.stock().get(trailers)
    }

    fn drop(&mut self, trailers: Resource<HostFutureTrailers>) -> Result<()> {
        types::HostFutureTrailers::drop(&mut self.stock(), trailers)
    }
}
