//! Bytes that a guest of WASI 0.3 writes into a stream, read to the stream's end within `limits.hostBuffers`.

use super::asking::Held;
use crate::call::Call;
use crate::instance::Host;
use futures_channel::oneshot;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime::component::{Accessor, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// Reads a stream to its end; what it held counts until the answer is dropped.
///
/// # Errors
/// The guest ends where the host would hold too much for it.
pub(super) async fn collect(
    task: &Accessor<Host>,
    call: &Arc<Call>,
    stream: StreamReader<u8>,
) -> wasmtime::Result<Collected> {
    let (sender, collected) = oneshot::channel();
    let read = Collected { bytes: Vec::new(), held: Held::new(call, 0)? };
    let collector = Collector { read: Some(read), sender: Some(sender) };
    task.with(|mut access| stream.pipe(access.as_context_mut(), collector))?;
    // A store that is dropped takes the task with it.
    collected.await.map_err(|_| wasmtime::format_err!("the stream ended with its instance"))
}

/// What was read.
pub(super) struct Collected {
    pub(super) bytes: Vec<u8>,
    held: Held,
}

/// The reading end of a stream. Its drop is the stream's end.
struct Collector {
    read: Option<Collected>,
    sender: Option<oneshot::Sender<Collected>>,
}

impl StreamConsumer<Host> for Collector {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<Host>,
        source: Source<'_, u8>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let count = source.remaining().len();
        if let Some(read) = &mut self.read {
            read.held.grow(count)?;
            read.bytes.extend_from_slice(source.remaining());
        }
        source.mark_read(count);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let (Some(sender), Some(read)) = (self.sender.take(), self.read.take()) {
            // Nobody waits where the call is over.
            let _ = sender.send(read);
        }
    }
}
