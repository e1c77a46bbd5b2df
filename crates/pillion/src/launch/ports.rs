//! Every port of a run, bound before anything starts.

use super::plan::PlannedApp;
use crate::{edge::Listener, manifest::AppKind};
use anyhow::{Context, Result, anyhow};
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The address of sidecars and of native apps: this machine alone.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The port of `/metrics` where no flag names one: Dapr's own.
const METRICS_PORT: u16 = 9090;

/// A bound port and its number.
pub(crate) struct Bound {
    pub(crate) listener: Listener,
    pub(crate) port: u16,
}

/// Binds a port; 0 takes a free one. `what` and `key` are named where it is taken.
pub(crate) async fn bind(address: IpAddr, port: u16, what: &str, key: &str) -> Result<Bound> {
    let listener = Listener::bind(SocketAddr::new(address, port)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "{what}: port {port} is in use by another program\nhint: end that program, or give another port with `{key}` (0 picks a free one)"
        ),
        ErrorKind::PermissionDenied => {
            anyhow!("{what}: port {port} may not be bound by this user\nhint: give a port over 1023 with `{key}`")
        }
        _ => anyhow!("{what}: port {port} can't be bound: {error}"),
    })?;
    let port = listener.local_addr().context("a bound port has an address")?.port();
    Ok(Bound { listener, port })
}

/// The ports of one app. A native app has its own; there is none to bind.
pub(crate) struct AppPorts {
    pub(crate) app: Option<Bound>,
    pub(crate) dapr: Bound,
}

/// The port numbers of one app; 0 is none.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) app: u16,
    pub(crate) dapr: u16,
}

/// The admin port; the usual one is only a wish.
pub(crate) async fn bind_admin(address: IpAddr, port: Option<u16>) -> Result<Bound> {
    match port {
        Some(port) => bind(address, port, "metrics", "--metrics-port").await,
        None => match bind(address, METRICS_PORT, "metrics", "--metrics-port").await {
            Ok(bound) => Ok(bound),
            Err(_) => {
                let bound = bind(address, 0, "metrics", "--metrics-port").await?;
                tracing::info!(port = bound.port, "metrics: port {METRICS_PORT} is in use; another one was taken");
                Ok(bound)
            }
        },
    }
}

impl AppPorts {
    /// Binds what the app needs bound.
    pub(crate) async fn bind(planned: &PlannedApp, address: IpAddr) -> Result<Self> {
        let app = &planned.app;
        let what = format!("app `{}`", app.app_id);
        let bound = match app.kind {
            AppKind::Wasm(_) => Some(bind(address, app.app_port, &what, "appPort").await?),
            AppKind::Native | AppKind::SidecarOnly => None,
        };
        let what = format!("sidecar of app `{}`", app.app_id);
        Ok(Self { app: bound, dapr: bind(LOOPBACK, app.dapr_http_port, &what, "daprHTTPPort").await? })
    }

    /// The numbers, those of a native app included.
    pub(crate) fn chosen(&self, planned: &PlannedApp) -> Chosen {
        Chosen { app: self.app.as_ref().map_or(planned.app.app_port, |bound| bound.port), dapr: self.dapr.port }
    }

    /// The app's own address.
    pub(crate) fn link(&self) -> Option<String> {
        Some(format!("http://localhost:{}/", self.app.as_ref()?.port))
    }
}
