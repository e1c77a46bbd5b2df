//! A question whose bodies stream both ways: what the guest writes, what it reads, and the task between the two, which ends
//! with the guest's deadline, or with the handles.

use super::Answer;
use crate::host::http::QuickView;
use crate::instance::Host;
use crate::limits::key;
use crate::threads::Task;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error, Sidecar, body, scope};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

/// Questions of one instance whose bodies stream, at a time: each holds a piece each way.
const MAX_AT_A_TIME: usize = 100;
/// Bytes that a guest may write at once.
const PIECE: usize = 64 << 10;
/// Pieces that wait between two sides: who writes is as fast as who reads.
const WAITING: usize = 1;

/// A piece of what comes; none is its end.
type Piece = Result<Option<Bytes>, Error>;

/// A question on its way; `H` is what comes before the answer's body.
pub(super) struct Duplex<H> {
    upload: Arc<Upload>,
    writer: Option<Writer>,
    head: Head<H>,
    download: Option<Reader>,
}

enum Head<H> {
    Waiting(oneshot::Receiver<Result<H, Error>>),
    Come(Result<H, Error>),
    Taken,
}

/// The task of a question, which ends when nobody has a handle any more, and its place among those of the instance.
struct Running {
    _task: Task<()>,
    _place: Arc<()>,
}

impl Host {
    /// Begins a question that counts.
    pub(super) fn begin<H, F>(
        &mut self,
        has_input: bool,
        ask: impl FnOnce(Arc<dyn Sidecar>, Body) -> F,
    ) -> Answer<Resource<Duplex<H>>>
    where
        H: Send + 'static,
        F: Future<Output = Result<(H, Body), Error>> + Send + 'static,
    {
        let place = self.place()?;
        let sidecar = self.sidecar()?;
        let limit = self.call.hosted.limits().outgoing_body;
        let over = self.over("bytes in a body", key::OUTGOING_BODY, limit);
        let (upload, input) = Upload::new(has_input, limit, over.clone());
        let (head, coming) = oneshot::channel();
        let (pieces, reading) = mpsc::channel(WAITING);
        let (stays, deadline) = (sidecar.is_in_process(), self.call.deadline);
        let work = scope::within_current(exchange(ask(sidecar, input), head, Download { pieces, limit, over }));
        let work = async move { tokio::time::timeout_at(deadline.into(), work).await.unwrap_or_default() };
        let task = if stays { tokio::spawn(work) } else { self.call.edge.spawn(work) };
        let running = Arc::new(Running { _task: Task::of(task), _place: place });
        let duplex = Duplex {
            writer: has_input.then(|| Writer(Arc::clone(&upload))),
            upload,
            head: Head::Waiting(coming),
            download: Some(Reader { pieces: reading, rest: Rest::Bytes(Bytes::new()), _running: running }),
        };
        Ok(self.table().push(duplex)?)
    }

    fn place(&mut self) -> Answer<Arc<()>> {
        let places = self.held.streaming.get_or_insert_default();
        if Arc::strong_count(places) <= MAX_AT_A_TIME {
            return Ok(Arc::clone(places));
        }
        let name = &self.call.hosted.name;
        let message = format!("guest `{name}` has {MAX_AT_A_TIME} calls open whose bodies stream, which is the limit");
        Err(Error::new(Code::GuestLimit, message).hint("read the answers to their end, or drop the calls").into())
    }

    /// What the guest writes to; once.
    pub(super) fn input<H: Send + 'static>(
        &mut self,
        duplex: &Resource<Duplex<H>>,
    ) -> wasmtime::Result<Option<Resource<DynOutputStream>>> {
        let Some(writer) = self.table().get_mut(duplex)?.writer.take() else { return Ok(None) };
        let stream: DynOutputStream = Box::new(writer);
        Ok(Some(self.table().push(stream)?))
    }

    pub(super) fn finish_input<H: Send + 'static>(&mut self, duplex: &Resource<Duplex<H>>) -> Answer<()> {
        match self.table().get(duplex)?.upload.finish() {
            true => Ok(()),
            false => {
                Err(Error::new(Code::BadRequest, "what was written has ended already, or went over its limit").into())
            }
        }
    }

    pub(super) fn watch<H: Send + 'static>(
        &mut self,
        duplex: &Resource<Duplex<H>>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        wasmtime_wasi::p2::subscribe(self.table(), Resource::<Duplex<H>>::new_borrow(duplex.rep()))
    }

    /// Waits for the head of the answer; once.
    pub(super) async fn output<H: Send + 'static>(
        &mut self,
        duplex: &Resource<Duplex<H>>,
    ) -> Answer<(H, Resource<DynInputStream>)> {
        QuickView(self).hand_over();
        let duplex = self.table().get_mut(duplex)?;
        duplex.ready().await;
        let (head, reader) = match (std::mem::replace(&mut duplex.head, Head::Taken), duplex.download.take()) {
            (Head::Come(head), Some(reader)) => (head?, reader),
            _ => return Err(Error::new(Code::BadRequest, "the answer was taken already").into()),
        };
        let stream: DynInputStream = Box::new(reader);
        Ok((head, self.table().push(stream)?))
    }

    pub(super) fn end<H: Send + 'static>(&mut self, duplex: Resource<Duplex<H>>) -> wasmtime::Result<()> {
        self.table().delete(duplex)?.upload.break_off();
        Ok(())
    }
}

#[wasmtime_wasi::async_trait]
impl<H: Send + 'static> Pollable for Duplex<H> {
    async fn ready(&mut self) {
        if let Head::Waiting(coming) = &mut self.head {
            self.head = Head::Come(coming.await.unwrap_or_else(|_| Err(broken("the call"))));
        }
    }
}

fn broken(what: &str) -> Error {
    Error::new(Code::BodyRead, format!("{what} broke off before its end"))
}

/// Asks, and hands on what comes until it ends or nobody reads it.
async fn exchange<H>(
    asked: impl Future<Output = Result<(H, Body), Error>>,
    head: oneshot::Sender<Result<H, Error>>,
    download: Download,
) {
    let (came, body) = match asked.await {
        Ok((head, body)) => (Ok(head), Some(body)),
        Err(error) => (Err(error), None),
    };
    if let (Ok(()), Some(body)) = (head.send(came), body) {
        download.pump(body).await;
    }
}

/// The host's end of what the guest reads.
struct Download {
    pieces: mpsc::Sender<Piece>,
    limit: u64,
    over: Error,
}

impl Download {
    async fn pump(self, body: Body) {
        let end = tokio::select! {
            () = self.pieces.closed() => return,
            end = self.hand_on(body) => end,
        };
        // Whoever went away needs no end.
        let _ = self.pieces.send(end.map(|()| None)).await;
    }

    async fn hand_on(&self, mut body: Body) -> Result<(), Error> {
        let mut left = self.limit;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            left = left.checked_sub(data.len() as u64).ok_or_else(|| self.over.clone())?;
            if !data.is_empty() && self.pieces.send(Ok(Some(data))).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// The guest's end of what it reads.
struct Reader {
    pieces: mpsc::Receiver<Piece>,
    rest: Rest,
    _running: Arc<Running>,
}

enum Rest {
    Bytes(Bytes),
    Failed(Error),
    Ended,
}

impl Reader {
    fn take(&mut self, piece: Option<Piece>) {
        self.rest = match piece {
            Some(Ok(Some(bytes))) => Rest::Bytes(bytes),
            Some(Ok(None)) => Rest::Ended,
            Some(Err(error)) => Rest::Failed(error),
            None => Rest::Failed(broken("the answer")),
        };
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        while matches!(&self.rest, Rest::Bytes(bytes) if bytes.is_empty()) {
            let piece = self.pieces.recv().await;
            self.take(piece);
        }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        loop {
            match &mut self.rest {
                Rest::Bytes(bytes) if !bytes.is_empty() => return Ok(bytes.split_to(size.min(bytes.len()))),
                Rest::Bytes(_) => match self.pieces.try_recv() {
                    Ok(piece) => self.take(Some(piece)),
                    Err(mpsc::error::TryRecvError::Empty) => return Ok(Bytes::new()),
                    Err(mpsc::error::TryRecvError::Disconnected) => self.take(None),
                },
                Rest::Failed(error) => {
                    let failed = StreamError::LastOperationFailed(error.clone().into());
                    self.rest = Rest::Ended;
                    return Err(failed);
                }
                Rest::Ended => return Err(StreamError::Closed),
            }
        }
    }
}

/// What the guest writes, as it and its call see it.
struct Upload {
    /// None once it has ended, one way or the other.
    pieces: Mutex<Option<mpsc::Sender<Bytes>>>,
    is_whole: AtomicBool,
    left: AtomicU64,
    over: Error,
}

impl Upload {
    fn new(has_input: bool, limit: u64, over: Error) -> (Arc<Self>, Body) {
        let (pieces, written) = mpsc::channel(WAITING);
        let upload = Arc::new(Self {
            pieces: Mutex::new(has_input.then_some(pieces)),
            is_whole: AtomicBool::new(!has_input),
            left: AtomicU64::new(limit),
            over,
        });
        let body = match has_input {
            true => Written { pieces: written, upload: Arc::clone(&upload), is_told: false }.boxed_unsync(),
            false => body::empty(),
        };
        (upload, body)
    }

    fn pieces(&self) -> MutexGuard<'_, Option<mpsc::Sender<Bytes>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn break_off(&self) {
        self.pieces().take();
    }

    /// Whether this is what ended it.
    fn finish(&self) -> bool {
        let mut pieces = self.pieces();
        // Said before the other side can see that there is no more.
        self.is_whole.fetch_or(pieces.is_some(), Ordering::Release);
        pieces.take().is_some()
    }

    /// Counts bytes against the limit.
    fn has_room(&self, bytes: u64) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// The guest's end of what it writes.
struct Writer(Arc<Upload>);

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        let pieces = self.0.pieces().clone();
        if let Some(pieces) = pieces {
            // Room, or nobody who reads: both are worth a look.
            let _ = pieces.reserve().await;
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PIECE {
            return Err(StreamError::trap("write exceeded budget"));
        }
        let Some(pieces) = self.0.pieces().clone() else { return Err(StreamError::Closed) };
        if !self.0.has_room(bytes.len() as u64) {
            self.0.break_off();
            return Err(StreamError::LastOperationFailed(self.0.over.clone().into()));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        pieces.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StreamError::trap("write exceeded budget"),
            mpsc::error::TrySendError::Closed(_) => StreamError::Closed,
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match &*self.0.pieces() {
            Some(pieces) if !pieces.is_closed() => Ok(if pieces.capacity() == 0 { 0 } else { PIECE }),
            _ => Err(StreamError::Closed),
        }
    }
}

/// What the guest writes, as it goes out: an end that was not said is an error, so that nobody takes a part for the whole.
struct Written {
    pieces: mpsc::Receiver<Bytes>,
    upload: Arc<Upload>,
    is_told: bool,
}

impl http_body::Body for Written {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = ready!(self.pieces.poll_recv(context));
        Poll::Ready(match piece {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if self.upload.is_whole.load(Ordering::Acquire) || self.is_told => None,
            None => {
                self.is_told = true;
                Some(Err(broken("what the guest writes")))
            }
        })
    }
}
