//! What the YAML of the resources folders says: Components, Subscriptions, Configurations, Resiliency, HTTPEndpoints.

mod component;
mod configuration;
mod endpoint;
mod load;
mod subscription;

pub use component::{Component, MetadataItem, MetadataValue};
pub use configuration::{Configuration, Handler, SecretScope};
pub use endpoint::HttpEndpoint;
pub use subscription::DeclaredSubscription;

use crate::yaml::Place;
use pillion_api::{Diagnostic, diagnostic::Severity};
use std::path::PathBuf;

/// How many YAML files of one folder are read.
pub const MAX_FILES: usize = 1000;

/// Where a resource was written. Two apps that load the same place share the component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file as the user named it.
    pub file: PathBuf,
    /// The place of the document among those of the file, from 0.
    pub document: usize,
    /// Line and column of the document, from 1.
    pub at: Place,
}

/// A Resiliency resource. Its policies are not acted on yet.
#[derive(Clone, Debug)]
pub struct Resiliency {
    /// `metadata.name`.
    pub name: String,
    /// The apps that it is for; empty is all.
    pub scopes: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// All resources of some folders and files, in the order of file and document.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Components of every building block.
    pub components: Vec<Component>,
    /// Declarative subscriptions.
    pub subscriptions: Vec<DeclaredSubscription>,
    /// Configurations.
    pub configurations: Vec<Configuration>,
    /// Resiliency policies.
    pub resiliencies: Vec<Resiliency>,
    /// HTTP endpoints.
    pub http_endpoints: Vec<HttpEndpoint>,
    /// What is wrong with the files.
    pub diagnostics: Vec<Diagnostic>,
}

impl Resources {
    /// Stores and brokers of these names that live in memory, made by no file: what a test puts in the place of real ones.
    pub fn in_memory<'a>(
        stores: impl IntoIterator<Item = &'a str>,
        brokers: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let stores = stores.into_iter().map(|name| (name, "state.in-memory"));
        let brokers = brokers.into_iter().map(|name| (name, "pubsub.in-memory"));
        let all = stores.chain(brokers).enumerate();
        let components = all.filter_map(|(place, (name, kind))| Component::made(name, kind, place)).collect();
        Self { components, ..Self::default() }
    }

    /// Whether a start is impossible.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Whether a resource with these scopes and namespace is one for an app.
pub(crate) fn visible(scopes: &[String], own_namespace: Option<&str>, app_id: &str, namespace: &str) -> bool {
    // As in daprd: a namespace only separates when the sidecar has one itself.
    let same = namespace.is_empty() || own_namespace.is_none_or(|own| own == namespace);
    same && (scopes.is_empty() || scopes.iter().any(|scope| scope == app_id))
}
