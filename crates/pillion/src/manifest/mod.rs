//! The manifest: Dapr's multi-app run file `dapr.yaml`, with a `wasm:` block for each app that is a guest.
//!
//! [`Manifest::load`] reads a file once and wholly: everything that is wrong is found before a port is bound, with line,
//! column and a hint. [`Manifest::for_file`] makes the same from the flags of `pillion run`. What the file may say stands
//! in the tables of [`keys`]; the readers are held to them.

mod actors;
mod allow;
mod app;
mod databases;
pub(crate) mod keys;
mod limits;
mod lone;
mod models;
mod modes;
mod paths;
mod ports;
mod read;
mod routes;
mod settings;
pub(crate) mod units;
mod wasm;
mod workflows;

pub(crate) use actors::Actor;
pub(crate) use app::MAX_BODY_SIZE;
pub(crate) use limits::Limits;
pub(crate) use lone::RunFlags;
pub(crate) use models::{FileSource, Model};
pub(crate) use paths::Places;
pub(crate) use settings::{AppProtocol, HealthCheck};
pub(crate) use wasm::{Build, Directory, Guest, Route, RouteTarget, Trigger, TriggerKind, WasmApp};
pub(crate) use workflows::Workflows;

use pillion_sidecar::yaml::Place;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

/// The name of the file in a folder, as `dapr run -f <folder>` looks for it.
pub(crate) const FILE_NAME: &str = "dapr.yaml";
/// How many apps one file may hold.
pub(crate) const MAX_APPS: usize = 100;

/// A run file that was found good.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// The file; for `pillion run`, the guest.
    pub(crate) path: PathBuf,
    /// `name`.
    #[allow(dead_code, reason = "read and checked; not yet acted on")]
    pub(crate) name: Option<String>,
    /// At least one app, in the order of the file; no two have the same id.
    pub(crate) apps: Vec<App>,
    /// Ports of Dapr's API of the file's other apps, where only some of its apps are taken.
    pub(crate) neighbours: HashMap<u16, String>,
}

/// One Dapr application.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Its id; unique in the file.
    pub(crate) app_id: String,
    /// Where the app begins in the file, for messages about it.
    pub(crate) at: Place,
    /// Its folder, which exists. Relative to where the manifest's own path is.
    pub(crate) dir: PathBuf,
    /// The app channel. 0, as for all ports: chosen at start, or for a native app none.
    pub(crate) app_port: u16,
    /// The sidecar's HTTP API.
    pub(crate) dapr_http_port: u16,
    /// The sidecar's gRPC API.
    #[allow(dead_code, reason = "read and checked; not yet acted on")]
    pub(crate) dapr_grpc_port: u16,
    /// The sidecar's metrics.
    #[allow(dead_code, reason = "read and checked; not yet acted on")]
    pub(crate) metrics_port: u16,
    /// Protocol of a native app.
    pub(crate) app_protocol: AppProtocol,
    /// Folders and files of resources; those that the file names exist, `~/.dapr/components` is left out where it doesn't.
    pub(crate) resources_paths: Vec<PathBuf>,
    /// The Configuration.
    pub(crate) config_path: Option<PathBuf>,
    /// Environment of the app, `common` and app merged.
    pub(crate) env: BTreeMap<String, String>,
    /// Program and arguments; empty for a sidecar alone. A Wasm app's is for `dapr run -f` only.
    pub(crate) command: Vec<String>,
    /// Least severe records of the sidecar that are logged.
    #[allow(dead_code, reason = "read and checked; not yet acted on")]
    pub(crate) log_level: Option<String>,
    /// Largest request body of the sidecar, in bytes.
    pub(crate) max_body_size: u64,
    /// Calls of the app at a time.
    pub(crate) app_max_concurrency: Option<u32>,
    /// How the app is asked whether it is well.
    #[allow(dead_code, reason = "read and checked; not yet acted on")]
    pub(crate) health_check: Option<HealthCheck>,
    /// What the app is.
    pub(crate) kind: AppKind,
}

/// What an app is.
#[derive(Clone, Debug)]
pub(crate) enum AppKind {
    /// Guests in this process.
    Wasm(Box<WasmApp>),
    /// A process of its own, started by `command`.
    Native,
    /// Started by somebody else; here is only its sidecar.
    SidecarOnly,
}

impl App {
    /// The Wasm part of the app.
    pub(crate) fn wasm(&self) -> Option<&WasmApp> {
        match &self.kind {
            AppKind::Wasm(wasm) => Some(wasm),
            AppKind::Native | AppKind::SidecarOnly => None,
        }
    }
}

#[cfg(test)]
mod tests;
