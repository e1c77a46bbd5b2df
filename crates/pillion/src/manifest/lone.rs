//! `pillion run`: a guest or a command without a file, as a manifest of one app.

use super::{
    App, AppKind, AppProtocol, Guest, Limits, Manifest, Places, Route, RouteTarget, WasmApp, allow,
    app::{MAX_BODY_SIZE, check_id, default_config, default_resources},
    keys::ALLOW,
    paths::{self, Base, Wanted},
    wasm::guest_name,
};
use pillion_api::{Diagnostic, diagnostic::nearest, path};
use pillion_sidecar::yaml::Findings;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// What `pillion run` was told, by the names of its flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunFlags {
    /// `--app-id`; the guest's or the program's name if not given.
    pub(crate) app_id: Option<String>,
    /// `--app-port`; 0 is chosen at start.
    pub(crate) app_port: u16,
    /// `--app-protocol`.
    pub(crate) app_protocol: AppProtocol,
    /// `--dapr-http-port`; 0 is chosen at start.
    pub(crate) dapr_http_port: u16,
    /// `--resources-path`.
    pub(crate) resources_paths: Vec<PathBuf>,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--max-body-size`, in bytes.
    pub(crate) max_body_size: Option<u64>,
    /// `--app-max-concurrency`.
    pub(crate) app_max_concurrency: Option<u32>,
    /// `--call`.
    pub(crate) call: Option<String>,
    /// `--dir`, as `HOST::GUEST[:ro]`.
    pub(crate) directories: Vec<String>,
    /// `--env`, split.
    pub(crate) env: BTreeMap<String, String>,
    /// What follows `--`: arguments of the guest.
    pub(crate) args: Vec<String>,
    /// `--timeout`.
    pub(crate) timeout: Option<Duration>,
    /// `--memory`, in bytes.
    pub(crate) memory: Option<u64>,
    /// `--allow`, as `LIST=NAME`.
    pub(crate) allow: Vec<String>,
}

impl Manifest {
    /// A lone guest, which answers everything.
    ///
    /// # Errors
    /// Everything that is wrong with the flags and the paths.
    pub(crate) fn for_file(guest: &Path, flags: &RunFlags, places: &Places) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Findings::new(guest);
        if let Err(wrong) = paths::check(guest.to_owned(), Wanted::File) {
            findings.push(Diagnostic::error(guest, wrong));
        }
        let name = guest_name(guest);
        let wasm = wasm(guest, &name, flags, places, &mut findings);
        let app = app(&name, flags, AppKind::Wasm(Box::new(wasm)), places, &mut findings);
        Ok(findings
            .finish(Self { path: guest.to_owned(), name: None, apps: vec![app], neighbours: Default::default() })?
            .0)
    }

    /// A native app beside an embedded sidecar.
    ///
    /// # Errors
    /// As [`Manifest::for_file`].
    pub(crate) fn for_command(
        command: Vec<String>,
        flags: &RunFlags,
        places: &Places,
    ) -> Result<Self, Vec<Diagnostic>> {
        let program = command.first().map_or_else(PathBuf::new, PathBuf::from);
        let mut findings = Findings::new(&program);
        let kind = if command.is_empty() { AppKind::SidecarOnly } else { AppKind::Native };
        let mut app = app(&guest_name(&program), flags, kind, places, &mut findings);
        app.env = flags.env.clone();
        app.command = command;
        Ok(findings.finish(Self { path: program, name: None, apps: vec![app], neighbours: Default::default() })?.0)
    }
}

fn app(name: &str, flags: &RunFlags, kind: AppKind, places: &Places, findings: &mut Findings) -> App {
    let app_id = flags.app_id.clone().unwrap_or_else(|| name.to_owned());
    if let Err(wrong) = check_id(&app_id) {
        findings.push(flag("--app-id", format!("the app id `{app_id}` {wrong}")));
    }
    for path in flags.resources_paths.iter().cloned() {
        refuse("--resources-path", paths::check(path, Wanted::Either), findings);
    }
    for path in flags.config.iter().cloned() {
        refuse("--config", paths::check(path, Wanted::File), findings);
    }
    let named = &flags.resources_paths;
    App {
        app_id,
        at: (1, 1),
        dir: PathBuf::from("."),
        app_port: flags.app_port,
        dapr_http_port: flags.dapr_http_port,
        dapr_grpc_port: 0,
        metrics_port: 0,
        app_protocol: flags.app_protocol,
        resources_paths: if named.is_empty() { default_resources(None, places) } else { named.clone() },
        config_path: flags.config.clone().or_else(|| default_config(None, places)),
        env: BTreeMap::new(),
        command: Vec::new(),
        log_level: None,
        max_body_size: flags.max_body_size.unwrap_or(MAX_BODY_SIZE),
        app_max_concurrency: flags.app_max_concurrency,
        health_check: None,
        kind,
    }
}

fn wasm(guest: &Path, name: &str, flags: &RunFlags, places: &Places, findings: &mut Findings) -> WasmApp {
    let mut wasm = WasmApp::default();
    let limits = Limits {
        memory: flags.memory,
        timeout: flags.timeout,
        request: flags.max_body_size,
        concurrency: flags.app_max_concurrency.map(u64::from),
        ..Limits::default()
    };
    let (call, env, args) = (flags.call.clone(), flags.env.clone(), flags.args.clone());
    let lone = Guest {
        source: guest.to_owned(),
        at: (1, 1),
        call,
        env,
        args,
        limits,
        mode: pillion_runtime::Mode::Fresh,
        build: None,
    };
    wasm.guests.insert(name.to_owned(), lone);
    let route = |path| Route { path, methods: Vec::new(), target: RouteTarget::Guest(name.to_owned()), at: (1, 1) };
    wasm.routes.extend(path::normalise("/").ok().map(route));
    for text in &flags.directories {
        refuse("--dir", read_directory(text, places, &mut wasm), findings);
    }
    for text in &flags.allow {
        refuse("--allow", read_allow(text, places, &mut wasm), findings);
    }
    wasm
}

fn read_directory(text: &str, places: &Places, wasm: &mut WasmApp) -> Result<(), String> {
    let (host, guest, read_only) = allow::split_directory(text)?;
    let base = Base { folder: Some(Path::new("")), places };
    let host = paths::check(base.resolve(host)?, Wanted::Folder)?;
    wasm.directories.push(super::Directory { host, guest: guest.to_owned(), read_only });
    wasm.allow.files.push(text.to_owned());
    Ok(())
}

fn read_allow(text: &str, places: &Places, wasm: &mut WasmApp) -> Result<(), String> {
    let (key, name) = text.split_once('=').ok_or_else(|| format!("`{text}` must be LIST=NAME, as `state=orders`"))?;
    if key == "files" {
        return read_directory(name, places, wasm);
    }
    let Some(list) = allow::allow_list(&mut wasm.allow, key) else {
        let meant = nearest(key, ALLOW.iter().map(|key| key.name));
        let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return Err(format!("there is no list `{key}`{meant}"));
    };
    allow::check_entry(key, name)?;
    list.push(name.to_owned());
    Ok(())
}

fn refuse<T>(name: &str, outcome: Result<T, String>, findings: &mut Findings) {
    if let Err(wrong) = outcome {
        findings.push(flag(name, wrong));
    }
}

/// A flag stands where a file would.
fn flag(name: &str, message: String) -> Diagnostic {
    Diagnostic::error(name, message)
}
