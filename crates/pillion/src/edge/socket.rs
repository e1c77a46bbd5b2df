//! A connection's bytes, with the deadlines that only the socket can keep.

use super::{
    EdgeLimits,
    head::{Fault, Heads},
    outbox::Outbox,
};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    net::{TcpStream, tcp::OwnedReadHalf},
    time::{Instant, Sleep, sleep_until},
};

/// A request head is read in pieces of at most this many bytes.
const HEAD_PIECE: usize = 4 * 1024;
/// What is still read of a refused client, so that it sees the answer instead of a reset.
const LINGER_BYTES: usize = 64 << 20;
/// How long that takes at most.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// What socket, connection and requests tell each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Requests whose answer is not wholly handed over.
    pub(super) in_flight: AtomicUsize,
    /// Set each time an answer is wholly handed over: the wait for the next head begins then.
    pub(super) answered: AtomicBool,
    /// Set where the client may still be sending when the connection ends.
    pub(super) linger: AtomicBool,
    two_framings: AtomicBool,
    bare_line_feed: AtomicBool,
}

impl Shared {
    /// Why the head that was just parsed is refused.
    pub(super) fn head_fault(&self) -> Option<Fault> {
        if self.two_framings.load(Ordering::Relaxed) {
            return Some(Fault::TwoFramings);
        }
        self.bare_line_feed.load(Ordering::Relaxed).then_some(Fault::BareLineFeed)
    }

    fn note(&self, fault: Fault) {
        match fault {
            Fault::TwoFramings => self.two_framings.store(true, Ordering::Relaxed),
            Fault::BareLineFeed => self.bare_line_feed.store(true, Ordering::Relaxed),
        }
    }
}

/// The socket as hyper reads and writes it.
pub(super) struct Socket {
    stream: TokioIo<OwnedReadHalf>,
    outbox: Arc<Outbox>,
    /// Bytes that were read to tell the protocol, not yet given to hyper.
    first: Vec<u8>,
    shared: Arc<Shared>,
    /// None for HTTP/2, whose idleness the connection watches.
    heads: Option<HeadWatch>,
    write_idle: Duration,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

/// The wait for a head: for its first byte, then for its end.
struct HeadWatch {
    heads: Heads,
    header_read: Duration,
    keep_alive_idle: Duration,
    deadline: Pin<Box<Sleep>>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    Idle,
    Inside,
}

impl Socket {
    pub(super) fn http1(
        stream: TcpStream,
        first: Vec<u8>,
        opened: Instant,
        limits: &EdgeLimits,
        shared: Arc<Shared>,
    ) -> Self {
        let heads = HeadWatch {
            heads: Heads::new(),
            header_read: limits.header_read,
            keep_alive_idle: limits.keep_alive_idle,
            deadline: Box::pin(sleep_until(opened + limits.header_read)),
            phase: Phase::Inside,
        };
        Self { heads: Some(heads), ..Self::http2(stream, first, limits, shared) }
    }

    pub(super) fn http2(stream: TcpStream, first: Vec<u8>, limits: &EdgeLimits, shared: Arc<Shared>) -> Self {
        let (stream, out) = stream.into_split();
        let (stream, outbox) = (TokioIo::new(stream), Outbox::new(out));
        Self { stream, outbox, first, shared, heads: None, write_idle: limits.write_idle, write_deadline: None }
    }

    /// Ends the connection so that the client sees the last answer: unread bytes at a close would reset it.
    pub(super) async fn close(self) {
        let mut stream = self.stream.into_inner();
        let ended = tokio::time::timeout(self.write_idle, self.outbox.close()).await;
        if !matches!(ended, Ok(Ok(()))) || !self.shared.linger.load(Ordering::Relaxed) {
            return;
        }
        let drain = async {
            let (mut buffer, mut seen) = ([0; HEAD_PIECE], 0);
            while seen < LINGER_BYTES {
                match stream.read(&mut buffer).await {
                    Ok(count) if count > 0 => seen += count,
                    _ => return,
                }
            }
        };
        let _ = tokio::time::timeout(LINGER_TIME, drain).await;
    }

    /// Reads between requests, through the eyes of `heads`.
    fn poll_read_head(&mut self, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let Some(watch) = &mut self.heads else { return Pin::new(&mut self.stream).poll_read(cx, buf) };
        self.shared.answered.store(false, Ordering::Relaxed);
        watch.enter_wait();
        let mut piece = [0; HEAD_PIECE];
        let mut piece = ReadBuf::new(&mut piece[..HEAD_PIECE.min(buf.remaining())]);
        if self.first.is_empty() {
            match Pin::new(self.stream.inner_mut()).poll_read(cx, &mut piece) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    ready!(watch.deadline.as_mut().poll(cx));
                    return Poll::Ready(Err(timed_out("no whole request head in time")));
                }
            }
        } else {
            let count = piece.remaining().min(self.first.len());
            piece.put_slice(&self.first[..count]);
            self.first.drain(..count);
        }
        watch.seen(piece.filled());
        if let Some(fault) = watch.heads.fault() {
            self.shared.note(fault);
        }
        buf.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl HeadWatch {
    /// The first read after an answer begins the wait for the next head.
    fn enter_wait(&mut self) {
        if self.phase == Phase::Serving {
            self.heads.leave_body();
            self.wait(Phase::Idle, self.keep_alive_idle);
        }
    }

    fn seen(&mut self, bytes: &[u8]) {
        self.heads.feed(bytes);
        if self.phase == Phase::Idle && self.heads.is_inside() {
            self.wait(Phase::Inside, self.header_read);
        }
    }

    fn wait(&mut self, phase: Phase, at_most: Duration) {
        self.phase = phase;
        self.deadline.as_mut().reset(Instant::now() + at_most);
    }
}

impl Read for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.heads.is_some() && this.shared.in_flight.load(Ordering::Acquire) == 0 {
            return this.poll_read_head(cx, buf);
        }
        if !this.first.is_empty() {
            let count = buf.remaining().min(this.first.len());
            buf.put_slice(&this.first[..count]);
            this.first.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let Some(watch) = &mut this.heads else { return Pin::new(&mut this.stream).poll_read(cx, buf) };
        watch.phase = Phase::Serving;
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        watch.heads.restart();
        Poll::Ready(Ok(()))
    }
}

impl Socket {
    /// A write that doesn't get on is given so long, counted from the last one that did.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.write_deadline = None;
            // hyper may hold the end of an answer long after it took it: who still reads is not idle.
            if let Some(watch) = self.heads.as_mut().filter(|watch| watch.phase == Phase::Idle) {
                watch.wait(Phase::Idle, watch.keep_alive_idle);
            }
            return poll;
        }
        let write_idle = self.write_idle;
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + write_idle)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(timed_out("the client takes nothing of what is written")))
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = this.outbox.poll_write(cx, bufs);
        this.bounded(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.outbox.poll_flush(cx) {
            // Nothing was written, and nothing is stuck: the deadlines stay as they are.
            None => Poll::Ready(Ok(())),
            Some(poll) => this.bounded(cx, poll),
        }
    }

    /// For HTTP/1 this is only the end of writing: [`Socket::close`] ends the connection, with what is still read of it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.heads.is_some() {
            return self.poll_flush(cx);
        }
        self.get_mut().outbox.poll_shutdown(cx)
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}
