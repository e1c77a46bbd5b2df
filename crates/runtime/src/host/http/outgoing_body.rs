//! The body of the answer: collected while it is small, handed over to the stock stream once it is large, or once its
//! guest waits.

use super::response::Made;
use super::{Exchange, MAX_QUICK_BODY, QUICK, QuickView, gone, is_quick};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::p2::bindings::io::streams::HostOutputStream;
use wasmtime_wasi::p2::{DynOutputStream, DynPollable, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, Trailers};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperOutgoingBody, StreamContext};
use wasmtime_wasi_http::p2::{
    DEFAULT_OUTGOING_BODY_BUFFER_CHUNKS, DEFAULT_OUTGOING_BODY_CHUNK_SIZE, HttpError, HttpResult,
};

/// What the guest wrote, and how it went on.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) state: State,
    writer: Writer,
    pub(super) bytes: BytesMut,
    pub(super) trailers: Option<HeaderMap>,
    /// What `content-length` promised.
    pub(super) expected: Option<u64>,
    written: u64,
    /// Nobody takes it: its response was dropped.
    closed: bool,
}

/// How far the body is.
#[derive(Default)]
pub(super) enum State {
    #[default]
    Untaken,
    Open,
    Finished,
    Aborted,
    /// The stock implementation has it; none once the guest finished or dropped it.
    Stock(Option<Box<HostOutgoingBody>>),
}

/// The output stream of the body.
#[derive(Default)]
enum Writer {
    #[default]
    Untaken,
    Quick,
    /// Quick, and polled: the table has a stand-in that is always ready, and whose place the stock stream would take.
    Watched(Resource<DynOutputStream>),
    Stock(Resource<DynOutputStream>),
    Dropped,
}

impl Outbox {
    /// Opens the body, once.
    pub(super) fn open(&mut self, expected: Option<u64>) -> bool {
        let untaken = matches!(self.state, State::Untaken);
        if untaken {
            self.state = State::Open;
            self.expected = expected;
        }
        untaken
    }

    /// The response is gone, so whatever is written now is for nobody.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.bytes = BytesMut::new();
    }

    /// Counts what is written against what was promised. As in the stock stream, what is too much is sent all the same.
    fn count(&mut self, bytes: u64) -> StreamResult<()> {
        self.written += bytes;
        match self.expected {
            Some(expected) if self.written > expected => {
                let code = ErrorCode::HttpResponseBodySize(Some(self.written));
                Err(StreamError::LastOperationFailed(code.into()))
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> StreamResult<()> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        self.bytes.extend_from_slice(bytes);
        self.count(bytes.len() as u64)
    }

    pub(super) fn is_given_back(&self) -> bool {
        !self.has_writer() && !matches!(self.state, State::Open | State::Stock(Some(_)))
    }

    fn has_writer(&self) -> bool {
        matches!(self.writer, Writer::Quick | Writer::Watched(_) | Writer::Stock(_))
    }
}

impl QuickView<'_> {
    /// The most that is collected: what is over the limit of a response streams until it is broken off there.
    fn most(&self) -> usize {
        let limit = usize::try_from(self.0.call.hosted.limits().response).unwrap_or(usize::MAX);
        limit.min(MAX_QUICK_BODY)
    }

    /// The stock stream behind an output stream, unless that is quick. Borrowed: a poll of an own stream would end it.
    pub(super) fn stock_writer(&self, stream: &Resource<DynOutputStream>) -> Option<Resource<DynOutputStream>> {
        match &self.0.quick.outbox.writer {
            _ if !is_quick(stream) => Some(Resource::new_borrow(stream.rep())),
            Writer::Stock(stream) => Some(Resource::new_borrow(stream.rep())),
            _ => None,
        }
    }

    /// The stock stream behind an output stream, which is made if there is none yet. The head of the answer goes out.
    pub(super) fn make_stock_writer(
        &mut self,
        stream: &Resource<DynOutputStream>,
    ) -> Result<Resource<DynOutputStream>> {
        if let Some(stream) = self.stock_writer(stream) {
            return Ok(stream);
        }
        self.make_stock_body()?;
        self.hand_over();
        self.stock_writer(stream).ok_or_else(gone)
    }

    /// Gives the body to the stock implementation, with what was written so far as its first frame.
    pub(super) fn make_stock_body(&mut self) -> Result<()> {
        let (quick, table, _) = self.0.http_parts();
        let outbox = &mut quick.outbox;
        if !matches!(outbox.state, State::Open) {
            return Ok(());
        }
        let (mut body, frames) = stock_body(outbox.expected);
        if !matches!(outbox.writer, Writer::Untaken) {
            let mut stream = body.take_output_stream().ok_or_else(gone)?;
            if !outbox.bytes.is_empty() {
                // It counts against the promise once more, for the stock count begins here; the guest knows already.
                let _ = stream.write(outbox.bytes.split().freeze());
            }
            outbox.writer = match std::mem::replace(&mut outbox.writer, Writer::Dropped) {
                Writer::Quick => Writer::Stock(table.push(stream)?),
                Writer::Watched(stand_in) => {
                    *table.get_mut(&stand_in)? = stream;
                    Writer::Stock(stand_in)
                }
                other => other,
            };
        }
        quick.outbox.state = State::Stock(Some(Box::new(body)));
        quick.stream(frames);
        Ok(())
    }

    /// Collects bytes, or passes them on where they are too many.
    pub(super) fn write_quick(&mut self, stream: &Resource<DynOutputStream>, bytes: &[u8]) -> StreamResult<()> {
        if bytes.len() > DEFAULT_OUTGOING_BODY_CHUNK_SIZE {
            return Err(StreamError::trap("write exceeded budget"));
        }
        if self.0.quick.outbox.bytes.len() + bytes.len() <= self.most() {
            return self.quick().outbox.push(bytes);
        }
        let stream = self.make_stock_writer(stream).map_err(StreamError::Trap)?;
        self.table().get_mut(&stream)?.write(Bytes::copy_from_slice(bytes))
    }

    /// Whether these bytes can be collected without more ado.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.0.quick.outbox.bytes.len() + bytes <= self.most()
    }

    pub(super) fn check_quick(&self) -> StreamResult<u64> {
        match self.0.quick.outbox.closed {
            true => Err(StreamError::Closed),
            false => Ok(DEFAULT_OUTGOING_BODY_CHUNK_SIZE as u64),
        }
    }

    /// A poll of an output stream. A quick one is always ready, and stays quick.
    pub(super) fn watch_writer(&mut self, stream: &Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        if let Some(stream) = self.stock_writer(stream) {
            return HostOutputStream::subscribe(self.table(), stream);
        }
        let (quick, table, _) = self.0.http_parts();
        if matches!(quick.outbox.writer, Writer::Quick) {
            let stand_in: DynOutputStream = Box::new(StandIn);
            quick.outbox.writer = Writer::Watched(table.push(stand_in)?);
        }
        match &quick.outbox.writer {
            Writer::Watched(stand_in) => {
                HostOutputStream::subscribe(table, Resource::<DynOutputStream>::new_borrow(stand_in.rep()))
            }
            _ => Err(gone()),
        }
    }

    /// The quick response, whether it was dropped, and where its answer went: it was set if it is gone and not dropped.
    fn answered_by(&self) -> (&Made, bool, Option<&Exchange>) {
        let quick = &self.0.quick;
        (&quick.made, quick.outbox.closed, quick.exchange.as_deref())
    }

    /// The guest dropped a quick output stream.
    pub(super) fn drop_writer(&mut self) -> Result<Option<DynOutputStream>> {
        match std::mem::replace(&mut self.quick().outbox.writer, Writer::Dropped) {
            Writer::Stock(stream) | Writer::Watched(stream) => Ok(Some(self.table().delete(stream)?)),
            _ => Ok(None),
        }
    }

    /// Takes the body from the guest.
    ///
    /// # Errors
    /// A body can't go before its stream.
    fn end_body(&mut self, state: State) -> Result<State> {
        let outbox = &mut self.quick().outbox;
        if outbox.has_writer() {
            return Err(ResourceTableError::HasChildren.into());
        }
        let before = std::mem::replace(&mut outbox.state, state);
        if matches!(before, State::Stock(_)) {
            outbox.state = State::Stock(None);
        }
        Ok(before)
    }
}

/// Stands in the table for a quick stream, for polls alone: what is written goes to the quick one.
struct StandIn;

#[wasmtime_wasi::async_trait]
impl Pollable for StandIn {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for StandIn {
    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Err(StreamError::Closed)
    }
}

fn stock_body(expected: Option<u64>) -> (HostOutgoingBody, HyperOutgoingBody) {
    let (chunks, size) = (DEFAULT_OUTGOING_BODY_BUFFER_CHUNKS, DEFAULT_OUTGOING_BODY_CHUNK_SIZE);
    HostOutgoingBody::new(StreamContext::Response, expected, chunks, size)
}

impl types::HostOutgoingBody for QuickView<'_> {
    fn write(&mut self, body: Resource<HostOutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>> {
        if !is_quick(&body) {
            return self.stock().write(body);
        }
        let outbox = &mut self.0.quick.outbox;
        if !matches!(outbox.writer, Writer::Untaken) {
            return Ok(Err(()));
        }
        outbox.writer = Writer::Quick;
        if let State::Stock(Some(body)) = &mut outbox.state {
            let stream = body.take_output_stream().ok_or_else(gone)?;
            let stream = self.0.table().push(stream)?;
            self.quick().outbox.writer = Writer::Stock(stream);
        }
        Ok(Ok(Resource::new_own(QUICK)))
    }

    fn finish(&mut self, body: Resource<HostOutgoingBody>, trailers: Option<Resource<Trailers>>) -> HttpResult<()> {
        let is_quick = is_quick(&body);
        let trailers = trailers.map(|trailers| self.take_fields(trailers)).transpose().map_err(HttpError::trap)?;
        if !is_quick {
            return Ok(self.table().delete(body)?.finish(trailers)?);
        }
        match self.end_body(State::Finished).map_err(HttpError::trap)? {
            State::Stock(Some(body)) => {
                if let (Made::Gone, false, Some(exchange)) = self.answered_by() {
                    exchange.finish();
                }
                Ok(body.finish(trailers)?)
            }
            _ => {
                let outbox = &mut self.quick().outbox;
                if outbox.expected.is_some_and(|expected| expected != outbox.written) {
                    outbox.state = State::Aborted;
                    return Err(ErrorCode::HttpResponseBodySize(Some(outbox.written)).into());
                }
                outbox.trailers = trailers.map(Into::into);
                Ok(())
            }
        }
    }

    fn drop(&mut self, body: Resource<HostOutgoingBody>) -> Result<()> {
        if !is_quick(&body) {
            return types::HostOutgoingBody::drop(&mut self.stock(), body);
        }
        if let State::Stock(Some(body)) = self.end_body(State::Aborted)? {
            body.abort();
        }
        Ok(())
    }
}
