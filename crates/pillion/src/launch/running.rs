//! Binds the ports of a plan, starts its apps, and ends them again.

use super::{
    collect::Guests,
    native::{self, Exit},
    plan::{Plan, PlannedApp},
    ports::{AppPorts, bind_admin},
    signals::{Signals, exit_now},
    start::{Launched, RunningApp, Start},
};
use crate::{
    edge::{EdgeLimits, Server, serve},
    environment::Announced,
    manifest::AppKind,
    print,
    telemetry::{
        admin,
        metrics::{Metrics, PortKind},
        traces::Traces,
    },
};
use anyhow::Result;
use futures_util::future::BoxFuture;
use pillion_runtime::Runtime;
use pillion_sidecar::{Run, run::RunConfig};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

/// How a run behaves as a whole.
pub(crate) struct Settings {
    /// The address of apps' own ports and of `/metrics` and health; sidecars are on loopback alone.
    pub(crate) address: IpAddr,
    /// The port of `/metrics` and health; none takes 9090 if it is free.
    pub(crate) metrics_port: Option<u16>,
    /// How long calls in flight may take to end.
    pub(crate) grace: Duration,
    /// Where spans go.
    pub(crate) traces: Traces,
    /// Prints the apps' addresses as links.
    pub(crate) links: bool,
    /// Whether a real daprd may stand before the apps: then their ports answer what it asks.
    pub(crate) behind_daprd: bool,
    /// What changes guests while they run: started with the apps, ended before them.
    pub(crate) changes: Option<Changes>,
    /// The real daprd that answers the calls of the one app; none has them answered in this process.
    pub(crate) daprd: Option<Announced>,
}

/// Changes the guests of running apps until it is dropped.
pub(crate) type Changes = Box<dyn FnOnce(Vec<Launched>) -> BoxFuture<'static, ()> + Send>;

/// Starts a plan and serves it until something ends it. True where no app failed by itself.
///
/// # Errors
/// A port that is taken, a component that can't be opened, a command that can't be started.
pub(crate) async fn run_until_ended(plan: Plan, runtime: Runtime, mut settings: Settings) -> Result<bool> {
    let shutdown = Arc::<Notify>::default();
    let mut signals = Signals::listen()?;
    let started = tokio::select! {
        started = Running::start(plan, runtime, &mut settings, shutdown.clone()) => started,
        why = signals.wait(&shutdown) => {
            tracing::info!(why, "ending before every app was started");
            exit_now(0)
        }
    };
    // What was started before the failure goes with it.
    let running = started.inspect_err(|_| native::kill_all())?;
    print::line("You're up and running! Both Dapr and your app logs will appear here.");
    print::line("");
    let why = signals.wait(&shutdown).await;
    tracing::info!(why, "ending");
    signals.force_on_next();
    Ok(running.stop(settings.grace).await)
}

struct Running {
    apps: Vec<RunningApp>,
    admin: Server,
    ready: Arc<admin::Readiness>,
    traces: Traces,
    changes: Option<AbortHandle>,
}

impl Running {
    async fn start(plan: Plan, runtime: Runtime, settings: &mut Settings, shutdown: Arc<Notify>) -> Result<Self> {
        let admin = bind_admin(settings.address, settings.metrics_port).await?;
        let mut bound = Vec::new();
        for planned in &plan.apps {
            bound.push(AppPorts::bind(planned, settings.address).await?);
        }
        let mut start = Start {
            runtime: &runtime,
            run: Run::new(RunConfig { programs: Some(Arc::new(runtime.clone())), ..RunConfig::default() }),
            metrics: Metrics::new(),
            traces: &settings.traces,
            shutdown,
            // `dapr run` ends with its app; a guest or somebody else's app has no end.
            natives: plan
                .apps
                .iter()
                .all(|planned| matches!(planned.app.kind, AppKind::Native))
                .then(|| Arc::new(AtomicUsize::new(plan.apps.len()))),
            dapr_ports: HashMap::new(),
            metrics_port: admin.port,
            behind_daprd: settings.behind_daprd,
            daprd: settings.daprd.clone(),
        };
        if let (Some(planned), Some(port)) =
            (plan.apps.first(), settings.daprd.as_ref().and_then(|daprd| daprd.http_port))
        {
            // What a guest asks of daprd's port is asked here, under the app's `allow`.
            start.dapr_ports.insert(port, planned.app.app_id.clone());
        }
        start.dapr_ports.extend(plan.manifest.neighbours.clone());
        for (planned, ports) in plan.apps.iter().zip(&bound) {
            start.dapr_ports.insert(ports.dapr.port, planned.app.app_id.clone());
        }
        // Where one app has a page, that is what a person opens; else every address may be it.
        let pages = plan.apps.iter().any(PlannedApp::has_page);
        let mut apps = Vec::new();
        let mut guests = Vec::new();
        for (planned, ports) in plan.apps.into_iter().zip(bound) {
            let app_id = planned.app.app_id.clone();
            print::line(&format!("Validating config and starting app \"{app_id}\""));
            let link = ports.link().filter(|_| settings.links && (planned.has_page() || !pages));
            let dapr_port = ports.dapr.port;
            if settings.daprd.is_none() {
                print::line(&format!("Starting Dapr with id {app_id}. HTTP Port: {dapr_port}. gRPC Port: 0"));
            }
            apps.push(start.app(planned, ports, &mut guests).await?);
            match settings.daprd {
                None => {
                    print::line(&format!("Started Dapr with app id \"{app_id}\". HTTP Port: {dapr_port}. gRPC Port: 0"))
                }
                Some(_) => print::line(&format!("Started app \"{app_id}\" beside its daprd")),
            }
            if let Some(link) = link {
                print::line(&format!("  open {link}"));
            }
        }
        for app in &apps {
            app.wait_subscribed().await;
        }
        let of_metrics = guests.iter().map(|launched| launched.app.clone()).collect();
        start.metrics.add(Arc::new(Guests { runtime: runtime.clone(), apps: of_metrics }));
        let changes = settings.changes.take().map(|changes| tokio::spawn(changes(guests)).abort_handle());
        let ready = Arc::new(admin::Readiness::default());
        ready.set(true);
        let observe = start.observe("", PortKind::Admin);
        let service = admin::service(start.metrics.clone(), ready.clone());
        let admin = serve(admin.listener, service, EdgeLimits::app(), observe);
        Ok(Self { apps, admin, ready, traces: settings.traces.clone(), changes })
    }

    /// Ends everything in the order in which nothing is lost: no new requests, then no new events, then the native apps, all
    /// at once, and last what all of these may still need, the sidecars.
    async fn stop(mut self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        self.ready.set(false);
        if let Some(changes) = self.changes.take() {
            changes.abort();
        }
        for channel in self.apps.iter().filter_map(|app| app.channel.as_ref()) {
            channel.drain();
        }
        let apps: Vec<Server> = self.apps.iter_mut().filter_map(|app| app.app.take()).collect();
        let mut cut_off = shut(apps, grace).await;
        self.stop_deliveries(Instant::now() + left(deadline)).await;
        self.end_actors(Instant::now() + left(deadline)).await;
        let good = self.stop_natives(deadline).await;
        let (servers, sidecars): (Vec<_>, Vec<_>) = self.apps.into_iter().map(|app| (app.dapr, app.sidecar)).unzip();
        cut_off += shut(servers.into_iter().flatten().collect(), left(deadline)).await;
        for sidecar in sidecars {
            sidecar.stop(Instant::now() + left(deadline)).await;
        }
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "cut off: their requests did not end in time");
        }
        self.admin.shutdown(Duration::ZERO).await;
        self.traces.flush();
        print::line("Exited Dapr successfully");
        if good {
            print::line("Exited App successfully");
        }
        good
    }

    /// Deliveries of one app may still call another: all of them end before the first app goes.
    async fn stop_deliveries(&self, deadline: Instant) {
        let draining = self.apps.iter().map(|app| {
            let sidecar = app.sidecar.clone();
            tokio::spawn(async move { sidecar.stop_deliveries(deadline).await })
        });
        for drained in draining.collect::<Vec<_>>() {
            let _ = drained.await;
        }
    }

    /// Actors end while their sidecars still answer: what they save is saved.
    async fn end_actors(&self, deadline: Instant) {
        let apps: Vec<_> = self.apps.iter().filter_map(|app| app.guests.clone()).collect();
        let ending = async {
            for app in apps {
                app.end_actors().await;
            }
        };
        if tokio::time::timeout_at(deadline, ending).await.is_err() {
            tracing::warn!("actors are still active at the end: Dapr makes them anew from what they have saved");
        }
    }

    async fn stop_natives(&mut self, deadline: Instant) -> bool {
        for stop in self.apps.iter_mut().filter_map(|app| app.stop.take()) {
            // One that ended by itself listens no more.
            let _ = stop.send(left(deadline));
        }
        let mut good = true;
        for watch in self.apps.iter_mut().filter_map(|app| app.watch.take()) {
            good &= watch.await.is_ok_and(|exit| exit == Exit::Success);
        }
        good
    }
}

/// The time until a deadline; a second at least, so that whoever comes last can end in order.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1))
}

/// Ends servers at the same time; answers how many connections were cut off.
async fn shut(servers: Vec<Server>, grace: Duration) -> usize {
    let ending = servers.into_iter().map(|server| tokio::spawn(server.shutdown(grace)));
    let mut cut_off = 0;
    for ended in ending.collect::<Vec<_>>() {
        cut_off += ended.await.unwrap_or(0);
    }
    cut_off
}
