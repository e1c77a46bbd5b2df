//! Who answers the building-block calls of an app: the sidecar in this process, or a real daprd.

use crate::environment::{self, Announced};
use anyhow::{Result, anyhow, bail};
use pillion_api::{AppChannel, Pipeline, Sidecar, actors::HostedType, pubsub::Subscription};
use pillion_sidecar::{
    Daprd, DaprdConfig, Embedded,
    daprd::{
        Streams,
        actor_stream::TurnBounds,
        endpoint,
        work::{WorkBounds, Worker},
    },
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// How long daprd may be away before the log says so, and how long between two such lines.
const AWAY: Duration = Duration::from_secs(10);

/// The sidecar of one app.
#[derive(Clone)]
pub(crate) enum AppSidecar {
    /// In this process.
    Embedded(Arc<Embedded>),
    /// A process of its own.
    Daprd(Beside),
}

/// A daprd beside this process.
#[derive(Clone)]
pub(crate) struct Beside {
    client: Arc<Daprd>,
    greeting: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// Who does the app's workflows, if it has some.
    worker: Arc<Mutex<Option<Worker>>>,
    /// The events that it streams to the app.
    events: Arc<Mutex<Option<Streams>>>,
    /// The turns of actors that it asks for on a stream.
    actors: Arc<Mutex<Option<Streams>>>,
}

/// Makes the client of the daprd of an app. Nothing is connected yet: daprd waits for the app in turn.
///
/// # Errors
/// An address or a token that can't be one.
pub(crate) fn daprd(app_id: &str, announced: &Announced) -> Result<AppSidecar> {
    let wrong = |name: &'static str, text: &str, why: String| anyhow!("{name}: `{text}` {why}");
    let grpc = endpoint::grpc(&announced.grpc).map_err(|why| wrong(announced.grpc_from, &announced.grpc, why))?;
    let http = endpoint::http(&announced.http).map_err(|why| wrong(announced.http_from, &announced.http, why))?;
    let config = DaprdConfig { api_token: environment::dapr_api_token(), ..DaprdConfig::new(app_id, grpc, http) };
    let client = Arc::new(Daprd::new(config)?);
    Ok(AppSidecar::Daprd(Beside {
        client,
        greeting: Arc::default(),
        worker: Arc::default(),
        events: Arc::default(),
        actors: Arc::default(),
    }))
}

impl AppSidecar {
    /// What guests' calls go to.
    pub(crate) fn calls(&self) -> Arc<dyn Sidecar> {
        match self {
            Self::Embedded(embedded) => embedded.clone(),
            Self::Daprd(beside) => beside.client.clone(),
        }
    }

    /// What requests of Dapr's HTTP API go through; a daprd has its own.
    pub(crate) fn http_pipeline(&self) -> Pipeline {
        match self {
            Self::Embedded(embedded) => embedded.http_pipeline().clone(),
            Self::Daprd(_) => Pipeline::default(),
        }
    }

    /// Hands the app to the sidecar in this process. A daprd finds the app at its port; it is only greeted.
    pub(crate) fn start(&self, channel: Option<Arc<dyn AppChannel>>) {
        match self {
            Self::Embedded(embedded) => embedded.start(channel),
            Self::Daprd(beside) => {
                let mut greeting = beside.greeting.lock().unwrap_or_else(PoisonError::into_inner);
                greeting.get_or_insert_with(|| tokio::spawn(greet(beside.client.clone())));
            }
        }
    }

    /// Does the app's workflows from here on.
    ///
    /// # Errors
    /// There is no daprd, which has them.
    pub(crate) fn work(&self, app_id: &str, app: Arc<dyn AppChannel>, bounds: WorkBounds) -> Result<()> {
        let Self::Daprd(beside) = self else {
            bail!(
                "app `{app_id}` has `workflows`, and the sidecar in this process can't run them yet\nhint: start it behind a daprd, by `dapr run` and `pillion serve`"
            );
        };
        put(&beside.worker, beside.client.work(app, bounds));
        Ok(())
    }

    /// Takes what a daprd streams from here on. The sidecar in this process delivers all there is by itself.
    pub(crate) fn subscribe(&self, subscriptions: Vec<Subscription>, app: &Arc<dyn AppChannel>) {
        if let Self::Daprd(beside) = self
            && !subscriptions.is_empty()
        {
            put(&beside.events, beside.client.subscribe(subscriptions, app));
        }
    }

    /// Hosts actors over a stream to daprd from here on.
    pub(crate) fn host(&self, types: Vec<HostedType>, bounds: TurnBounds, app: &Arc<dyn AppChannel>) {
        if let Self::Daprd(beside) = self
            && !types.is_empty()
        {
            put(&beside.actors, beside.client.host(types, bounds, app));
        }
    }

    /// Waits for what must be there before the app counts as started: a daprd is not waited for, because it may wait for us.
    pub(crate) async fn wait_ready(&self) {
        if let Self::Embedded(embedded) = self {
            embedded.wait_ready().await;
        }
    }

    /// Begins no more deliveries, no more work of workflows and no more turns of actors; what a daprd posts ends at the app's
    /// port.
    pub(crate) async fn stop_deliveries(&self, deadline: Instant) {
        match self {
            Self::Embedded(embedded) => embedded.stop_deliveries(deadline).await,
            Self::Daprd(beside) => {
                let worker = take(&beside.worker);
                let work = async {
                    if let Some(worker) = worker {
                        worker.stop(deadline).await;
                    }
                };
                tokio::join!(work, end(take(&beside.events), deadline));
                // Last: what was in hand may have called an actor of this app.
                end(take(&beside.actors), deadline).await;
            }
        }
    }

    /// Ends the sidecar in this process, or forgets the daprd.
    pub(crate) async fn stop(&self, deadline: Instant) {
        match self {
            Self::Embedded(embedded) => embedded.stop(deadline).await,
            Self::Daprd(beside) => {
                if let Some(greeting) = take(&beside.greeting) {
                    greeting.abort();
                }
            }
        }
    }
}

fn put<T>(slot: &Mutex<Option<T>>, value: T) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

async fn end(streams: Option<Streams>, deadline: Instant) {
    if let Some(streams) = streams {
        streams.stop(deadline).await;
    }
}

/// Says when daprd is ready, that it is still away, and whether it is the one of this app.
async fn greet(daprd: Arc<Daprd>) {
    let app = daprd.app_id().to_owned();
    while tokio::time::timeout(AWAY, daprd.wait_ready()).await.is_err() {
        tracing::warn!(app, "daprd is not ready yet; calls to it fail until it is");
    }
    match daprd.metadata().await {
        Ok(metadata) if metadata.id == app => {
            tracing::info!(app, version = metadata.runtime_version, "daprd is ready");
        }
        Ok(metadata) => tracing::error!(
            app,
            daprd = metadata.id,
            "daprd was started for another app; hint: give both the same app id, or other ports"
        ),
        Err(error) => tracing::warn!(app, %error, hint = error.help(), "daprd is ready and refuses to say what it is"),
    }
}
