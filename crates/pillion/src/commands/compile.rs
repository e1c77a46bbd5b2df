//! `pillion compile`: a guest's code for this machine, ahead of time.

use crate::{
    flags::{Compile, Global},
    launch::read_guest,
    print,
};
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Compiles a guest and writes the artefact.
pub(crate) fn run(global: &Global, compile: &Compile) -> Result<ExitCode> {
    super::start_logs(global)?;
    let runtime = super::runtime(global, None)?;
    let shown = compile.guest.display();
    let bytes = read_guest(&compile.guest)?;
    let artefact = runtime.compile(&bytes).with_context(|| format!("`{shown}`"))?;
    let out = compile.out.clone().unwrap_or_else(|| compile.guest.with_extension("cwasm"));
    std::fs::write(&out, &artefact).with_context(|| format!("`{}` can't be written", out.display()))?;
    print::line(&format!("{}: {} bytes", out.display(), artefact.len()));
    Ok(ExitCode::SUCCESS)
}
