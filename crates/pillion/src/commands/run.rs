//! `pillion run`: a lone guest as a plain WASI program or as an app, or a native app beside an embedded sidecar.

use crate::{
    environment,
    flags::{Global, Run},
    launch::read_guest,
    manifest::{AppProtocol, Manifest, RunFlags},
};
use anyhow::{Context, Result, bail};
use pillion_api::Diagnostic;
use pillion_runtime::{GuestKind, GuestSpec, Limits, Preopen};
use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

/// The port of a lone guest where no flag names one.
const APP_PORT: u16 = 8080;
/// A plain run ends when the program does; so long is never.
const NO_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Memory of a plain run where no flag bounds it: all that a 32-bit program can have.
const PLAIN_MEMORY: u64 = 4 << 30;

/// Decides what is run, and runs it.
pub(crate) async fn run(global: &Global, run: Run) -> Result<ExitCode> {
    super::start_logs(global)?;
    if let Some(file) = &run.run_file {
        let manifest = super::manifest(file)?;
        return super::serve_to_end(global, &run.process, manifest, true).await;
    }
    for flag in run.not_yet.given() {
        crate::print::problem(&format!("warning: `{flag}` is not yet acted on"));
    }
    let flags = flags(&run)?;
    if flags.app_protocol != AppProtocol::Http {
        crate::print::problem("warning: `--app-protocol` is not yet acted on: the app is called by HTTP");
    }
    let Some(guest) = &run.guest else {
        if run.args.is_empty() && run.app_id.is_none() {
            bail!("nothing to run\nhint: give a guest, as `pillion run hello.wasm`, or a command after `--`");
        }
        let manifest = Manifest::for_command(run.args.clone(), &flags, &super::places());
        return super::serve_to_end(global, &run.process, refused(manifest)?, true).await;
    };
    let bytes = read_guest(guest)?;
    let kind = pillion_runtime::inspect(&bytes).with_context(|| format!("`{}`", guest.display()))?.kind;
    if kind == Some(GuestKind::Command) && !asks_to_serve(&run) {
        let manifest = refused(Manifest::for_file(guest, &flags, &super::places()))?;
        return plain(global, guest, bytes, &run, &manifest).await;
    }
    let manifest = refused(Manifest::for_file(guest, &flags, &super::places()))?;
    super::serve_to_end(global, &run.process, manifest, true).await
}

/// A flag that only an app has.
fn asks_to_serve(run: &Run) -> bool {
    let ports = run.app_port.is_some() || run.dapr_http_port.is_some() || run.process.metrics_port.is_some();
    let resources = !run.resources_path.is_empty() || run.config.is_some();
    let bounds = run.max_body_size.is_some() || run.app_max_concurrency.is_some();
    run.app_id.is_some() || ports || resources || bounds || !run.allow.is_empty()
}

async fn plain(global: &Global, path: &Path, bytes: Vec<u8>, run: &Run, manifest: &Manifest) -> Result<ExitCode> {
    let runtime = super::runtime(global, Some(&run.process))?;
    let shown = || format!("`{}`", path.display());
    let name = path.file_name().map_or_else(|| "guest".into(), |name| name.to_string_lossy().into_owned());
    let guest = runtime.load(&name, bytes, run.call.as_deref()).with_context(shown)?;
    let wasm = manifest.apps.first().and_then(|app| app.wasm());
    let preopens = wasm.map(|wasm| wasm.directories.as_slice()).unwrap_or_default();
    let spec = GuestSpec {
        env: environment_of(run)?,
        args: run.args.clone(),
        preopens: preopens
            .iter()
            .map(|folder| Preopen {
                host: folder.host.clone(),
                guest: folder.guest.clone(),
                read_only: folder.read_only,
                small_files: false,
            })
            .collect(),
        limits: Limits {
            timeout: run.timeout.unwrap_or(NO_TIMEOUT),
            memory: run.memory.unwrap_or(PLAIN_MEMORY),
            ..Limits::default()
        },
        ..GuestSpec::new(name, guest)
    };
    let code = runtime.run_command(spec).await.with_context(shown)?;
    // What does not fit a process's exit code is a failure all the same.
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn flags(run: &Run) -> Result<RunFlags> {
    let protocol = AppProtocol::parse(&run.app_protocol);
    Ok(RunFlags {
        app_id: run.app_id.clone(),
        app_port: run.app_port.unwrap_or(if run.guest.is_some() { APP_PORT } else { 0 }),
        app_protocol: protocol.map_err(|wrong| anyhow::anyhow!("--app-protocol: {wrong}"))?,
        dapr_http_port: run.dapr_http_port.unwrap_or(0),
        resources_paths: run.resources_path.clone(),
        config: run.config.clone(),
        max_body_size: run.max_body_size,
        app_max_concurrency: run.app_max_concurrency,
        call: run.call.clone(),
        directories: run.dir.clone(),
        env: environment_of(run)?,
        args: if run.guest.is_some() { run.args.clone() } else { Vec::new() },
        timeout: run.timeout,
        memory: run.memory,
        allow: run.allow.clone(),
    })
}

/// `--env KEY=VALUE`, and `--env KEY` for one that this process has.
fn environment_of(run: &Run) -> Result<BTreeMap<String, String>> {
    run.env
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => match environment::passed_on(pair) {
                Some(value) => Ok((pair.clone(), value)),
                None => bail!("--env {pair}: there is no such variable to pass on\nhint: write `--env {pair}=VALUE`"),
            },
        })
        .collect()
}

fn refused(manifest: Result<Manifest, Vec<Diagnostic>>) -> Result<Manifest> {
    manifest.map_err(|findings| super::report(findings).err().unwrap_or_else(|| anyhow::anyhow!("refused")))
}
