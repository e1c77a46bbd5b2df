//! What the program says about an app: its guests, routes and triggers, all checked before a port is bound.

use crate::{Guest, Limits};
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use pillion_api::pubsub::{Destination, Source, Subscription};
use pillion_api::{Body, Metadata, policy::Allow};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

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

/// Topic events that start a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The pub/sub component.
    pub pubsub: String,
    /// The topic.
    pub topic: String,
    /// The guest that takes the events.
    pub guest: String,
    /// Where an event goes that could not be handled.
    pub dead_letter: Option<String>,
    /// `rawPayload` and broker-specific extras.
    pub metadata: Metadata,
}

impl Trigger {
    pub(crate) fn subscription(&self) -> Subscription {
        Subscription {
            pubsub: self.pubsub.clone(),
            topic: self.topic.clone(),
            rules: Vec::new(),
            default: Some(Destination::Guest(self.guest.clone())),
            metadata: self.metadata.clone(),
            dead_letter_topic: self.dead_letter.clone(),
            bulk: None,
            source: Source::Declarative,
        }
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
    /// What the guests may touch. `hosts` is enforced here, the rest by the sidecar.
    pub allow: Allow,
    /// Dapr HTTP ports of this run by their app id: a request to one of them on this machine stays in process.
    pub dapr_ports: HashMap<u16, String>,
}
