//! The guests of one app: their code, models fetched and packed, folders and environment laid out.

use super::{code::Loaded, plan::Work};
use crate::manifest::{App, Directory, FileSource, Guest, Limits as Given, Model, WasmApp};
use anyhow::{Context, Result};
use pillion_api::Diagnostic;
use pillion_runtime::{GuestSpec, Limits, Preopen};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The largest file of labels.
const MAX_LABELS: usize = 16 << 20;

/// Lays out every guest of an app; what couldn't be loaded is a finding. `loaded` has the code of its guests in their
/// order.
pub(crate) async fn lay_out(
    manifest: &Path,
    app: &App,
    wasm: &WasmApp,
    loaded: &mut impl Iterator<Item = Loaded>,
    work: &Work<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<GuestSpec> {
    let mut models = Models::default();
    for (name, model) in &wasm.models {
        if let Err(error) = models.add(name, model, work).await {
            let finding = Diagnostic::error(manifest, format!("app `{}`: model `{name}`: {error:#}", app.app_id));
            findings.push(finding.at(model.at.0, model.at.1));
        }
    }
    let mut guests = Vec::new();
    for ((name, guest), loaded) in wasm.guests.iter().zip(loaded) {
        match loaded {
            Ok(loaded) => guests.push(spec(app, wasm, guest, loaded, &models)),
            Err(error) => findings.push(unloadable(manifest, app, (name, guest), &error)),
        }
    }
    guests
}

fn unloadable(manifest: &Path, app: &App, (name, guest): (&str, &Guest), error: &anyhow::Error) -> Diagnostic {
    let finding = Diagnostic::error(manifest, format!("app `{}`: guest `{name}`: {error:#}", app.app_id));
    let finding = finding.at(guest.at.0, guest.at.1);
    match error.downcast_ref::<pillion_api::Error>().and_then(pillion_api::Error::help) {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

fn spec(app: &App, wasm: &WasmApp, guest: &Guest, loaded: pillion_runtime::Guest, models: &Models) -> GuestSpec {
    let mut env = app.env.clone();
    env.extend(guest.env.clone());
    let granted = wasm.directories.iter().map(|directory: &Directory| Preopen {
        host: directory.host.clone(),
        guest: directory.guest.clone(),
        read_only: directory.read_only,
        small_files: false,
    });
    GuestSpec {
        env,
        args: guest.args.clone(),
        preopens: granted.chain(models.labels.iter().cloned()).collect(),
        limits: limits(&guest.limits),
        models: models.packed.clone(),
        ..GuestSpec::new(loaded.name().to_owned(), loaded)
    }
}

/// What the manifest says, over the runtime's defaults.
pub(crate) fn limits(given: &Given) -> Limits {
    let default = Limits::default();
    let count = |given: Option<u64>, default: usize| given.and_then(|n| usize::try_from(n).ok()).unwrap_or(default);
    Limits {
        memory: given.memory.unwrap_or(default.memory),
        timeout: given.timeout.unwrap_or(default.timeout),
        concurrency: count(given.concurrency, default.concurrency),
        queue_wait: given.queue_wait.unwrap_or(default.queue_wait),
        request: given.request.unwrap_or(default.request),
        response: given.response.unwrap_or(default.response),
        log: given.log.unwrap_or(default.log),
        log_line: count(given.log_line, default.log_line),
        log_rate: given.log_rate.unwrap_or(default.log_rate),
        table_elements: count(given.table_elements, default.table_elements),
        memories: count(given.memories, default.memories),
        tables: count(given.tables, default.tables),
        instances: count(given.instances, default.instances),
        resources: count(given.resources, default.resources),
        hostcall_fuel: count(given.hostcall_fuel, default.hostcall_fuel),
        random: given.random.unwrap_or(default.random),
        fields: count(given.fields, default.fields),
        outgoing: count(given.outgoing, default.outgoing),
        outgoing_body: given.outgoing_body.unwrap_or(default.outgoing_body),
        host_calls: given.host_calls.unwrap_or(default.host_calls),
        host_buffers: given.host_buffers.unwrap_or(default.host_buffers),
    }
}

/// The models of an app, and the folders in which its guests find their labels.
#[derive(Default)]
struct Models {
    packed: BTreeMap<String, Arc<pillion_nn::Model>>,
    labels: Vec<Preopen>,
}

impl Models {
    async fn add(&mut self, name: &str, model: &Model, work: &Work<'_>) -> Result<()> {
        let bytes = read(&model.source, work).await?;
        let shown = match &model.source {
            FileSource::File { path, .. } => path.display().to_string(),
            FileSource::Url { url, .. } => url.clone(),
        };
        let packed = work.runtime.models().load(&bytes).with_context(|| format!("`{shown}`"))?;
        self.packed.insert(name.to_owned(), packed);
        if let Some(labels) = &model.labels {
            let host = lay_out_labels(&read(labels, work).await.context("its labels")?, work)?;
            self.labels.push(Preopen { host, guest: format!("/models/{name}"), read_only: true, small_files: true });
        }
        Ok(())
    }
}

async fn read(source: &FileSource, work: &Work<'_>) -> Result<Vec<u8>> {
    match source {
        FileSource::File { path, sha256 } => super::models::read(path, sha256.as_deref()),
        FileSource::Url { url, sha256 } => work.models.fetch(url, sha256).await,
    }
}

/// A folder that holds nothing but `labels.txt`, named by its content.
fn lay_out_labels(bytes: &[u8], work: &Work<'_>) -> Result<PathBuf> {
    anyhow::ensure!(bytes.len() <= MAX_LABELS, "labels of {} bytes are over the limit of {MAX_LABELS}", bytes.len());
    work.models.lay_out("labels.txt", bytes)
}
