//! One file a verb, and what they share: the runtime, the manifest, and how findings are shown.

mod ask;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod dev;
pub(crate) mod inspect;
pub(crate) mod invoke;
pub(crate) mod k8s;
pub(crate) mod new;
pub(crate) mod publish;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod test;
pub(crate) mod up;

use crate::{
    environment::{self, Announced},
    flags::{Dapr, Global, Process},
    launch::{Changes, Plan, Settings, Work, actors, models::Store, run_until_ended},
    manifest::{FILE_NAME, Manifest, Places},
    print,
    telemetry::{logging, otlp, traces::Traces},
};
use anyhow::{Context, Result, bail};
use pillion_api::{Diagnostic, diagnostic::Severity};
use pillion_runtime::{Options, Runtime};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// The share of calls whose spans are exported where the caller did not decide.
const SAMPLED: f64 = 1.0;

/// A failure as the user reads it: `error:` and, where one is known, `hint:`.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    // Findings come with their own words.
    if text.starts_with("error: ") || text.starts_with("warning: ") {
        return text;
    }
    let hint = error.chain().find_map(|cause| cause.downcast_ref::<pillion_api::Error>()?.help());
    match hint {
        Some(hint) => format!("error: {text}\nhint: {hint}"),
        None => format!("error: {text}"),
    }
}

/// Shows findings, warnings first, and fails where one of them is an error.
pub(crate) fn report(mut findings: Vec<Diagnostic>) -> Result<()> {
    findings.sort_by_key(|found| found.severity);
    let errors = findings.iter().filter(|found| found.severity == Severity::Error).count();
    for found in &findings {
        print::problem(&found.to_string());
    }
    match errors {
        0 => Ok(()),
        1 => bail!("1 problem found"),
        n => bail!("{n} problems found"),
    }
}

/// Folders that are looked into for a run file, from here upwards.
const MAX_LEVELS: usize = 8;

/// The run file of this folder or of the nearest one above: `dapr run -f` starts an app in its own folder, which is often
/// one below the file.
pub(crate) fn nearest_file() -> Result<PathBuf> {
    let here = std::env::current_dir().context("there is no working directory")?;
    nearest_above(&here).with_context(|| {
        format!("there is no `{FILE_NAME}` in `{}` or above\nhint: name it with `--run-file`", here.display())
    })
}

/// The run file of a folder or of the nearest one above it.
pub(crate) fn nearest_above(folder: &Path) -> Option<PathBuf> {
    let whole = folder.canonicalize().ok()?;
    whole.ancestors().take(MAX_LEVELS).map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file())
}

/// Reads a run file; its warnings are shown.
pub(crate) fn manifest(path: &Path) -> Result<Manifest> {
    read_manifest(path, &places())
}

/// The same where only one app's files need be there, as in an image of that app.
pub(crate) fn manifest_of(path: &Path, app_id: Option<&str>) -> Result<Manifest> {
    read_manifest(path, &Places { only: app_id.map(str::to_owned), ..places() })
}

/// The same where guests that say how they are built need not be there.
pub(crate) fn unbuilt_manifest(path: &Path) -> Result<Manifest> {
    read_manifest(path, &Places { unbuilt: true, ..places() })
}

fn read_manifest(path: &Path, places: &Places) -> Result<Manifest> {
    match Manifest::load(path, places) {
        Ok((manifest, warnings)) => {
            report(warnings)?;
            Ok(manifest)
        }
        Err(findings) => Err(report(findings).err().unwrap_or_else(|| anyhow::anyhow!("the manifest is refused"))),
    }
}

/// The user's own folders.
pub(crate) fn places() -> Places {
    Places { home: environment::home(), runtime: environment::dapr_runtime_path(), ..Places::default() }
}

/// The folder of compiled code and models.
pub(crate) fn cache_dir(global: &Global) -> Option<PathBuf> {
    global.cache_dir.clone().or_else(environment::cache_dir)
}

/// A runtime with its cache.
pub(crate) fn runtime(global: &Global, process: Option<&Process>) -> Result<Runtime> {
    runtime_with(global, process, 0)
}

/// The same with room for the actors of a run file.
pub(crate) fn runtime_for(global: &Global, process: &Process, manifest: &Manifest) -> Result<Runtime> {
    runtime_with(global, Some(process), actors::instances(manifest))
}

fn runtime_with(global: &Global, process: Option<&Process>, actors: u32) -> Result<Runtime> {
    let defaults = Options::default();
    let options = Options {
        cache_dir: cache_dir(global).map(|cache| cache.join("code")),
        guest_threads: process.and_then(|process| process.guest_threads).unwrap_or(defaults.guest_threads),
        // Who was woken by daprd's first request of several would else interrupt it before it sends the next.
        gives_way: process.is_some() && environment::daprd_is_announced(),
        max_instances: defaults.max_instances.saturating_add(actors),
        memory_budget: process.map_or(defaults.memory_budget, |process| process.memory_budget),
        ..defaults
    };
    Ok(Runtime::new(options)?)
}

/// Loads everything that a manifest names.
pub(crate) async fn plan(global: &Global, runtime: &Runtime, manifest: Manifest) -> Result<Plan> {
    let models = Store::new(&cache_dir(global).unwrap_or_else(std::env::temp_dir));
    match Plan::make(manifest, &Work { runtime, models: &models }).await {
        Ok((plan, warnings)) => {
            report(warnings)?;
            Ok(plan)
        }
        Err(findings) => Err(report(findings).err().unwrap_or_else(|| anyhow::anyhow!("the plan is refused"))),
    }
}

/// Starts logs.
pub(crate) fn start_logs(global: &Global) -> Result<()> {
    logging::start(&global.log_level, global.log_as_json).context("the log can't be started")
}

/// Starts a manifest and serves it to its end.
pub(crate) async fn serve_to_end(
    global: &Global,
    process: &Process,
    manifest: Manifest,
    links: bool,
) -> Result<ExitCode> {
    let runtime = runtime_for(global, process, &manifest)?;
    serve_changing(global, process, runtime, manifest, links, None).await
}

/// The same on a runtime that is there, while something may change the guests.
pub(crate) async fn serve_changing(
    global: &Global,
    process: &Process,
    runtime: Runtime,
    mut manifest: Manifest,
    links: bool,
    changes: Option<Changes>,
) -> Result<ExitCode> {
    let daprd = choose_sidecar(process.dapr, manifest.apps.len())?;
    if daprd.is_some() {
        // The file's port is the real daprd's.
        manifest.apps.iter_mut().for_each(|app| app.dapr_http_port = 0);
    }
    let plan = plan(global, &runtime, manifest).await?;
    actors::check_hosted(&plan.manifest, daprd.as_ref())?;
    let traces = traces()?;
    if let Some(spans) = traces.of_guests() {
        runtime.export_spans(spans);
    }
    let settings = Settings {
        address: process.listen_address,
        metrics_port: process.metrics_port,
        grace: Duration::from_secs(process.dapr_graceful_shutdown_seconds),
        traces,
        links,
        // `serve` is what stands behind a daprd; what the other verbs start does where one announced itself.
        behind_daprd: !links || daprd.is_some() || environment::daprd_is_announced(),
        changes,
        daprd,
    };
    let good = run_until_ended(plan, runtime, settings).await?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who answers building-block calls, said in the log; none is this process.
fn choose_sidecar(asked: Dapr, apps: usize) -> Result<Option<Announced>> {
    let found = environment::daprd_is_announced();
    match asked {
        Dapr::Embedded => {
            tracing::info!(daprd_announced = found, "`--dapr embedded`: building blocks are answered in this process");
            Ok(None)
        }
        Dapr::Auto if !found => {
            tracing::info!("no daprd is announced: building blocks are answered in this process");
            Ok(None)
        }
        Dapr::Sidecar if apps > 1 => bail!(
            "`--dapr sidecar`: a daprd is the sidecar of one app, and the file has {apps}\nhint: start each with `pillion serve --app-id ID` beside its own daprd, as `dapr run -f` does"
        ),
        Dapr::Auto if apps > 1 => {
            tracing::warn!(
                "a daprd is announced, but it is the sidecar of one app and the file has {apps}: building blocks are answered in this process"
            );
            Ok(None)
        }
        Dapr::Auto | Dapr::Sidecar => {
            let daprd = environment::daprd();
            let Announced { grpc, grpc_from, http, http_from, .. } = &daprd;
            tracing::info!(grpc, grpc_from, http, http_from, "building blocks are answered by a real daprd");
            Ok(Some(daprd))
        }
    }
}

fn traces() -> Result<Traces> {
    let Some(endpoint) = environment::otlp_endpoint() else { return Ok(Traces::off()) };
    let settings = otlp::OtlpSettings {
        endpoint,
        headers: environment::otlp_headers(),
        service_name: environment::otlp_service_name(),
    };
    let exporter = otlp::Exporter::new(&settings).context("traces can't be exported")?;
    Ok(Traces::new(exporter, SAMPLED))
}
