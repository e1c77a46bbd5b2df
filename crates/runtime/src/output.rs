//! Where a guest writes to: a bounded response, or bounded lines in the log.

use crate::call::Call;
use crate::limits::key;
use crate::workflow::Clock;
use bytes::{Bytes, BytesMut};
use pillion_api::{Code, Error};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What a guest is told that it may write at once; more is asked for in turns.
const WRITE_PERMIT: usize = 64 << 10;

/// Takes the bytes that a guest writes.
pub(crate) trait Sink: Send + 'static {
    /// Takes bytes.
    ///
    /// # Errors
    /// Ends the guest.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Error>;
}

/// A stream of a guest into a [`Sink`]; clones share it.
pub(crate) struct Stream<S>(Arc<Mutex<S>>);

impl<S> Clone for Stream<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sink> Stream<S> {
    pub(crate) fn new(sink: S) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    pub(crate) fn sink(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) -> StreamResult<()> {
        self.sink().take(bytes).map_err(|error| wasmtime_wasi::p2::StreamError::Trap(error.into()))
    }
}

#[wasmtime_wasi::async_trait]
impl<S: Sink> Pollable for Stream<S> {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl<S: Sink> OutputStream for Stream<S> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes)
    }
}

impl<S: Sink> IsTerminal for Stream<S> {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl<S: Sink> StdoutStream for Stream<S> {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl<S: Sink> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.sink().take(bytes).map(|()| bytes.len()).map_err(std::io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A response in memory.
#[derive(Debug)]
pub(crate) struct Collected {
    bytes: BytesMut,
    limit: u64,
    guest: Arc<str>,
}

impl Collected {
    pub(crate) fn new(limit: u64, guest: Arc<str>) -> Self {
        Self { bytes: BytesMut::new(), limit, guest }
    }

    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).freeze()
    }
}

impl Sink for Collected {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            return Err(response_over(&self.guest, self.limit));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// The error of a response that is over its limit.
pub(crate) fn response_over(guest: &str, limit: u64) -> Error {
    Error::new(Code::GuestLimit, format!("guest `{guest}` answered more than {limit} bytes"))
        .hint("raise `limits.response` of the guest if that much is meant")
        .limit(key::RESPONSE, limit)
}

/// Lines of the log, each with app, guest and request. Bounded by line, by call and by second.
pub(crate) struct Lines {
    call: Arc<Call>,
    stream: &'static str,
    line: Vec<u8>,
    cut: u64,
    left: u64,
    dropped: u64,
    last: String,
    /// The clock of a workflow, which said all of this before while it is replayed.
    clock: Option<Clock>,
}

impl Lines {
    pub(crate) fn new(call: &Arc<Call>, stream: &'static str) -> Self {
        let left = call.hosted.limits().log;
        Self {
            call: Arc::clone(call),
            stream,
            line: Vec::new(),
            cut: 0,
            left,
            dropped: 0,
            last: String::new(),
            clock: None,
        }
    }

    /// Leaves out what a replay says again.
    pub(crate) fn once(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Goes on for another call, with all that one may write.
    pub(crate) fn renew(&mut self, call: &Arc<Call>) {
        self.finish();
        self.left = call.hosted.limits().log;
        self.call = Arc::clone(call);
    }

    /// All that one call may write, for one that comes on top of others.
    pub(crate) fn refill(&mut self) {
        self.left = self.call.hosted.limits().log;
    }

    /// Logs what has no line end yet, and how much was dropped. Answers the last line that said something.
    pub(crate) fn finish(&mut self) -> String {
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.dropped > 0 {
            let (app, guest, request_id) = self.call.names();
            tracing::warn!(target: "guest", app, guest, request_id, stream = self.stream,
                "dropped {} bytes of output: over `limits.log`", self.dropped);
            self.dropped = 0;
        }
        std::mem::take(&mut self.last)
    }

    fn push(&mut self, part: &[u8]) {
        let room = self.call.hosted.limits().log_line.saturating_sub(self.line.len()).min(part.len());
        self.line.extend_from_slice(&part[..room]);
        self.cut += (part.len() - room) as u64;
    }

    fn end_line(&mut self) {
        let mut text = printable(&self.line);
        if self.cut > 0 {
            text.push_str(&format!(" … ({} bytes cut)", self.cut));
        }
        self.line.clear();
        self.cut = 0;
        let cost = text.len() as u64 + 1;
        if cost > self.left || !self.call.hosted.log_rate().allows(cost) {
            self.dropped += cost;
            return;
        }
        self.left -= cost;
        let (app, guest, request_id) = self.call.names();
        tracing::info!(target: "guest", app, guest, request_id, stream = self.stream, "{text}");
        if !text.trim().is_empty() {
            self.last = text;
        }
    }
}

impl Sink for Lines {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.clock.as_ref().is_some_and(Clock::is_replaying) {
            return Ok(());
        }
        if self.left == 0 {
            self.dropped += bytes.len() as u64;
            return Ok(());
        }
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.push(part);
            if parts.peek().is_some() {
                self.end_line();
            }
        }
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A record that a guest logs by an interface, with its own level. Bounded like its lines; one over `limits.log` is dropped.
pub(crate) fn record(call: &Call, level: tracing::Level, context: &str, message: &str) {
    let limits = call.hosted.limits();
    let cut = |text: &str| printable(&text.as_bytes()[..text.len().min(limits.log_line)]);
    let (context, text) = (cut(context), cut(message));
    let cost = (context.len() + text.len()) as u64 + 1;
    let before = call.logged.fetch_add(cost, Ordering::Relaxed);
    if before.saturating_add(cost) > limits.log || !call.hosted.log_rate().allows(cost) {
        return;
    }
    let (app, guest, request_id) = call.names();
    let context = (!context.is_empty()).then_some(context);
    macro_rules! say {
        ($level:ident) => {
            tracing::$level!(target: "guest", app, guest, request_id, context, "{text}")
        };
    }
    match level {
        tracing::Level::ERROR => say!(error),
        tracing::Level::WARN => say!(warn),
        tracing::Level::INFO => say!(info),
        tracing::Level::DEBUG => say!(debug),
        tracing::Level::TRACE => say!(trace),
    }
}

/// So much of the text of a guest's own error is shown to its caller and the log, in bytes.
const MAX_ERROR_TEXT: usize = 8 << 10;

/// The text of a guest's own error, as another error may show it.
pub(crate) fn error_text(text: &str) -> String {
    printable(&text.as_bytes()[..text.len().min(MAX_ERROR_TEXT)])
}

/// A line as it may stand in a log: no control characters, so that no guest forges a record or moves a cursor.
pub(crate) fn printable(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).trim_end_matches('\r').chars() {
        match c {
            '\t' => text.push(' '),
            c if c.is_control() => text.extend(c.escape_default()),
            // Bidirectional controls can make a line read as another one.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                text.extend(c.escape_default())
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_not_move_the_cursor_or_forge_a_record() {
        assert_eq!(printable(b"a\x1b[31mb\r\n"), "a\\u{1b}[31mb\\r\\n");
        assert_eq!(printable(b"ok\r"), "ok");
        assert_eq!(printable("\u{202e}abc".as_bytes()), "\\u{202e}abc");
        assert_eq!(printable(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn a_response_ends_at_its_limit() {
        let mut collected = Collected::new(4, "g".into());
        collected.take(b"1234").expect("within");
        let error = collected.take(b"5").expect_err("over");
        assert_eq!(error.reached().expect("a limit").key, "limits.response");
        assert_eq!(&collected.finish()[..], b"1234");
    }
}
