//! The sidecar of one app, in the app's own process.

mod absent;
mod invoke;
mod open;
mod serve;
mod start;

use crate::{
    bindings::OutputBinding,
    http_client::HttpClient,
    pubsub::{Consuming, subscribe::Pubsub},
    resources::{Component, HttpEndpoint, Resources, SecretScope},
    run::{Run, SharedKey},
    secrets::SecretStore,
    state::{StateStore, keys::Keys},
};
use pillion_api::{Metadata, Middleware, Pipeline, pubsub::Subscription};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicBool},
};
use tokio::{sync::watch, task::JoinHandle};

/// The namespace of an app that has none.
const DEFAULT_NAMESPACE: &str = "default";

/// What one app's sidecar needs to know.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The app.
    pub app_id: String,
    /// The namespace that daprd would have from its environment; empty is none.
    pub namespace: String,
    /// What the resources folders say.
    pub resources: Arc<Resources>,
    /// What the app shares with the others of the process.
    pub run: Arc<Run>,
    /// The port of the app, 0 for none; shown in the metadata.
    pub app_port: u16,
    /// `http` or `grpc`; shown in the metadata.
    pub app_protocol: String,
    /// The address of the app; shown in the metadata.
    pub app_channel_address: String,
    /// The version that the metadata shows.
    pub runtime_version: String,
    /// Calls to the app at a time, of all kinds together; 0 is no bound.
    pub max_concurrency: u32,
}

impl EmbeddedConfig {
    /// An app without a port and without bounds.
    pub fn new(app_id: impl Into<String>, resources: Arc<Resources>, run: Arc<Run>) -> Self {
        Self {
            app_id: app_id.into(),
            namespace: String::new(),
            resources,
            run,
            app_port: 0,
            app_protocol: "http".to_owned(),
            app_channel_address: "127.0.0.1".to_owned(),
            runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
            max_concurrency: 0,
        }
    }
}

/// The sidecar of one app: [`open`](Self::open), [`start`](Self::start), then [`stop`](Self::stop).
pub struct Embedded {
    config: EmbeddedConfig,
    components: Components,
    http: HttpClient,
    endpoints: BTreeMap<String, Endpoint>,
    pipelines: Pipelines,
    /// Declared for this app.
    declared: Vec<Subscription>,
    /// In force since the app was asked.
    subscriptions: RwLock<Vec<Subscription>>,
    extended: Mutex<Metadata>,
    consuming: Arc<Consuming>,
    ready: watch::Sender<bool>,
    starting: Mutex<Option<JoinHandle<()>>>,
    stopped: AtomicBool,
}

/// The open components that an app sees, by building block and name.
#[derive(Default)]
struct Components {
    state: BTreeMap<String, State>,
    pubsub: BTreeMap<String, Pubsub>,
    secrets: BTreeMap<String, Secrets>,
    bindings: BTreeMap<String, Arc<dyn OutputBinding>>,
    middlewares: BTreeMap<String, Arc<dyn Middleware>>,
    /// In the order of the files, for the metadata.
    listed: Vec<(Component, &'static [&'static str])>,
    keys: Vec<SharedKey>,
}

/// What stands before Dapr's HTTP API, and before the app.
struct Pipelines {
    http: Pipeline,
    app: Pipeline,
}

struct State {
    store: Arc<dyn StateStore>,
    keys: Keys,
}

struct Secrets {
    store: Arc<dyn SecretStore>,
    scope: Option<SecretScope>,
}

/// An HTTPEndpoint with its headers resolved.
struct Endpoint {
    resource: HttpEndpoint,
    headers: Vec<(http::HeaderName, http::HeaderValue)>,
}

impl Embedded {
    /// Whether the app has been asked for its subscriptions and deliveries have begun.
    pub fn ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until [`ready`](Self::ready).
    pub async fn wait_ready(&self) {
        // The sender is this sidecar's own, so it outlives the wait.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The app's namespace; daprd's own where none is set.
    fn namespace(&self) -> &str {
        if self.config.namespace.is_empty() { DEFAULT_NAMESPACE } else { &self.config.namespace }
    }

    /// What requests of Dapr's HTTP API go through: the `httpPipeline` of the app's Configuration.
    pub fn http_pipeline(&self) -> &Pipeline {
        &self.pipelines.http
    }

    fn extended(&self) -> MutexGuard<'_, Metadata> {
        self.extended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
