//! WebAssembly that Dapr components name: what runs it is not known to the sidecar, and what named it not to the runtime.

use crate::{Middleware, Result};
use async_trait::async_trait;
use bytes::Bytes;
use std::{path::PathBuf, sync::Arc};

/// A file of WebAssembly.
#[derive(Clone, Debug)]
pub struct Program {
    /// What logs and errors call it.
    pub name: String,
    /// The file.
    pub bytes: Bytes,
    /// Where it lies, if it is a file of this machine: code that left memory may be read again.
    pub source: Option<PathBuf>,
    /// Whether clocks and random numbers are made up, so that nothing can be measured: Dapr's strict sandbox.
    pub strict: bool,
}

/// Runs programs, each call in an instance of its own under the limits of a guest.
#[async_trait]
pub trait Programs: Send + Sync {
    /// Loads a handler of the http-wasm ABI, to which `config` is given.
    async fn middleware(&self, program: Program, config: Bytes) -> Result<Arc<dyn Middleware>>;

    /// Loads a WASI command.
    async fn command(&self, program: Program) -> Result<Arc<dyn Command>>;
}

/// A loaded command.
#[async_trait]
pub trait Command: Send + Sync {
    /// Runs it to its end: `input` is its stdin, the answer its stdout. An exit code other than 0 is an error.
    async fn run(&self, args: Vec<String>, input: Bytes) -> Result<Bytes>;
}
