//! `pillion up`: every app of a run file in this process.

use crate::flags::{Global, Up};
use anyhow::Result;
use std::process::ExitCode;

/// Starts all apps and serves them until something ends the process.
pub(crate) async fn run(global: &Global, up: Up) -> Result<ExitCode> {
    super::start_logs(global)?;
    let manifest = super::manifest(up.file.path())?;
    super::serve_to_end(global, &up.process, manifest, true).await
}
