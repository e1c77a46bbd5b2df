//! The streams of calls and documents as those of the standard library: [`Read`] and [`Write`]. A failure is an
//! [`io::Error`] that holds Dapr's [`Error`](crate::Error) where there is one.
//!
//! `read` and `write` of the handles themselves are wasi:io's, which never wait; `read_exact`, `write_all`, `io::copy` and
//! whatever else the traits have wait.

use crate::bindings::service::wasi::io::streams::StreamError;
use crate::invocation;
use std::io::{self, Read, Write};

pub use crate::bindings::service::wasi::io::poll::{Pollable, poll};
pub use crate::bindings::service::wasi::io::streams::{InputStream, OutputStream};

/// Bytes of one read: what a host call may move without much ado.
const PIECE: usize = 64 << 10;

/// Waits for at least a byte; none is the end.
impl Read for InputStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.blocking_read(buffer.len().min(PIECE) as u64) {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Waits for room.
impl Write for OutputStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = self.check_write().map_err(failed)?;
        while room == 0 {
            self.subscribe().block();
            room = self.check_write().map_err(failed)?;
        }
        let most = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        OutputStream::write(self, &bytes[..most]).map_err(failed)?;
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blocking_flush().map_err(failed)
    }
}

fn failed(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it any more"),
        StreamError::LastOperationFailed(error) => match invocation::failure(&error) {
            Some(error) => io::Error::other(error),
            None => io::Error::other(error.to_debug_string()),
        },
    }
}
