//! What a request to an app's port is: one of daprd's, or a call of a guest.

use super::{
    actors::{self, Asked, What},
    config, grpc, headers,
    reserved::Reserved,
};
use http::{HeaderMap, Method, header};
use pillion_api::{path::Path, pubsub::Destination, subscribe};

/// A request's meaning, read once from its method, path and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// The app health probe.
    Health,
    /// Which actors there are.
    Config,
    /// What the app subscribes to.
    Subscribe,
    /// Whether the app takes an input binding's events; true where `on:` says so.
    Probe {
        wanted: bool,
    },
    /// Events of a topic, for a guest of `on:`, or for one with typed handlers at the path of a declared subscription.
    Topic {
        to: Destination,
    },
    Binding {
        name: String,
    },
    Job {
        name: String,
    },
    Configuration {
        store: String,
    },
    /// A turn of an actor.
    Actor(Asked),
    /// Any of these over gRPC.
    Grpc(grpc::Call),
    /// None of Dapr's business: a route's.
    Guest,
}

impl Question {
    pub(super) fn read(method: &Method, path: &Path, headers: &HeaderMap, reserved: &Reserved, typed: bool) -> Self {
        if let Some(call) = grpc::read(path.as_str(), headers) {
            return Self::Grpc(call);
        }
        match *method {
            Method::GET | Method::HEAD if reserved.is_health(path) => Self::Health,
            Method::GET if path.as_str() == config::PATH => Self::Config,
            Method::GET if path.as_str() == subscribe::PATH => Self::Subscribe,
            // A browser's preflight names the page; daprd's probe is no page's.
            Method::OPTIONS if !headers.contains_key(header::ORIGIN) => {
                Self::Probe { wanted: reserved.binding_at(path).is_some() }
            }
            Method::PUT | Method::DELETE => Self::of_actor(method, path, headers, reserved, typed),
            Method::POST => match Self::of_post(path, reserved) {
                Self::Guest if typed => Self::of_typed(path, headers),
                question => question,
            },
            _ => Self::Guest,
        }
    }

    /// A type that no guest of the app has is an http guest's own, or nobody's.
    fn of_actor(method: &Method, path: &Path, headers: &HeaderMap, reserved: &Reserved, typed: bool) -> Self {
        let is_hosted = |asked: &Asked| reserved.hosts(&asked.actor.kind) || (typed && !reserved.actors().is_empty());
        actors::read(method, path, headers).filter(is_hosted).map_or(Self::Guest, Self::Actor)
    }

    fn of_post(path: &Path, reserved: &Reserved) -> Self {
        if let Some(guest) = reserved.topic_guest(path) {
            Self::Topic { to: Destination::Guest(guest.to_owned()) }
        } else if let Some(name) = reserved.binding_at(path) {
            Self::Binding { name: name.to_owned() }
        } else if let Some(name) = reserved.job_at(path) {
            Self::Job { name: name.to_owned() }
        } else if let Some(store) = reserved.configuration_at(path) {
            Self::Configuration { store: store.to_owned() }
        } else {
            Self::Guest
        }
    }

    /// What daprd posts to a guest that has a handler for it, whatever `on:` says. Every delivery names its component.
    fn of_typed(path: &Path, headers: &HeaderMap) -> Self {
        let mut segments = path.segments();
        match [segments.next(), segments.next(), segments.next()] {
            _ if headers.contains_key("pubsubname") => Self::Topic { to: Destination::Path(path.to_string()) },
            [Some("job"), Some(name), None] => Self::Job { name: name.to_owned() },
            [Some("configuration"), Some(store), Some(_)] => Self::Configuration { store: store.to_owned() },
            _ => Self::Guest,
        }
    }

    /// Whether daprd asks it without the app's token: the health probe, and over gRPC the names of topics and bindings.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Health | Self::Grpc(grpc::Call::Health | grpc::Call::List))
    }

    /// Whether only the app's own daprd may ask it. A probe is only answered by yes or no.
    pub(super) fn is_daprs(&self) -> bool {
        matches!(self, Self::Config | Self::Subscribe | Self::Actor(_) | Self::Grpc(grpc::Call::List))
            || self.is_event()
    }

    /// Whether it hands work over that somebody would hand over again.
    pub(super) fn is_event(&self) -> bool {
        match self {
            Self::Topic { .. } | Self::Binding { .. } | Self::Job { .. } | Self::Configuration { .. } => true,
            // Who is to leave may always do so.
            Self::Actor(asked) => asked.what != What::Deactivate,
            Self::Grpc(call) => *call == grpc::Call::Event,
            _ => false,
        }
    }

    /// Whether the call was sent by another app, by service invocation. The API of actors hands on what its caller sent, a
    /// proxy's headers too: only the name that daprd gives an app says that it was none.
    pub(super) fn is_invoked(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Actor(asked) if matches!(asked.what, What::Method(_)) => headers::names_caller(headers),
            _ => headers::is_invoked(headers),
        }
    }
}
