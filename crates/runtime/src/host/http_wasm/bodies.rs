//! The two bodies of an exchange: read as a stream, overwritten by the first write, and held only as far as the guest asks.

use super::exchange::{Exchange, Phase, begun};
use super::{MODULE, broken, exchange_of, pair};
use crate::host::memory;
use crate::instance::Host;
use crate::limits::key;
use crate::output;
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error, body};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime::{Caller, Linker};

/// The kinds of body that a guest names.
const REQUEST: i32 = 0;
const RESPONSE: i32 = 1;

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "read_body",
        |mut caller: Caller<'_, Host>, (kind, to, room): (i32, i32, i32)| {
            Box::new(async move { read(&mut caller, kind, (to, room)).await })
        },
    )?;
    linker.func_wrap(MODULE, "write_body", |mut caller: Caller<'_, Host>, kind: i32, from: i32, length: i32| {
        write(&mut caller, kind, (from, length))
    })?;
    Ok(())
}

/// Fills the room that the guest has; answers whether that was the end, and how much it was.
async fn read(caller: &mut Caller<'_, Host>, kind: i32, (to, room): (i32, i32)) -> wasmtime::Result<i64> {
    let room = room.cast_unsigned() as usize;
    if room == 0 {
        return Err(broken("reads a body into no room, which never ends"));
    }
    let mut got = 0;
    while got < room {
        let piece = match kind {
            REQUEST => next_of_request(caller, room - got).await?,
            RESPONSE => {
                let exchange = exchange_of(caller)?;
                exchange.before_next_or_buffered("reads the body")?;
                exchange.response_body.read(room - got)
            }
            other => return Err(broken(format!("names the body {other}, which is none"))),
        };
        let Some(piece) = piece else { return pair(1, got) };
        let place = to.wrapping_add(i32::try_from(got).unwrap_or(i32::MAX));
        memory::write(caller, place, &piece)?;
        got += piece.len();
    }
    pair(0, got)
}

async fn next_of_request(caller: &mut Caller<'_, Host>, room: usize) -> wasmtime::Result<Option<Bytes>> {
    let exchange = exchange_of(caller)?;
    if exchange.phase == Phase::After {
        return match exchange.buffers_request() {
            true => Ok(exchange.request_body.read_again(room)),
            false => Err(broken(
                "reads the request's body after the next handler had it, and has not enabled `buffer_request`",
            )),
        };
    }
    let buffers = exchange.buffers_request();
    let piece = exchange.request_body.read(room).await?;
    if let Some(piece) = piece.as_ref().filter(|_| buffers) {
        hold(exchange, piece.len())?;
        exchange.request_body.kept.extend_from_slice(piece);
    }
    Ok(piece)
}

fn write(caller: &mut Caller<'_, Host>, kind: i32, (from, length): (i32, i32)) -> wasmtime::Result<()> {
    let bytes = length.cast_unsigned() as usize;
    let exchange = exchange_of(caller)?;
    let before = room_to_write(exchange, kind)?.len();
    let limit = limit_of(exchange, kind);
    if (before.saturating_add(bytes)) as u64 > limit {
        return Err(over(exchange, kind, limit).into());
    }
    hold(exchange, bytes)?;
    let data = memory::read(caller, from, length, limit)?;
    room_to_write(exchange_of(caller)?, kind)?.extend_from_slice(&data);
    Ok(())
}

/// What the guest has written of a body so far.
fn room_to_write(exchange: &mut Exchange, kind: i32) -> wasmtime::Result<&mut BytesMut> {
    let written = match kind {
        REQUEST => {
            exchange.before_next("writes the request's body")?;
            &mut exchange.request_body.written
        }
        RESPONSE => {
            exchange.before_next_or_buffered("writes the body")?;
            &mut exchange.response_body.written
        }
        other => return Err(broken(format!("names the body {other}, which is none"))),
    };
    Ok(written.get_or_insert_default())
}

fn limit_of(exchange: &Exchange, kind: i32) -> u64 {
    let limits = exchange.hosted().limits();
    if kind == REQUEST { limits.request } else { limits.response }
}

fn over(exchange: &Exchange, kind: i32, limit: u64) -> Error {
    let name = &exchange.hosted().name;
    match kind {
        REQUEST => Error::new(Code::GuestLimit, format!("guest `{name}` wrote a request of more than {limit} bytes"))
            .limit(key::REQUEST, limit),
        _ => output::response_over(name, limit),
    }
}

/// Takes room for what is held on behalf of the guest.
fn hold(exchange: &Exchange, bytes: usize) -> wasmtime::Result<()> {
    if exchange.share.grow(bytes as u64) {
        return Ok(());
    }
    let error = Error::new(Code::Overloaded, "the memory budget of the process is used up by bodies that are buffered");
    Err(error.retry_after(Duration::from_secs(1)).into())
}

/// A request's body.
pub(super) struct RequestBody {
    /// What nobody has read yet.
    rest: Option<Body>,
    /// The part of a frame that the guest had no room for.
    pending: Bytes,
    /// What the guest has read and the next handler gets all the same.
    kept: BytesMut,
    /// The same, to be read again.
    again: Bytes,
    written: Option<BytesMut>,
    /// Bytes that the guest has read, and may read.
    read: u64,
    limit: u64,
    consumed: bool,
}

impl RequestBody {
    /// A body of which the guest may read so many bytes; what it doesn't read is not its business.
    pub(super) fn new(rest: Body, limit: u64) -> Self {
        let (pending, kept, again) = Default::default();
        Self { rest: Some(rest), pending, kept, again, written: None, read: 0, limit, consumed: false }
    }

    /// At most so many bytes; none at the end.
    async fn read(&mut self, room: usize) -> Result<Option<Bytes>, Error> {
        self.consumed = true;
        while self.pending.is_empty() {
            let Some(rest) = &mut self.rest else { return Ok(None) };
            match rest.frame().await {
                Some(frame) => self.pending = frame?.into_data().unwrap_or_default(),
                None => self.rest = None,
            }
        }
        let piece = self.pending.split_to(room.min(self.pending.len()));
        self.read += piece.len() as u64;
        if self.read > self.limit {
            return Err(body::too_large(self.limit));
        }
        Ok(Some(piece))
    }

    fn read_again(&mut self, room: usize) -> Option<Bytes> {
        (!self.again.is_empty()).then(|| self.again.split_to(room.min(self.again.len())))
    }

    /// How long the body of the next handler is, where the guest wrote it.
    pub(super) fn length_of_next(&self) -> Option<usize> {
        self.written.as_ref().map(BytesMut::len)
    }

    /// Whether the next handler gets less than there was.
    pub(super) fn was_consumed(&self) -> bool {
        self.consumed && self.kept.is_empty()
    }

    /// The body for the next handler.
    pub(super) fn take_next(&mut self) -> Body {
        self.again = std::mem::take(&mut self.kept).freeze();
        let rest = self.rest.take();
        if let Some(written) = self.written.take() {
            self.again = written.clone().freeze();
            return body::full(written.freeze());
        }
        let pending = std::mem::take(&mut self.pending);
        let first = match (self.again.is_empty(), pending.is_empty()) {
            (true, _) => pending,
            (_, true) => self.again.clone(),
            (false, false) => [&self.again[..], &pending].concat().into(),
        };
        begun(first, rest)
    }
}

/// A response's body.
#[derive(Default)]
pub(super) struct ResponseBody {
    next: Option<Next>,
    written: Option<BytesMut>,
}

/// What the next handler answered.
enum Next {
    Streaming(Body),
    /// All of it, and what the guest has not read.
    Whole(Bytes, Bytes),
}

impl ResponseBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { next: Some(Next::Whole(bytes.clone(), bytes)), written: None }
    }

    pub(super) fn streaming(stream: Body) -> Self {
        Self { next: Some(Next::Streaming(stream)), written: None }
    }

    /// What the guest has written.
    pub(super) fn take_written(&mut self) -> Bytes {
        self.written.take().map(BytesMut::freeze).unwrap_or_default()
    }

    fn read(&mut self, room: usize) -> Option<Bytes> {
        match &mut self.next {
            Some(Next::Whole(_, unread)) if unread.has_remaining() => Some(unread.split_to(room.min(unread.len()))),
            _ => None,
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.written.is_some()
    }

    /// Whether it is the next handler's, as that framed it.
    pub(super) fn is_next(&self) -> bool {
        self.next.is_some() && self.written.is_none()
    }

    pub(super) fn into_body(self) -> Body {
        match (self.written, self.next) {
            (Some(written), _) => body::full(written.freeze()),
            (None, Some(Next::Streaming(stream))) => stream,
            (None, Some(Next::Whole(whole, _))) => body::full(whole),
            (None, None) => body::empty(),
        }
    }
}

/// What was read of a body, then the rest of it.
pub(super) fn joined(first: Bytes, rest: Body) -> Body {
    Joined { first: Some(first), rest }.boxed_unsync()
}

struct Joined {
    first: Option<Bytes>,
    rest: Body,
}

impl http_body::Body for Joined {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (first, rest) = (self.first.as_ref().map_or(0, Bytes::len) as u64, self.rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(first)) {
            hint.set_upper(upper);
        }
        hint
    }
}
