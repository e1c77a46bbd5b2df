//! Starts the apps of a run, one after the other: sidecar, ports, and the guests or the process behind them.

use super::{
    actors, behind_daprd, databases,
    native::{Exit, Native},
    plan::PlannedApp,
    ports::{AppPorts, Chosen, LOOPBACK},
    services::{self, WasmApp},
    sidecar::{self, AppSidecar},
    signals::exit_now,
    traced::Traced,
    wasm,
};
use crate::{
    channel::Channel,
    dapr_api::{self, ApiContext, ApiToken, Readiness, ShutdownKind},
    edge::{EdgeLimits, Listener, Observe, Server, serve},
    environment::{self, Announced, AppEnvironment},
    manifest::AppKind,
    telemetry::{
        metrics::{Metrics, PortKind},
        traces::Traces,
    },
};
use anyhow::{Result, anyhow};
use pillion_api::{AppChannel, Diagnostic, Pipeline, Sidecar};
use pillion_runtime::{GuestSpec, Runtime};
use pillion_sidecar::{Embedded, EmbeddedConfig, Policy, RemoteApp, Run, remote_app::Protocol};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What the apps of a run share while they start.
pub(crate) struct Start<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) run: Arc<Run>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: &'a Traces,
    pub(crate) shutdown: Arc<Notify>,
    /// Native apps that run, where there are no others.
    pub(crate) natives: Option<Arc<AtomicUsize>>,
    pub(crate) dapr_ports: HashMap<u16, String>,
    pub(crate) metrics_port: u16,
    /// Whether apps of guests answer what a real daprd asks.
    pub(crate) behind_daprd: bool,
    /// The real daprd of the one app; none has its calls answered in this process.
    pub(crate) daprd: Option<Announced>,
}

/// An app of guests that runs, for who changes its guests.
pub(crate) struct Launched {
    pub(crate) app: Arc<pillion_runtime::App>,
    /// The environment that its guests have beside their own.
    pub(crate) variables: Vec<(String, String)>,
}

impl Launched {
    /// Gives a guest other code.
    ///
    /// # Errors
    /// The runtime's.
    pub(crate) fn replace(&self, guest: &GuestSpec) -> Result<()> {
        Ok(self.app.replace(wasm::with_environment(guest, &self.variables))?)
    }
}

/// One app that runs.
pub(crate) struct RunningApp {
    pub(crate) sidecar: AppSidecar,
    /// Dapr's API of the sidecar in this process.
    pub(crate) dapr: Option<Server>,
    pub(crate) app: Option<Server>,
    pub(crate) channel: Option<Arc<Channel>>,
    /// The app itself, if it is one of guests.
    pub(crate) guests: Option<Arc<pillion_runtime::App>>,
    pub(crate) watch: Option<tokio::task::JoinHandle<Exit>>,
    pub(crate) stop: Option<tokio::sync::oneshot::Sender<Duration>>,
}

impl RunningApp {
    /// A Wasm app is asked at once; any other may take as long as it likes to open its port.
    pub(crate) async fn wait_subscribed(&self) {
        if self.app.is_some() {
            self.sidecar.wait_ready().await;
        }
    }
}

impl Start<'_> {
    pub(crate) fn observe(&self, app: &str, kind: PortKind) -> Observe {
        Observe { app: app.into(), metrics: self.metrics.port(app, kind), traces: self.traces.clone() }
    }

    fn traced(&self, app_id: &str, app: Arc<dyn AppChannel>) -> Arc<dyn AppChannel> {
        Arc::new(Traced { app, app_id: app_id.into(), traces: self.traces.clone() })
    }

    /// Starts one app; what runs in this process is added to `guests`.
    pub(crate) async fn app(
        &self,
        planned: PlannedApp,
        ports: AppPorts,
        guests: &mut Vec<Launched>,
    ) -> Result<RunningApp> {
        let sidecar = self.open(&planned, &ports).await?;
        let app_id = planned.app.app_id.clone();
        let max_body = planned.app.max_body_size;
        let chosen = ports.chosen(&planned);
        let dapr = match &sidecar {
            AppSidecar::Embedded(sidecar) => {
                Some(self.serve_dapr(&app_id, ports.dapr.listener, max_body, sidecar.clone()))
            }
            // It has an API of its own.
            AppSidecar::Daprd(_) => None,
        };
        let variables = self.variables(&planned, chosen);
        let (mut served, mut channel, mut own, mut watch, mut stop) = (None, None, None, None, None);
        match &planned.app.kind {
            AppKind::Wasm(_) => {
                let app = Arc::new(self.wasm(&planned, &variables, &sidecar).await?);
                guests.push(Launched { app: app.clone(), variables });
                app.prepare_workflows().await?;
                sidecar.start(Some(self.traced(&app_id, app.clone())));
                let workflows = planned.app.wasm().and_then(|wasm| wasm.workflows.as_ref());
                if let Some(workflows) = workflows {
                    sidecar.work(&app_id, self.traced(&app_id, app.clone()), workflows.work)?;
                }
                channel = self.behind_daprd.then(|| Arc::new(behind_daprd::channel(&planned, &app)));
                app.follow_configuration();
                sidecar.subscribe(app.streaming_subscriptions(), &self.traced(&app_id, app.clone()));
                sidecar.host(
                    actors::streamed(&planned.app),
                    actors::turn_bounds(&planned),
                    &self.traced(&app_id, app.clone()),
                );
                own = Some(app.clone());
                let limits = EdgeLimits { body_bytes: largest_request(&planned), ..EdgeLimits::app() };
                let observe = self.observe(&app_id, PortKind::App);
                // A Wasm app's port was bound with the others.
                let service = Arc::new(WasmApp { app, channel: channel.clone(), guests: self.runtime.guest_threads() });
                served = ports.app.map(|bound| serve(bound.listener, service, limits, observe));
            }
            AppKind::Native => {
                let native = Native::start(&app_id, &planned.app.command, &planned.app.dir, variables)?;
                let (sender, receiver) = tokio::sync::oneshot::channel();
                let (natives, shutdown) = (self.natives.clone(), self.shutdown.clone());
                watch = Some(tokio::spawn(last_ends_all(native.watch(receiver), natives, shutdown)));
                stop = Some(sender);
                sidecar.start(remote(&planned)?.map(|app| self.traced(&app_id, app)));
            }
            AppKind::SidecarOnly => sidecar.start(remote(&planned)?.map(|app| self.traced(&app_id, app))),
        }
        Ok(RunningApp { sidecar, dapr, app: served, channel, guests: own, watch, stop })
    }

    async fn open(&self, planned: &PlannedApp, ports: &AppPorts) -> Result<AppSidecar> {
        let app = &planned.app;
        if let Some(announced) = &self.daprd {
            return sidecar::daprd(&app.app_id, announced);
        }
        let config = EmbeddedConfig {
            namespace: environment::namespace().unwrap_or_default(),
            app_port: ports.chosen(planned).app,
            max_concurrency: app.app_max_concurrency.unwrap_or(0),
            ..EmbeddedConfig::new(app.app_id.clone(), planned.resources.clone(), self.run.clone())
        };
        let opened = Embedded::open(config).await;
        opened.map(AppSidecar::Embedded).map_err(|findings| anyhow!("{}", shown(&findings)))
    }

    fn serve_dapr(&self, app_id: &str, listener: Listener, max_body: u64, sidecar: Arc<Embedded>) -> Server {
        let readiness = Arc::<Readiness>::default();
        // Components are open; the app is still to be asked what it subscribes to.
        readiness.outbound.store(true, Ordering::Release);
        tokio::spawn({
            let (readiness, sidecar) = (readiness.clone(), sidecar.clone());
            async move {
                sidecar.wait_ready().await;
                readiness.healthy.store(true, Ordering::Release);
            }
        });
        let token = environment::dapr_api_token().and_then(ApiToken::new);
        let pipeline = sidecar.http_pipeline().clone();
        let service = services::dapr(sidecar, Arc::new(self.context(token, pipeline, readiness, max_body)));
        serve(
            listener,
            service,
            EdgeLimits::dapr_api(dapr_api::DEFAULT_READ_BUFFER, max_body),
            self.observe(app_id, PortKind::Dapr),
        )
    }

    fn context(
        &self,
        api_token: Option<ApiToken>,
        pipeline: Pipeline,
        readiness: Arc<Readiness>,
        max_body: u64,
    ) -> ApiContext {
        let shutdown = self.shutdown.clone();
        let on_shutdown = Box::new(move |kind| match kind {
            ShutdownKind::Graceful => shutdown.notify_one(),
            ShutdownKind::Forced => exit_now(0),
        });
        ApiContext { api_token, pipeline, readiness, max_body, on_shutdown: Some(on_shutdown) }
    }

    async fn wasm(
        &self,
        planned: &PlannedApp,
        variables: &[(String, String)],
        sidecar: &AppSidecar,
    ) -> Result<pillion_runtime::App> {
        let app = &planned.app;
        let allow = app.wasm().map(|wasm| wasm.allow.clone()).unwrap_or_default();
        let allowed: Arc<dyn Sidecar> = Arc::new(Policy::new(sidecar.calls(), allow, app.app_id.clone()));
        let asked = (allowed, sidecar.http_pipeline());
        let databases = databases::open(app).await?;
        wasm::app(self.runtime, planned, variables, asked, self.dapr_ports.clone(), databases)
    }

    fn variables(&self, planned: &PlannedApp, chosen: Chosen) -> Vec<(String, String)> {
        let app = &planned.app;
        let own = AppEnvironment {
            app_id: &app.app_id,
            app_port: chosen.app,
            app_protocol: app.app_protocol.name(),
            dapr_http_port: self.daprd.as_ref().map_or(chosen.dapr, |daprd| daprd.http_port.unwrap_or(0)),
            dapr_grpc_port: 0,
            metrics_port: self.metrics_port,
        };
        let own = own.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(app.env.clone()).collect()
    }
}

/// Where there is nothing but native apps, the run ends with the last of them.
async fn last_ends_all(
    watch: impl Future<Output = Exit>,
    natives: Option<Arc<AtomicUsize>>,
    shutdown: Arc<Notify>,
) -> Exit {
    let exit = watch.await;
    if natives.is_some_and(|running| running.fetch_sub(1, Ordering::AcqRel) == 1) {
        shutdown.notify_one();
    }
    exit
}

/// How a native app is reached; none where it has no port.
fn remote(planned: &PlannedApp) -> Result<Option<Arc<dyn AppChannel>>> {
    let app = &planned.app;
    if app.app_port == 0 {
        return Ok(None);
    }
    let address = format!("{LOOPBACK}:{}", app.app_port);
    let remote = RemoteApp::new(app.app_id.clone(), address, Protocol::Http)?;
    // The app checks what it was started with.
    let token = app.env.get("APP_API_TOKEN").cloned().or_else(environment::app_api_token);
    Ok(Some(Arc::new(match token.filter(|token| !token.is_empty()) {
        Some(token) => remote.with_api_token(&token),
        None => remote,
    })))
}

pub(super) fn largest_request(planned: &PlannedApp) -> u64 {
    planned.guests.iter().map(|guest| guest.limits.request).max().unwrap_or_default()
}

fn shown(findings: &[Diagnostic]) -> String {
    findings.iter().map(|found| found.to_string()).collect::<Vec<_>>().join("\n")
}
