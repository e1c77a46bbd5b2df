//! wasi:io's streams and polls. Reads and writes of the quick bodies are answered here, the rest in the stock table.

use super::{HasQuick, QuickView, is_quick};
use crate::instance::Host;
use futures_util::FutureExt;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::bindings::io::streams::{self, HostInputStream, HostOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

/// The most that one blocking write takes, by wasi:io.
const MAX_BLOCKING_WRITE: u64 = 4096;

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    streams::add_to_linker::<Host, HasQuick>(linker, |host| QuickView(host))?;
    poll::add_to_linker::<Host, HasQuick>(linker, |host| QuickView(host))
}

impl poll::Host for QuickView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        // What is ready at once is no wait: the answer may still become whole.
        let again = pollables.iter().map(|pollable| Resource::new_borrow(pollable.rep())).collect();
        if let Some(ready) = self.table().poll(pollables).now_or_never() {
            return ready;
        }
        self.hand_over();
        self.table().poll(again).await
    }
}

impl poll::HostPollable for QuickView<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.table().ready(pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        if !self.table().ready(Resource::new_borrow(pollable.rep())).await? {
            self.hand_over();
            self.table().block(pollable).await?;
        }
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::drop(self.table(), pollable)
    }
}

impl streams::Host for QuickView<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        self.table().convert_stream_error(error)
    }
}

impl HostInputStream for QuickView<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, size: u64) -> StreamResult<Vec<u8>> {
        match self.stock_reader(&stream) {
            Some(stream) => HostInputStream::read(self.table(), stream, size),
            None => Ok(self.read_quick(size)?.into()),
        }
    }

    async fn blocking_read(&mut self, stream: Resource<DynInputStream>, size: u64) -> StreamResult<Vec<u8>> {
        match self.stock_reader(&stream) {
            Some(stream) => {
                self.hand_over();
                HostInputStream::blocking_read(self.table(), stream, size).await
            }
            None => Ok(self.blocking_read_quick(size).await?.into()),
        }
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, size: u64) -> StreamResult<u64> {
        match self.stock_reader(&stream) {
            Some(stream) => HostInputStream::skip(self.table(), stream, size),
            None => Ok(self.read_quick(size)?.len() as u64),
        }
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, size: u64) -> StreamResult<u64> {
        match self.stock_reader(&stream) {
            Some(stream) => {
                self.hand_over();
                HostInputStream::blocking_skip(self.table(), stream, size).await
            }
            None => Ok(self.blocking_read_quick(size).await?.len() as u64),
        }
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        let stream = self.make_stock_reader(&stream)?;
        HostInputStream::subscribe(self.table(), stream)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        if !is_quick(&stream) {
            return HostInputStream::drop(self.table(), stream).await;
        }
        if let Some(mut stream) = self.drop_reader()? {
            stream.cancel().await;
        }
        Ok(())
    }
}

impl QuickView<'_> {
    /// Moves what comes next of the request's body into the answer's, which may be too much for the quick way.
    async fn splice_quick(&mut self, to: &Resource<DynOutputStream>, size: u64) -> StreamResult<u64> {
        let size = size.min(self.check_quick()?);
        if size == 0 {
            return Ok(0);
        }
        let bytes = self.blocking_read_quick(size).await?;
        let length = bytes.len() as u64;
        if self.stock_writer(to).is_none() && self.has_room(bytes.len()) {
            self.write_quick(to, &bytes)?;
        } else {
            let to = self.make_stock_writer(to).map_err(StreamError::Trap)?;
            self.table().get_mut(&to)?.blocking_write_and_flush(bytes).await?;
        }
        Ok(length)
    }
}

impl HostOutputStream for QuickView<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        match self.stock_writer(&stream) {
            Some(stream) => HostOutputStream::check_write(self.table(), stream),
            None => self.check_quick(),
        }
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        match self.stock_writer(&stream) {
            Some(stream) => HostOutputStream::write(self.table(), stream, bytes),
            None => self.write_quick(&stream, &bytes),
        }
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        let is_quick = self.stock_writer(&stream).is_none();
        if is_quick && bytes.len() as u64 <= MAX_BLOCKING_WRITE && self.has_room(bytes.len()) {
            return self.write_quick(&stream, &bytes);
        }
        let stream = self.make_stock_writer(&stream).map_err(StreamError::Trap)?;
        HostOutputStream::blocking_write_and_flush(self.table(), stream, bytes).await
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, size: u64) -> StreamResult<()> {
        let stream = self.make_stock_writer(&stream).map_err(StreamError::Trap)?;
        HostOutputStream::write_zeroes(self.table(), stream, size)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        size: u64,
    ) -> StreamResult<()> {
        let stream = self.make_stock_writer(&stream).map_err(StreamError::Trap)?;
        HostOutputStream::blocking_write_zeroes_and_flush(self.table(), stream, size).await
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        match self.stock_writer(&stream) {
            Some(stream) => HostOutputStream::flush(self.table(), stream),
            None => self.check_quick().map(drop),
        }
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        match self.stock_writer(&stream) {
            Some(stream) => {
                self.hand_over();
                HostOutputStream::blocking_flush(self.table(), stream).await
            }
            None => self.check_quick().map(drop),
        }
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        self.watch_writer(&stream)
    }

    fn splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        size: u64,
    ) -> StreamResult<u64> {
        let to = self.make_stock_writer(&to).map_err(StreamError::Trap)?;
        let from = self.make_stock_reader(&from).map_err(StreamError::Trap)?;
        self.table().splice(to, from, size)
    }

    async fn blocking_splice(
        &mut self,
        to: Resource<DynOutputStream>,
        from: Resource<DynInputStream>,
        size: u64,
    ) -> StreamResult<u64> {
        if self.stock_writer(&to).is_none() && self.stock_reader(&from).is_none() {
            return self.splice_quick(&to, size).await;
        }
        let to = self.make_stock_writer(&to).map_err(StreamError::Trap)?;
        let from = self.make_stock_reader(&from).map_err(StreamError::Trap)?;
        self.table().blocking_splice(to, from, size).await
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        if !is_quick(&stream) {
            return HostOutputStream::drop(self.table(), stream).await;
        }
        if let Some(mut stream) = self.drop_writer()? {
            stream.cancel().await;
        }
        Ok(())
    }
}
