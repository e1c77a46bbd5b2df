//! One entry of `apps`.

use super::{
    App, AppKind, Places,
    keys::{self, APP, SHARED},
    paths::{self, Base, Wanted},
    ports::Ports,
    settings::{self, Settings},
    wasm,
};
use pillion_sidecar::yaml::{Fields, Findings, Node, Unknown, shown};
use std::path::{Path, PathBuf};

/// Dapr's own default of `maxBodySize`.
pub(crate) const MAX_BODY_SIZE: u64 = 4 << 20;
/// The longest app id.
const MAX_APP_ID: usize = 253;

/// What the apps of a file share.
pub(super) struct Shared<'a> {
    pub(super) common: &'a Settings,
    pub(super) base: Base<'a>,
    pub(super) ports: Ports,
}

/// The ports of an app; 0 is chosen at start.
struct AppPorts {
    app: u16,
    dapr_http: u16,
    dapr_grpc: u16,
    metrics: u16,
}

/// Reads an app; none where it can't be told what it is, which a finding says.
pub(super) fn read(index: usize, node: &Node, shared: &mut Shared<'_>, findings: &mut Findings) -> Option<App> {
    let mut fields = Fields::open(node, format!("app {}", index + 1), findings)?;
    let given = fields.text("appID", findings);
    name(&mut fields, given);
    let dir = read_dir(&mut fields, given, shared.base, findings);
    let app_id = read_id(given, dir.as_deref(), &fields, findings);
    name(&mut fields, app_id.as_deref());
    let used = dir.as_deref().filter(|_| shared.base.places.uses(app_id.as_deref()));
    let base = Base { folder: used, ..shared.base };
    let own = Settings::read(&mut fields, base, findings);
    let ports = read_ports(&mut fields, &mut shared.ports, findings);
    let command: Vec<String> = fields.texts("command", findings).into_iter().map(|(_, text)| text.to_owned()).collect();
    let kind = read_kind(&mut fields, &command, base, findings);
    settings::check_unused(&mut fields, APP, findings);
    keys::close(fields, &[APP, SHARED], Unknown::Warning, findings);
    let dir = dir?;
    let (resources_paths, config_path) = lookup(&own, shared.common, &dir, shared.base.places);
    let settings = own.or(shared.common);
    Some(App {
        app_id: app_id?,
        at: node.at,
        dir,
        app_port: ports.app,
        dapr_http_port: ports.dapr_http,
        dapr_grpc_port: ports.dapr_grpc,
        metrics_port: ports.metrics,
        app_protocol: settings.app_protocol.unwrap_or_default(),
        resources_paths,
        config_path,
        health_check: settings.health_check(),
        env: settings.env,
        command,
        log_level: settings.log_level,
        max_body_size: settings.max_body_size.unwrap_or(MAX_BODY_SIZE),
        app_max_concurrency: settings.app_max_concurrency,
        kind: kind?,
    })
}

/// Once its id is known, messages call the app by it.
fn name(fields: &mut Fields<'_>, id: Option<&str>) {
    if let Some(id) = id {
        fields.rename(format!("app `{}`", shown(id)));
    }
}

fn read_ports(fields: &mut Fields<'_>, ports: &mut Ports, findings: &mut Findings) -> AppPorts {
    for key in ["daprInternalGRPCPort", "profilePort"] {
        ports.take(fields, key, findings);
    }
    AppPorts {
        app: ports.take(fields, "appPort", findings),
        dapr_http: ports.take(fields, "daprHTTPPort", findings),
        dapr_grpc: ports.take(fields, "daprGRPCPort", findings),
        metrics: ports.take(fields, "metricsPort", findings),
    }
}

fn read_kind(fields: &mut Fields<'_>, command: &[String], base: Base<'_>, findings: &mut Findings) -> Option<AppKind> {
    fields.node("wasm");
    // Also where nothing stands behind the key: the app was meant to be one of guests.
    match fields.mapping().get("wasm") {
        Some(node) => wasm::read(node, fields.owner(), base, findings).map(|wasm| AppKind::Wasm(Box::new(wasm))),
        None if command.is_empty() => Some(AppKind::SidecarOnly),
        None => Some(AppKind::Native),
    }
}

fn read_dir(fields: &mut Fields<'_>, given: Option<&str>, base: Base<'_>, findings: &mut Findings) -> Option<PathBuf> {
    let Some(entry) = fields.entry("appDirPath") else {
        let message = format!("{}: `appDirPath` is missing", fields.owner());
        findings.error_hint(fields.at(), message, "add `appDirPath: .` for the folder of the file");
        return None;
    };
    match entry.value.text() {
        Some(text) => match base.resolve(text) {
            Ok(unused) if !base.places.uses(id_of(given, Some(&unused)).as_deref()) => Some(unused),
            _ => base.existing("appDirPath", entry.value.at, text, Wanted::Folder, findings),
        },
        None => {
            findings.error(entry.value.at, format!("`appDirPath` must be text, but is {}", entry.value.kind()));
            None
        }
    }
}

/// An app without an `appID` is called as its folder is.
fn id_of(given: Option<&str>, dir: Option<&Path>) -> Option<String> {
    given.map(str::to_owned).or_else(|| paths::base_name(dir?))
}

fn read_id(given: Option<&str>, dir: Option<&Path>, fields: &Fields<'_>, findings: &mut Findings) -> Option<String> {
    let at = fields.mapping().get("appID").map_or(fields.at(), |node| node.at);
    let id = id_of(given, dir)?;
    match check_id(&id) {
        Ok(()) => Some(id),
        Err(wrong) => {
            findings.error_hint(
                at,
                format!("the app id `{}` {wrong}", shown(&id)),
                "give the app an `appID` of letters, digits and `-`",
            );
            None
        }
    }
}

/// An app id is part of paths, host names and metrics.
pub(super) fn check_id(id: &str) -> Result<(), &'static str> {
    if id.len() > MAX_APP_ID {
        return Err("is longer than 253 characters");
    }
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("has characters other than letters, digits, `-`, `_` and `.`");
    }
    match id.bytes().all(|byte| byte == b'.') {
        true => Err("has no letter"),
        false => Ok(()),
    }
}

/// Folders of resources and the Configuration: the app's own, else those of its folder, else those of `common`, else the
/// user's. The first place that has any is taken alone, as by Dapr.
fn lookup(own: &Settings, common: &Settings, dir: &Path, places: &Places) -> (Vec<PathBuf>, Option<PathBuf>) {
    let runtime = own.runtime_path.as_ref().or(common.runtime_path.as_ref());
    let local = dir.join(".dapr/resources");
    let resources =
        [own.resources_paths.clone(), Vec::from_iter(local.exists().then_some(local)), common.resources_paths.clone()]
            .into_iter()
            .find(|paths| !paths.is_empty())
            .unwrap_or_else(|| default_resources(runtime, places));
    let local = dir.join(".dapr/config.yaml");
    let config = [own.config_path.clone(), local.is_file().then_some(local), common.config_path.clone()]
        .into_iter()
        .flatten()
        .next()
        .or_else(|| default_config(runtime, places));
    (resources, config)
}

/// `~/.dapr/components`, as `dapr init` makes it, if it is there.
pub(super) fn default_resources(runtime: Option<&PathBuf>, places: &Places) -> Vec<PathBuf> {
    dapr_dir(runtime, places).map(|dir| dir.join("components")).filter(|path| path.is_dir()).into_iter().collect()
}

/// `~/.dapr/config.yaml`, as `dapr init` makes it, if it is there.
pub(super) fn default_config(runtime: Option<&PathBuf>, places: &Places) -> Option<PathBuf> {
    dapr_dir(runtime, places).map(|dir| dir.join("config.yaml")).filter(|path| path.is_file())
}

fn dapr_dir(runtime: Option<&PathBuf>, places: &Places) -> Option<PathBuf> {
    let parent = runtime.or(places.runtime.as_ref()).or(places.home.as_ref())?;
    Some(parent.join(".dapr"))
}
