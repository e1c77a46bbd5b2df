//! Binds the ports of a plan, starts its apps, and ends them again.

use super::{
    collect::Guests,
    native::Exit,
    plan::{Plan, PlannedApp},
    ports::{AppPorts, bind_admin},
    signals,
    start::{RunningApp, Start},
};
use crate::{
    edge::{EdgeLimits, Server, serve},
    print,
    telemetry::{
        admin,
        metrics::{Metrics, PortKind},
        traces::Traces,
    },
};
use anyhow::Result;
use pillion_runtime::Runtime;
use pillion_sidecar::Run;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::Instant};

/// How a run behaves as a whole.
pub(crate) struct Settings {
    /// The port of `/metrics` and health on loopback; none takes 9090 if it is free.
    pub(crate) metrics_port: Option<u16>,
    /// How long calls in flight may take to end.
    pub(crate) grace: Duration,
    /// Where spans go.
    pub(crate) traces: Traces,
    /// Prints the apps' addresses as links.
    pub(crate) links: bool,
}

/// Starts a plan and serves it until something ends it. True where no app failed by itself.
///
/// # Errors
/// A port that is taken, a component that can't be opened, a command that can't be started.
pub(crate) async fn run_until_ended(plan: Plan, runtime: Runtime, settings: Settings) -> Result<bool> {
    let running = Running::start(plan, runtime, &settings).await?;
    print::line("You're up and running! Both Dapr and your app logs will appear here.");
    print::line("");
    let why = signals::wait(&running.shutdown).await?;
    tracing::info!(why, "ending");
    signals::force_on_second();
    Ok(running.stop(settings.grace).await)
}

struct Running {
    apps: Vec<RunningApp>,
    admin: Server,
    shutdown: Arc<Notify>,
    ready: Arc<admin::Readiness>,
    traces: Traces,
}

impl Running {
    async fn start(plan: Plan, runtime: Runtime, settings: &Settings) -> Result<Self> {
        let admin = bind_admin(settings.metrics_port).await?;
        let mut bound = Vec::new();
        for planned in &plan.apps {
            bound.push(AppPorts::bind(planned).await?);
        }
        let mut start = Start {
            runtime: &runtime,
            run: Run::new(pillion_sidecar::run::RunConfig::default()),
            metrics: Metrics::new(),
            traces: &settings.traces,
            shutdown: Arc::default(),
            dapr_ports: HashMap::new(),
            metrics_port: admin.port,
        };
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
            print::line(&format!("Starting Dapr with id {app_id}. HTTP Port: {dapr_port}. gRPC Port: 0"));
            apps.push(start.app(planned, ports, &mut guests).await?);
            print::line(&format!("Started Dapr with app id \"{app_id}\". HTTP Port: {dapr_port}. gRPC Port: 0"));
            if let Some(link) = link {
                print::line(&format!("  open {link}"));
            }
        }
        for app in &apps {
            app.wait_subscribed().await;
        }
        start.metrics.add(Arc::new(Guests { runtime: runtime.clone(), apps: guests }));
        let ready = Arc::new(admin::Readiness::default());
        ready.set(true);
        let observe = start.observe("", PortKind::Admin);
        let service = admin::service(start.metrics.clone(), ready.clone());
        let admin = serve(admin.listener, service, EdgeLimits::app(), observe);
        Ok(Self { apps, admin, shutdown: start.shutdown, ready, traces: settings.traces.clone() })
    }

    /// Ends everything in the order in which nothing is lost: no new requests, then no new events, then the apps.
    async fn stop(self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        self.ready.set(false);
        let mut good = true;
        let mut servers = Vec::new();
        let mut rest = Vec::new();
        for app in self.apps {
            servers.extend(app.servers);
            rest.push((app.sidecar, app.watch, app.stop));
        }
        let ended = servers.into_iter().map(|server| tokio::spawn(server.shutdown(grace)));
        let mut cut_off = 0;
        for server in ended.collect::<Vec<_>>() {
            cut_off += server.await.unwrap_or(0);
        }
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "cut off: their requests did not end in time");
        }
        // Deliveries of one app may still call another: all of them end before the first app goes.
        let draining = rest.iter().map(|(sidecar, ..)| {
            let sidecar = sidecar.clone();
            tokio::spawn(async move { sidecar.stop_deliveries(deadline).await })
        });
        for drained in draining.collect::<Vec<_>>() {
            let _ = drained.await;
        }
        for (sidecar, watch, stop) in rest {
            sidecar.stop(deadline).await;
            if let Some(stop) = stop {
                let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
                let _ = stop.send(left);
            }
            if let Some(watch) = watch {
                good &= watch.await.is_ok_and(|exit| exit == Exit::Success);
            }
        }
        self.admin.shutdown(Duration::ZERO).await;
        self.traces.flush();
        print::line("Exited Dapr successfully");
        if good {
            print::line("Exited App successfully");
        }
        good
    }
}
