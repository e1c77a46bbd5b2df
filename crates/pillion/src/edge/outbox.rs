//! What leaves by a connection: at once, or at the end of its thread's turn together with the answers of others.

use pillion_runtime::turn::{self, AtEnd};
use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};
use tokio::{io::AsyncWrite, net::tcp::OwnedWriteHalf};

/// What is longer does not wait: to copy it costs more than the client's waking up.
const SMALL: usize = 4 * 1024;

/// The half of a socket that is written to.
pub(super) struct Outbox(Mutex<Out>);

struct Out {
    stream: OwnedWriteHalf,
    /// What hyper has written and the socket not taken yet.
    held: Vec<u8>,
    /// The connection's task, for when the end of the turn could not send all.
    task: Option<Waker>,
    state: State,
}

enum State {
    /// Writes go to the socket.
    Through,
    /// The end of the turn will send what is held.
    Waiting,
    /// The socket did not take all that is held: the connection's task sends the rest.
    Stuck,
    Broken(io::Error),
}

impl Outbox {
    pub(super) fn new(stream: OwnedWriteHalf) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Out { stream, held: Vec::new(), task: None, state: State::Through })))
    }

    pub(super) fn poll_write(self: &Arc<Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut out = self.out();
        let length = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if matches!(out.state, State::Through) {
            if length > SMALL || !turn::has_turns() {
                return Pin::new(&mut out.stream).poll_write_vectored(cx, bufs);
            }
            out.hold(cx, bufs);
            out.state = State::Waiting;
            drop(out);
            turn::at_end(Arc::clone(self) as Arc<dyn AtEnd>);
            return Poll::Ready(Ok(length));
        }
        if matches!(out.state, State::Waiting) && out.held.len() + length <= SMALL {
            out.hold(cx, bufs);
            return Poll::Ready(Ok(length));
        }
        ready!(out.poll_send(cx))?;
        Pin::new(&mut out.stream).poll_write_vectored(cx, bufs)
    }

    /// None where there is nothing to do now.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Option<Poll<io::Result<()>>> {
        let mut out = self.out();
        match out.state {
            State::Through | State::Waiting => None,
            State::Stuck | State::Broken(_) => Some(out.poll_send(cx)),
        }
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out();
        ready!(out.poll_send(cx))?;
        Pin::new(&mut out.stream).poll_shutdown(cx)
    }

    /// Sends what is held, and says that no more comes.
    pub(super) async fn close(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shutdown(cx)).await
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn hold(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) {
        bufs.iter().for_each(|buf| self.held.extend_from_slice(buf));
        match &mut self.task {
            Some(task) => task.clone_from(cx.waker()),
            task => *task = Some(cx.waker().clone()),
        }
    }

    /// Sends all that is held.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Broken(error) = &self.state {
            return Poll::Ready(Err(error.kind().into()));
        }
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held))?;
            self.held.drain(..sent);
        }
        self.state = State::Through;
        Poll::Ready(Ok(()))
    }

    /// Sends what the socket takes now.
    fn send(&mut self) {
        match self.stream.try_write(&self.held) {
            Ok(sent) if sent == self.held.len() => {
                self.held.clear();
                self.state = State::Through;
                return;
            }
            Ok(sent) => {
                self.held.drain(..sent);
                self.state = State::Stuck;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.state = State::Stuck,
            Err(error) => self.state = State::Broken(error),
        }
        self.task.iter().for_each(Waker::wake_by_ref);
    }
}

impl AtEnd for Outbox {
    fn run(&self) {
        let mut out = self.out();
        if matches!(out.state, State::Waiting) {
            out.send();
        }
    }
}
