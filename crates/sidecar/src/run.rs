//! What the apps of one process share: each other's channels, components, in-memory buses, limits, the clock.

use crate::{
    clock::{Clock, SystemClock},
    components::Opened,
    http_client::HttpClient,
    pubsub::{Redelivery, in_memory::Buses},
    resources::Origin,
};
use pillion_api::{AppChannel, Programs, diagnostic::nearest};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use tokio::sync::OnceCell;

/// Bounds of what the built-in components hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one in-memory state store holds, each entry counted with some overhead.
    pub state_memory: u64,
    /// Messages that wait for one group of one topic.
    pub queue_messages: usize,
    /// Bytes of the messages that wait for one group of one topic.
    pub queue_bytes: u64,
    /// Operations of one state transaction, and keys of one bulk request.
    pub state_operations: usize,
    /// Bytes of an app's answer to a delivery, or to a question for its subscriptions.
    pub answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            state_memory: 256 * 1024 * 1024,
            queue_messages: 10_000,
            queue_bytes: 64 * 1024 * 1024,
            state_operations: 10_000,
            answer: 1024 * 1024,
        }
    }
}

/// How a run differs from the usual.
#[derive(Clone)]
pub struct RunConfig {
    /// Bounds of what is held in memory.
    pub limits: Limits,
    /// How messages are delivered again.
    pub redelivery: Redelivery,
    /// The folder that relative paths in components are relative to: daprd's working directory.
    pub directory: PathBuf,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What runs the WebAssembly that components name; without it such components can't be opened.
    pub programs: Option<Arc<dyn Programs>>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            redelivery: Redelivery::default(),
            directory: PathBuf::new(),
            clock: Arc::new(SystemClock),
            programs: None,
        }
    }
}

/// What the apps of one process share. One per process; dropped last.
pub struct Run {
    pub(crate) config: RunConfig,
    pub(crate) buses: Arc<Buses>,
    pub(crate) http: HttpClient,
    apps: RwLock<BTreeMap<String, Arc<dyn AppChannel>>>,
    components: Mutex<HashMap<SharedKey, Shared>>,
}

/// What makes two apps' components one: the place where it was written and what it came to for each of them, so that
/// neither a template nor an edited file mixes them up. Holds secrets, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SharedKey {
    pub(crate) origin: Origin,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Empty while its first user opens it; others wait for that one only.
#[derive(Default)]
struct Shared {
    component: Arc<OnceCell<Opened>>,
    users: usize,
}

impl Run {
    /// A run without apps.
    pub fn new(config: RunConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            buses: Arc::default(),
            http: HttpClient::new(),
            apps: RwLock::default(),
            components: Mutex::default(),
        })
    }

    /// The ids of the apps that can be called, sorted.
    pub fn app_ids(&self) -> Vec<String> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// How an app of this run is reached.
    pub fn app(&self, app_id: &str) -> Option<Arc<dyn AppChannel>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app_id).cloned()
    }

    /// The app that a mistyped id may have meant.
    pub(crate) fn nearest_app(&self, typed: &str) -> Option<String> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        nearest(typed, apps.keys().map(String::as_str)).map(str::to_owned)
    }

    pub(crate) fn add_app(&self, app_id: &str, channel: Arc<dyn AppChannel>) {
        self.apps.write().unwrap_or_else(PoisonError::into_inner).insert(app_id.to_owned(), channel);
    }

    pub(crate) fn remove_app(&self, app_id: &str) {
        self.apps.write().unwrap_or_else(PoisonError::into_inner).remove(app_id);
    }

    /// The open component of a key, opened by the first who asks.
    pub(crate) async fn component<F>(&self, key: &SharedKey, open: impl Fn() -> F) -> Result<Opened, String>
    where
        F: Future<Output = Result<Opened, String>>,
    {
        loop {
            let cell = Arc::clone(&self.components().entry(key.clone()).or_default().component);
            let component = cell.get_or_try_init(&open).await?.clone();
            // Another app may have closed it meanwhile, as its last user.
            if let Some(shared) = self.components().get_mut(key).filter(|shared| Arc::ptr_eq(&shared.component, &cell))
            {
                shared.users += 1;
                return Ok(component);
            }
        }
    }

    /// Closes the component of a key when its last user is gone.
    pub(crate) async fn release(&self, key: &SharedKey) {
        if let Some(Opened::State(store)) = self.leave(key) {
            store.close().await;
        }
    }

    /// One user less; the component, if it was the last.
    fn leave(&self, key: &SharedKey) -> Option<Opened> {
        let mut components = self.components();
        let shared = components.get_mut(key)?;
        shared.users = shared.users.saturating_sub(1);
        if shared.users > 0 {
            return None;
        }
        components.remove(key)?.component.get().cloned()
    }

    fn components(&self) -> MutexGuard<'_, HashMap<SharedKey, Shared>> {
        self.components.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
