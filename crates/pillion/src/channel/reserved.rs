//! The paths of an app's port that are daprd's, because `on:` of the manifest says so.

use pillion_api::{
    actors::HostedType,
    path::{self, Path},
};
use std::collections::{BTreeMap, BTreeSet};

/// Below it is the route of each guest that `on:` gives topic events to. No name of a guest has a character that a path
/// would have to encode, and the route stays the same while the manifest is edited under a running daprd.
const TOPICS: &str = "/dapr/on/";

/// What `on:` names, as the paths by which daprd delivers it.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    guests: BTreeSet<String>,
    bindings: BTreeMap<Path, String>,
    jobs: BTreeSet<String>,
    configurations: BTreeSet<String>,
    actors: Vec<HostedType>,
    health: Option<Path>,
}

/// The route that `GET /dapr/subscribe` names for a guest of `on:`.
pub(crate) fn topic_route(guest: &str) -> String {
    format!("{TOPICS}{guest}")
}

/// The guest of a route made by [`topic_route`].
pub(crate) fn guest_of(route: &str) -> Option<&str> {
    route.strip_prefix(TOPICS).filter(|guest| !guest.is_empty() && !guest.contains('/'))
}

impl Reserved {
    /// A guest takes events of a topic.
    pub(crate) fn topic(&mut self, guest: &str) {
        self.guests.insert(guest.to_owned());
    }

    /// A guest takes events of an input binding.
    pub(crate) fn binding(&mut self, name: &str) {
        if let Ok(path) = path::normalise(name) {
            self.bindings.insert(path, name.to_owned());
        }
    }

    /// A guest takes a job.
    pub(crate) fn job(&mut self, name: &str) {
        self.jobs.insert(name.to_owned());
    }

    /// A guest takes changes of a configuration store.
    pub(crate) fn configuration(&mut self, store: &str) {
        self.configurations.insert(store.to_owned());
    }

    /// A guest is the actors of a type.
    pub(crate) fn actor(&mut self, hosted: HostedType) {
        self.actors.push(hosted);
    }

    /// The health probe's path, where no route of the app is meant to answer it.
    pub(crate) fn health(&mut self, path: &str) {
        self.health = path::normalise(path).ok();
    }

    /// The input bindings, by name.
    pub(super) fn bindings(&self) -> Vec<String> {
        self.bindings.values().cloned().collect()
    }

    /// The actor types.
    pub(super) fn actors(&self) -> &[HostedType] {
        &self.actors
    }

    /// Whether a guest is the actors of a type.
    pub(super) fn hosts(&self, kind: &str) -> bool {
        self.actors.iter().any(|hosted| hosted.kind == kind)
    }

    pub(super) fn is_health(&self, path: &Path) -> bool {
        self.health.as_ref() == Some(path)
    }

    /// Whether daprd posts events of a topic to a guest.
    pub(super) fn has_topic(&self, guest: &str) -> bool {
        self.guests.contains(guest)
    }

    pub(super) fn topic_guest<'a>(&self, path: &'a Path) -> Option<&'a str> {
        guest_of(path.as_str()).filter(|guest| self.has_topic(guest))
    }

    pub(super) fn binding_at(&self, path: &Path) -> Option<&str> {
        self.bindings.get(path).map(String::as_str)
    }

    pub(super) fn job_at<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.as_str().strip_prefix("/job/").filter(|name| self.jobs.contains(*name))
    }

    pub(super) fn configuration_at<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let (store, _) = path.as_str().strip_prefix("/configuration/")?.split_once('/')?;
        self.configurations.contains(store).then_some(store)
    }
}
