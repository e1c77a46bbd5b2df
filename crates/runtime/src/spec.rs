//! What the program says about an app: its guests, routes and triggers, all checked before a port is bound.

use crate::{Guest, Limits};
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use pillion_api::pubsub::{Bulk, Destination, Source, Subscription};
use pillion_api::sql::Databases;
use pillion_api::{Body, Metadata, policy::Allow};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Answers a request to a Dapr HTTP port in process, on behalf of the app that asks. The request's URI is absolute.
pub type DaprHttp = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A directory that a guest sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// The directory on this machine.
    pub host: PathBuf,
    /// Its name in the guest.
    pub guest: String,
    /// Refuses every change.
    pub read_only: bool,
    /// Holds small regular files that this process put there: to read them is no wait, so it needs no other thread.
    pub small_files: bool,
}

/// One guest of an app.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// Its name in the app; routes and triggers use it.
    pub name: String,
    /// The loaded code.
    pub guest: Guest,
    /// Environment of the guest, beside the request's own variables.
    pub env: BTreeMap<String, String>,
    /// Arguments after the program's name.
    pub args: Vec<String>,
    /// Directories that the guest sees.
    pub preopens: Vec<Preopen>,
    /// What one call may use.
    pub limits: Limits,
    /// Whether clocks and random numbers are made up, the same in every call.
    pub strict: bool,
    /// Models by the name that the guest uses.
    pub models: BTreeMap<String, Arc<pillion_nn::Model>>,
}

impl GuestSpec {
    /// A guest with the defaults.
    pub fn new(name: impl Into<String>, guest: Guest) -> Self {
        Self {
            name: name.into(),
            guest,
            env: BTreeMap::new(),
            args: Vec::new(),
            preopens: Vec::new(),
            limits: Limits::default(),
            strict: false,
            models: BTreeMap::new(),
        }
    }
}

/// A path and everything below it.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path, as `/api/image`.
    pub path: String,
    /// The methods taken; empty takes all. `HEAD` goes with `GET`.
    pub methods: Vec<Method>,
    /// Who answers.
    pub target: RouteTarget,
}

/// Who answers a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// A guest of this app.
    Guest(String),
    /// The files of a directory, by the host.
    Directory(PathBuf),
    /// Another address, from exactly the route's path (302).
    Redirect(String),
}

/// What starts a guest beside requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What it is.
    pub on: On,
    /// The guest that takes it.
    pub guest: String,
}

/// What can start a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// Messages of a topic.
    Topic {
        /// The pub/sub component.
        pubsub: String,
        /// The topic.
        topic: String,
        /// Where a message goes that could not be handled.
        dead_letter: Option<String>,
        /// `rawPayload` and broker-specific extras.
        metadata: Metadata,
        /// Whether the app asks its sidecar for them, rather than wait at its port.
        streaming: bool,
        /// Present where several come at once.
        bulk: Option<Bulk>,
    },
    /// Events of the input binding of this name.
    Binding(String),
    /// The job of this name.
    Job(String),
    /// Changes of configuration, which the app follows from its start.
    Configuration {
        /// The component.
        store: String,
        /// The keys; none is all.
        keys: Vec<String>,
    },
}

impl On {
    /// Messages of a topic, posted to the app's port one by one.
    pub fn topic(pubsub: impl Into<String>, topic: impl Into<String>) -> Self {
        let metadata = Metadata::new();
        let (pubsub, topic) = (pubsub.into(), topic.into());
        Self::Topic { pubsub, topic, dead_letter: None, metadata, streaming: false, bulk: None }
    }
}

impl Trigger {
    /// The handler that a dapr guest needs for it.
    pub(crate) fn handler(&self) -> &'static str {
        match self.on {
            On::Topic { bulk: Some(_), .. } => "bulk-topic-handler",
            On::Topic { .. } => "topic-handler",
            On::Binding(_) => "binding-handler",
            On::Job(_) => "job-handler",
            On::Configuration { .. } => "configuration-handler",
        }
    }

    /// What it subscribes to, if it is a topic.
    pub(crate) fn subscription(&self) -> Option<Subscription> {
        let On::Topic { pubsub, topic, dead_letter, metadata, streaming, bulk } = &self.on else { return None };
        Some(Subscription {
            pubsub: pubsub.clone(),
            topic: topic.clone(),
            rules: Vec::new(),
            default: Some(Destination::Guest(self.guest.clone())),
            metadata: metadata.clone(),
            dead_letter_topic: dead_letter.clone(),
            bulk: *bulk,
            source: if *streaming { Source::Streaming } else { Source::Declarative },
        })
    }
}

/// The workflows and activities of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowSpec {
    /// The guests that have them; none is every guest that has some.
    pub guests: Vec<String>,
    /// What they may ask for.
    pub bounds: crate::WorkflowBounds,
}

/// An actor type that a guest hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorType {
    /// The type.
    pub kind: String,
    /// The guest, which has an actor-handler.
    pub guest: String,
    /// An actor that nobody called so long is deactivated, whether or not Dapr asks for it.
    pub idle: Duration,
}

/// The actors of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actors {
    /// Each type once.
    pub types: Vec<ActorType>,
    /// Active at the same time, at least 1. Past it the one leaves that was idle longest.
    pub most_active: usize,
}

impl Actors {
    /// Active actors of an app that says nothing: as many have room in the default memory budget.
    pub const MOST_ACTIVE: usize = 500;
}

impl Default for Actors {
    fn default() -> Self {
        Self { types: Vec::new(), most_active: Self::MOST_ACTIVE }
    }
}

/// One app.
#[derive(Clone, Debug, Default)]
pub struct AppSpec {
    /// The Dapr app id.
    pub app_id: String,
    /// At least one guest, or routes that need none.
    pub guests: Vec<GuestSpec>,
    /// None sends everything to the only guest.
    pub routes: Vec<Route>,
    /// What starts guests beside routes.
    pub triggers: Vec<Trigger>,
    /// Its workflows and activities, if it has some.
    pub workflows: Option<WorkflowSpec>,
    /// Actor types, each of a guest.
    pub actors: Actors,
    /// What the guests may touch. `hosts` is enforced here, the rest by the sidecar.
    pub allow: Allow,
    /// Dapr HTTP ports of this run by their app id: a request to one of them on this machine stays in process.
    pub dapr_ports: HashMap<u16, String>,
    /// Its databases, if it has some.
    pub databases: Option<Arc<dyn Databases>>,
}
