//! From the file to the manifest.

use super::{
    FILE_NAME, MAX_APPS, Manifest, Places,
    app::{self, Shared},
    keys::{self, FILE, SHARED},
    paths::{self, Base},
    ports::Ports,
    settings::Settings,
};
use pillion_api::Diagnostic;
use pillion_sidecar::yaml::{self, Fields, Findings, Node, Unknown};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

impl Manifest {
    /// Reads a run file, or the `dapr.yaml` of a folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, warnings among it.
    pub(crate) fn load(path: &Path, places: &Places) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let path = file_of(path)?;
        let documents = yaml::load(&path)?;
        let mut findings = Findings::new(&path);
        let manifest = read(&path, &documents, places, &mut findings);
        match manifest {
            Some(manifest) => findings.finish(manifest),
            None => Err(findings.into_vec()),
        }
    }
}

fn file_of(path: &Path) -> Result<PathBuf, Vec<Diagnostic>> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let file = paths::tidy(&path.join(FILE_NAME));
    if file.exists() {
        return Ok(file);
    }
    let missing = Diagnostic::error(file, format!("there is no `{FILE_NAME}` in this folder"));
    Err(vec![missing.hint("name the file, or run a lone guest with `pillion run <guest>`")])
}

fn read(path: &Path, documents: &[Node], places: &Places, findings: &mut Findings) -> Option<Manifest> {
    let Some(document) = documents.first() else {
        findings.push(Diagnostic::error(path, "the file is empty").hint(SMALLEST));
        return None;
    };
    if let Some(second) = documents.get(1) {
        findings.warning(second.at, "only the first document of the file is read");
    }
    let mut fields = Fields::open(document, "the file", findings)?;
    check_version(&mut fields, findings);
    let name = fields.text("name", findings).map(str::to_owned);
    let base = Base { folder: Some(path.parent().unwrap_or(Path::new(""))), places };
    let common = fields.node("common").map(|node| read_common(node, base, findings)).unwrap_or_default();
    let apps = read_apps(&mut fields, &common, base, findings);
    keys::close(fields, &[FILE], Unknown::Warning, findings);
    Some(Manifest { path: path.to_owned(), name, apps, neighbours: Default::default() })
}

const SMALLEST: &str =
    "the smallest file is `version: 1` and `apps: [{ appDirPath: ., wasm: { source: guest.wasm } }]`";

fn check_version(fields: &mut Fields<'_>, findings: &mut Findings) {
    let at = fields.at();
    if fields.node("version").is_none() {
        findings.error_hint(at, "the file: `version` is missing", "add the line `version: 1`");
    }
    // Dapr's command line takes every version but 0.
    fields.integer("version", 1..=i64::from(i32::MAX), findings);
}

fn read_common(node: &Node, base: Base<'_>, findings: &mut Findings) -> Settings {
    let Some(mut fields) = Fields::open(node, "`common`", findings) else { return Settings::default() };
    let settings = Settings::read(&mut fields, base, findings);
    keys::close(fields, &[SHARED], Unknown::Warning, findings);
    settings
}

fn read_apps(fields: &mut Fields<'_>, common: &Settings, base: Base<'_>, findings: &mut Findings) -> Vec<super::App> {
    let at = fields.at();
    let Some(entry) = fields.entry("apps") else {
        findings.error_hint(at, "the file: `apps` is missing", SMALLEST);
        return Vec::new();
    };
    let Some(nodes) = entry.value.as_sequence() else {
        findings.error(
            entry.value.at,
            format!("`apps` must be a list (lines that begin with `-`), but is {}", entry.value.kind()),
        );
        return Vec::new();
    };
    if nodes.is_empty() {
        findings.error_hint(entry.value.at, "`apps` is empty", SMALLEST);
    }
    if nodes.len() > MAX_APPS {
        findings.error(nodes[MAX_APPS].at, format!("`apps` has more than {MAX_APPS} entries"));
    }
    let mut shared = Shared { common, base, ports: Ports::default() };
    let apps: Vec<_> = nodes
        .iter()
        .take(MAX_APPS)
        .enumerate()
        .filter_map(|(index, node)| app::read(index, node, &mut shared, findings))
        .collect();
    check_ids(&apps, findings);
    apps
}

fn check_ids(apps: &[super::App], findings: &mut Findings) {
    let mut lines = BTreeMap::new();
    for app in apps {
        if let Some(first) = lines.get(&app.app_id) {
            let message = format!("the app id `{}` is already that of the app in line {first}", app.app_id);
            findings.error_hint(app.at, message, "give each app its own `appID`");
        } else {
            lines.insert(&app.app_id, app.at.0);
        }
    }
}
