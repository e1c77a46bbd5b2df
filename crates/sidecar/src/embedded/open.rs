//! Opening: the components that an app may see, secret stores first, each within its time.

use super::{Components, Embedded, EmbeddedConfig, Endpoint, Pipelines, Secrets, State};
use crate::{
    components::{Init, Opened},
    program::STRICT,
    pubsub::{Consuming, scopes::Scopes, subscribe::Pubsub},
    resources::{
        Component, Configuration, Handler, HttpEndpoint, MetadataItem, MetadataValue, Origin, SecretScope, visible,
    },
    run::SharedKey,
    secrets::env,
    state::keys::Keys,
};
use http::{HeaderName, HeaderValue};
use pillion_api::{Diagnostic, Pipeline};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, RwLock, atomic::AtomicBool},
};
use tokio::sync::watch;

impl Embedded {
    /// Opens the components that the app may see. Those of another app that were written in the same place are shared.
    ///
    /// # Errors
    /// Each component that could not be opened, unless it says `ignoreErrors: true`.
    pub async fn open(config: EmbeddedConfig) -> Result<Arc<Self>, Vec<Diagnostic>> {
        let mut opening = Opening { config: &config, components: Components::default(), diagnostics: Vec::new() };
        opening.open_all().await;
        let endpoints = opening.endpoints().await;
        let pipelines = opening.pipelines();
        let Opening { components, diagnostics, .. } = opening;
        if !diagnostics.is_empty() {
            for key in &components.keys {
                config.run.release(key).await;
            }
            return Err(diagnostics);
        }
        let declared = config.resources.subscriptions.iter();
        let declared = declared
            .filter(|declared| {
                visible(&declared.scopes, declared.namespace.as_deref(), &config.app_id, &config.namespace)
            })
            .map(|declared| declared.subscription.clone())
            .collect();
        Ok(Arc::new(Self {
            components,
            endpoints,
            pipelines,
            declared,
            http: config.run.http.clone(),
            config,
            subscriptions: RwLock::default(),
            extended: Mutex::default(),
            consuming: Arc::new(Consuming::new()),
            ready: watch::Sender::new(false),
            starting: Mutex::default(),
            stopped: AtomicBool::new(false),
        }))
    }
}

/// The same place, however the apps spelt the path to it.
fn resolved(origin: &Origin) -> Origin {
    let file = origin.file.canonicalize().unwrap_or_else(|_| origin.file.clone());
    Origin { file, ..origin.clone() }
}

struct Opening<'a> {
    config: &'a EmbeddedConfig,
    components: Components,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Opening<'a> {
    async fn open_all(&mut self) {
        let EmbeddedConfig { app_id, namespace, resources, .. } = self.config;
        let mine =
            |component: &&Component| visible(&component.scopes, component.namespace.as_deref(), app_id, namespace);
        let mut waiting: Vec<&Component> = resources.components.iter().filter(mine).collect();
        // A component waits for its secret store; a circle of stores leaves some over.
        while !waiting.is_empty() {
            let (ready, blocked): (Vec<_>, Vec<_>) = waiting.iter().partition(|component| self.has_secrets(component));
            if ready.is_empty() {
                break;
            }
            for component in ready {
                self.open(component).await;
            }
            waiting = blocked;
        }
        for component in waiting {
            let store = component.secret_store.as_deref().unwrap_or_default();
            self.fail(component, format!("its secret store `{store}` isn't there"));
        }
        self.components.listed.sort_by_key(|(component, _)| {
            resources.components.iter().position(|other| other.origin == component.origin)
        });
    }

    fn has_secrets(&self, component: &Component) -> bool {
        let needs = component.metadata.iter().any(|item| matches!(item.value, MetadataValue::Secret { .. }));
        let store = component.secret_store.as_deref().filter(|_| needs);
        store.is_none_or(|store| self.components.secrets.contains_key(store))
    }

    async fn open(&mut self, component: &Component) {
        let opened = tokio::time::timeout(component.init_timeout, self.open_one(component)).await;
        let late = || Err(format!("it did not open within {:?}", component.init_timeout));
        match opened.unwrap_or_else(|_| late()) {
            Ok((key, opened, metadata)) => {
                self.components.keys.push(key);
                match self.keep(&component.name, &opened, &metadata) {
                    Ok(()) => self.components.listed.push((component.clone(), opened.capabilities())),
                    Err(why) => self.fail(component, why),
                }
            }
            Err(why) => self.fail(component, why),
        }
    }

    async fn open_one(&self, component: &Component) -> Result<(SharedKey, Opened, BTreeMap<String, String>), String> {
        let run = &self.config.run;
        let mut metadata = BTreeMap::new();
        for item in &component.metadata {
            let name = component.spec.key(&item.name).map_or(item.name.as_str(), |key| key.name.as_str());
            let value = self.resolve(item, component.secret_store.as_deref()).await?;
            metadata.insert(name.to_owned(), value);
        }
        if self.is_strict() && component.spec.key(STRICT).is_some() {
            metadata.insert(STRICT.to_owned(), "true".to_owned());
        }
        let key = SharedKey {
            origin: resolved(&component.origin),
            name: component.name.clone(),
            kind: component.kind.clone(),
            metadata: metadata.clone(),
        };
        let init = Init {
            name: component.name.clone(),
            metadata: metadata.clone(),
            clock: Arc::clone(&run.config.clock),
            limits: run.config.limits,
            buses: Arc::clone(&run.buses),
            directory: run.config.directory.clone(),
            http: run.http.clone(),
            programs: run.config.programs.clone(),
        };
        let opened = run.component(&key, || (component.spec.open)(init.clone())).await?;
        Ok((key, opened, metadata))
    }

    /// The value of an item. Secrets never come into a message.
    async fn resolve(&self, item: &MetadataItem, secret_store: Option<&str>) -> Result<String, String> {
        match &item.value {
            MetadataValue::Plain(text) => Ok(self.fill(text)),
            MetadataValue::Env(name) => Ok(env::variable(name)),
            MetadataValue::Secret { name, key } => {
                let store = secret_store.ok_or_else(|| {
                    format!("`secretKeyRef` of `{}` needs `auth: {{ secretStore: … }}` beside `spec`", item.name)
                })?;
                let secrets = self.components.secrets.get(store);
                let secrets = secrets.ok_or_else(|| format!("its secret store `{store}` isn't there"))?;
                let secret = secrets.store.get(name).await?;
                let value = secret.0.get(key).cloned();
                value.ok_or_else(|| format!("the secret `{name}` of `{store}` has no value `{key}`"))
            }
        }
    }

    /// Fills in Dapr's templates.
    fn fill(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let EmbeddedConfig { app_id, namespace, .. } = self.config;
        let uuid = || uuid::Uuid::new_v4().to_string();
        let text = if text.contains("{uuid}") { text.replace("{uuid}", &uuid()) } else { text.to_owned() };
        text.replace("{appID}", app_id)
            .replace("{namespace}", &format!("{namespace}.{app_id}"))
            .replace("{podName}", "")
    }

    fn keep(&mut self, name: &str, opened: &Opened, metadata: &BTreeMap<String, String>) -> Result<(), String> {
        let EmbeddedConfig { app_id, namespace, .. } = self.config;
        let name = name.to_owned();
        match opened {
            Opened::State(store) => {
                let strategy = metadata.get("keyPrefix").map(String::as_str).filter(|text| !text.is_empty());
                let keys = Keys::new(&name, strategy, app_id, namespace)?;
                self.components.state.insert(name, State { store: Arc::clone(store), keys });
            }
            Opened::Pubsub(broker) => {
                let group = metadata.get("consumerID").filter(|id| !id.is_empty()).unwrap_or(app_id).clone();
                let scopes = Scopes::read(metadata, app_id);
                self.components.pubsub.insert(name, Pubsub { broker: Arc::clone(broker), scopes, group });
            }
            Opened::Secrets(store) => {
                let of_store = |scope: &&SecretScope| scope.store == name;
                // As in Dapr, a later Configuration replaces an earlier one.
                let scope = self.configurations().flat_map(|one| &one.secret_scopes).rfind(of_store).cloned();
                self.components.secrets.insert(name, Secrets { store: Arc::clone(store), scope });
            }
            Opened::Binding(binding) => {
                self.components.bindings.insert(name, Arc::clone(binding));
            }
            Opened::Middleware(middleware) => {
                self.components.middlewares.insert(name, Arc::clone(middleware));
            }
        }
        Ok(())
    }

    /// The Configurations of the app, the last word last.
    fn configurations(&self) -> impl DoubleEndedIterator<Item = &'a Configuration> {
        let EmbeddedConfig { app_id, namespace, resources, .. } = self.config;
        resources.configurations.iter().filter(move |one| visible(&[], one.namespace.as_deref(), app_id, namespace))
    }

    fn is_strict(&self) -> bool {
        self.configurations().any(|configuration| configuration.strict_sandbox)
    }

    fn pipelines(&self) -> Pipelines {
        let http = self.configurations().filter_map(|one| one.http_pipeline.as_deref()).next_back();
        let app = self.configurations().filter_map(|one| one.app_http_pipeline.as_deref()).next_back();
        Pipelines { http: self.pipeline(http), app: self.pipeline(app) }
    }

    /// A handler whose component isn't there, or isn't this app's, is left out, as in daprd.
    fn pipeline(&self, handlers: Option<&[Handler]>) -> Pipeline {
        let handler = |handler: &Handler| {
            let listed = self.components.listed.iter().any(|(component, _)| component.is_handler(handler));
            let found = self.components.middlewares.get(&handler.name).filter(|_| listed).cloned();
            if found.is_none() {
                let (app, handler) = (&self.config.app_id, &handler.name);
                tracing::warn!(app, handler, "a pipeline goes on without a handler that has no component");
            }
            found
        };
        Pipeline::new(handlers.unwrap_or_default().iter().filter_map(handler).collect())
    }

    async fn endpoints(&mut self) -> BTreeMap<String, Endpoint> {
        let EmbeddedConfig { app_id, namespace, resources, .. } = self.config;
        let mut endpoints = BTreeMap::new();
        for resource in &resources.http_endpoints {
            if !visible(&resource.scopes, resource.namespace.as_deref(), app_id, namespace) {
                continue;
            }
            match self.endpoint_headers(resource).await {
                Ok(headers) => {
                    endpoints.insert(resource.name.clone(), Endpoint { resource: resource.clone(), headers });
                }
                Err(why) => {
                    let (line, column) = resource.origin.at;
                    let message = format!("HTTPEndpoint `{}`: {why}", resource.name);
                    self.diagnostics.push(Diagnostic::error(&resource.origin.file, message).at(line, column));
                }
            }
        }
        endpoints
    }

    async fn endpoint_headers(&self, resource: &HttpEndpoint) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let mut headers = Vec::new();
        for item in &resource.headers {
            let value = self.resolve(item, resource.secret_store.as_deref()).await?;
            let name = item.name.parse().map_err(|_| format!("`{}` is no name of a header", item.name))?;
            let mut value: HeaderValue =
                value.parse().map_err(|_| format!("the header `{}` can't hold its value", item.name))?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(headers)
    }

    fn fail(&mut self, component: &Component, why: String) {
        let message = format!("component `{}` ({}): {why}", component.name, component.kind);
        if component.ignore_errors {
            return tracing::warn!(component = component.name, why, "a component could not be opened and is left out");
        }
        let (line, column) = component.origin.at;
        self.diagnostics.push(Diagnostic::error(&component.origin.file, message).at(line, column));
    }
}
