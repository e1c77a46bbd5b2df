//! Everything that a start needs, read and checked before a port is bound.

use super::{actors, code, guests, models::Store};
use crate::manifest::{App, AppKind, Manifest, Route, RouteTarget};
use pillion_api::{Diagnostic, diagnostic::Severity};
use pillion_runtime::{GuestSpec, Runtime};
use pillion_sidecar::Resources;
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// A manifest with its resources read, its models fetched and its guests loaded.
pub(crate) struct Plan {
    pub(crate) manifest: Manifest,
    pub(crate) apps: Vec<PlannedApp>,
}

/// One app of a [`Plan`].
pub(crate) struct PlannedApp {
    pub(crate) app: App,
    pub(crate) resources: Arc<Resources>,
    pub(crate) guests: Vec<GuestSpec>,
}

impl PlannedApp {
    /// Whether a browser finds something there.
    pub(crate) fn has_page(&self) -> bool {
        let page = |route: &Route| matches!(route.target, RouteTarget::Directory(_) | RouteTarget::Redirect(_));
        self.app.wasm().is_some_and(|wasm| wasm.routes.iter().any(page))
    }
}

/// What a plan is made with.
pub(crate) struct Work<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) models: &'a Store,
}

impl Plan {
    /// Reads, fetches, compiles. Findings of all apps come together.
    ///
    /// # Errors
    /// Every finding, if one of them is an error.
    pub(crate) async fn make(manifest: Manifest, work: &Work<'_>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let mut read = HashMap::new();
        let mut apps = Vec::new();
        let mut loaded = code::load(&manifest.apps, work.runtime).await.into_iter();
        for app in &manifest.apps {
            let resources = resources(app, &mut read, &mut findings);
            let guests = match &app.kind {
                AppKind::Wasm(wasm) => {
                    let guests = guests::lay_out(&manifest.path, app, wasm, &mut loaded, work, &mut findings).await;
                    actors::check(&manifest.path, app, wasm, &guests, &mut findings);
                    guests
                }
                AppKind::Native | AppKind::SidecarOnly => Vec::new(),
            };
            apps.push(PlannedApp { app: app.clone(), resources, guests });
        }
        match findings.iter().any(|found| found.severity == Severity::Error) {
            true => Err(findings),
            false => Ok((Self { manifest, apps }, findings)),
        }
    }

    /// How many guests all apps have.
    pub(crate) fn guest_count(&self) -> usize {
        self.apps.iter().map(|app| app.guests.len()).sum()
    }
}

/// Apps with the same folders share what was read, and its findings are shown once.
fn resources(
    app: &App,
    read: &mut HashMap<Vec<PathBuf>, Arc<Resources>>,
    findings: &mut Vec<Diagnostic>,
) -> Arc<Resources> {
    let mut paths = app.resources_paths.clone();
    paths.extend(app.config_path.clone());
    read.entry(paths)
        .or_insert_with_key(|paths| {
            let resources = Resources::load(paths);
            findings.extend(resources.diagnostics.iter().cloned());
            Arc::new(resources)
        })
        .clone()
}
