//! An app made of guests: the answer of this process to whatever Dapr, or a client, asks of it.

mod channel;
mod workflows;

use crate::actors::Actors;
use crate::call::{self, Hosted};
use crate::files::not_allowed;
use crate::hosts::Hosts;
use crate::kind::{dapr, messages};
use crate::limits::key;
use crate::outgoing::Outgoing;
use crate::route::{self, Found, Router};
use crate::runtime::Shared;
use crate::spec::{AppSpec, DaprHttp, GuestSpec, On, Trigger};
use crate::stats::GuestStats;
use crate::{GuestKind, engine};
use arc_swap::ArcSwap;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use pillion_api::pubsub::{Source, Subscription};
use pillion_api::{Body, Code, Error, Sidecar, body, path, subscribe};
use std::sync::Arc;
use workflows::Workflows;

/// The answer to the question for subscriptions, which is small JSON.
const MAX_ANSWER: u64 = 1 << 20;

/// A running app. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    id: String,
    /// Each as its code is at the moment; a call keeps what it began with.
    guests: Box<[ArcSwap<Hosted>]>,
    router: Router,
    triggers: Vec<Trigger>,
    workflows: Option<Workflows>,
    actors: Arc<Actors>,
}

impl App {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        spec: AppSpec,
        sidecar: Arc<dyn Sidecar>,
        dapr_http: DaprHttp,
    ) -> Result<Self, Error> {
        let hosts = Arc::new(Hosts::parse(&spec.app_id, &spec.allow.hosts)?);
        let ports = Arc::new(spec.dapr_ports);
        let names: Vec<&str> = spec.guests.iter().map(|guest| guest.name.as_str()).collect();
        let router = Router::new(&spec.app_id, spec.routes, &names)?;
        spec.triggers.iter().try_for_each(|trigger| check_trigger(&spec.app_id, trigger, &spec.guests))?;
        spec.guests.iter().try_for_each(|guest| check_limits(&spec.app_id, guest))?;
        let workflows =
            spec.workflows.map(|workflows| Workflows::new(&spec.app_id, workflows, &spec.guests)).transpose()?;
        spec.guests.iter().try_for_each(|guest| check_kind(&spec.app_id, guest))?;
        let actors = Actors::new(&spec.app_id, spec.actors.types, spec.actors.most_active, &spec.guests)?;
        let app_id: Arc<str> = spec.app_id.as_str().into();
        spec.guests.iter().for_each(|guest| say_mapping(&app_id, guest));
        let guests = spec.guests.into_iter().map(|guest| {
            let (sidecar, dapr_http) = (Arc::clone(&sidecar), Arc::clone(&dapr_http));
            let (ports, hosts, places) = (Arc::clone(&ports), Arc::clone(&hosts), guest.limits.outgoing);
            let databases = spec.databases.clone();
            let outgoing = Outgoing::new(&app_id, sidecar, dapr_http, ports, hosts, places, databases);
            ArcSwap::from_pointee(Hosted::new(shared, &app_id, guest, Some(Arc::new(outgoing))))
        });
        // A vector would keep the room of the specifications that it is made of.
        let guests = guests.collect::<Vec<_>>().into_boxed_slice();
        Ok(Self(Arc::new(Inner { id: spec.app_id, guests, router, triggers: spec.triggers, workflows, actors })))
    }

    /// The Dapr app id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    fn guest(&self, index: usize) -> Arc<Hosted> {
        self.0.guests[index].load_full()
    }

    fn guests(&self) -> impl Iterator<Item = Arc<Hosted>> {
        self.0.guests.iter().map(ArcSwap::load_full)
    }

    fn guest_of(&self, name: &str) -> Option<Arc<Hosted>> {
        self.guests().find(|guest| *guest.name == *name)
    }

    /// Gives a guest other code, or other limits. Calls from here on are the new guest's; those in flight end as they began.
    /// Its counters begin anew, and so does what its triggers follow of configuration.
    ///
    /// # Errors
    /// As [`Runtime::app`](crate::Runtime::app) for this guest; the old one stays.
    pub fn replace(&self, spec: GuestSpec) -> Result<(), Error> {
        let app = &*self.0.id;
        let place = self.0.guests.iter().find(|guest| *guest.load().name == *spec.name);
        let place = place.ok_or_else(|| no_guest(app, &spec.name))?;
        check_limits(app, &spec)?;
        check_kind(app, &spec)?;
        let specs = std::slice::from_ref(&spec);
        let mut triggers = self.0.triggers.iter().filter(|trigger| trigger.guest == spec.name);
        triggers.try_for_each(|trigger| check_trigger(app, trigger, specs))?;
        if let Some(workflows) = &self.0.workflows {
            workflows.replace(&spec)?;
        }
        self.0.actors.check_replaced(&spec)?;
        let old = place.load_full();
        let new = Arc::new(old.replaced_by(spec));
        place.store(Arc::clone(&new));
        // What the old guest followed ends with it.
        self.0.triggers.iter().filter(|trigger| trigger.guest == *new.name).for_each(|trigger| follow(&new, trigger));
        Ok(())
    }

    /// Counters of each guest, in the order of the specification.
    pub fn stats(&self) -> Vec<GuestStats> {
        self.guests().map(|guest| guest.counters.snapshot(&guest.app, &guest.name)).collect()
    }

    /// Whether a request for this path, as it stands in the request line, goes to a guest; if not, to a file or nowhere.
    pub fn runs_guest(&self, path: &str) -> bool {
        path::normalise(path).is_ok_and(|path| self.0.router.leads_to_guest(&path))
    }

    /// Whether an http guest would take one of Dapr's questions; a command would take it for work.
    pub fn asks_guest(&self, method: &Method, path: &path::Path) -> bool {
        let found = self.0.router.find(path, method);
        matches!(found, Found::Guest(index) if self.guest(index).kind() == GuestKind::Http)
    }

    /// Whether a guest with typed handlers stands at a path: an event that is posted there is for them.
    pub fn takes_events(&self, path: &path::Path) -> bool {
        let found = self.0.router.find(path, &Method::POST);
        matches!(found, Found::Guest(index) if self.guest(index).kind() == GuestKind::Dapr)
    }

    /// Subscribes to the configuration that its triggers name; changes come to their guests until the app is gone. Called
    /// once, within a Tokio runtime, when the sidecar answers. What can't be followed is in the log.
    pub fn follow_configuration(&self) {
        for trigger in &self.0.triggers {
            if let Some(guest) = self.guest_of(&trigger.guest) {
                follow(&guest, trigger);
            }
        }
    }

    /// What its triggers want to have streamed: a sidecar that is another process is asked for it, and sends it nowhere else.
    pub fn streaming_subscriptions(&self) -> Vec<Subscription> {
        let all = self.0.triggers.iter().filter_map(|trigger| trigger.subscription());
        all.filter(|subscription| subscription.source == Source::Streaming).collect()
    }

    /// Active actors by type.
    pub fn active_actors(&self) -> Vec<(String, usize)> {
        self.0.actors.counts()
    }

    /// Gives actors no more turns, and deactivates all of them after those that they have been promised. Called at the end,
    /// when no more calls come and the sidecar still answers.
    pub async fn end_actors(&self) {
        self.0.actors.drain().await;
    }

    async fn dispatch(&self, trigger: &'static str, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let path = path::normalise(request.uri().path())?;
        match self.0.router.find(&path, request.method()) {
            Found::Guest(index) => {
                if !path.is_of(request.uri()) {
                    let encoded = path.encode(request.uri().query())?;
                    *request.uri_mut() = route::with_path(request.uri(), encoded);
                }
                call::run(&self.guest(index), trigger, request).await
            }
            Found::File(directory, below) => directory.serve(request.method(), below, request.headers()).await,
            Found::Redirect(to) => Ok(redirect(to)),
            Found::Methods(methods) => Ok(not_allowed(&methods)),
            Found::Nothing => {
                let path = crate::output::printable(path.as_str().as_bytes());
                Err(Error::new(Code::RouteNotFound, format!("app `{}` has no route for `{path}`", self.0.id))
                    .hint("add it under `routes:`"))
            }
        }
    }

    fn answers_subscribe(&self) -> bool {
        path::normalise(subscribe::PATH).is_ok_and(|path| self.asks_guest(&Method::GET, &path))
    }

    /// What the app's http guest answers. Most guests know nothing of Dapr's question and answer a page, or fail: the same
    /// answer would come again, so it is asked once.
    async fn programmatic(&self) -> Vec<Subscription> {
        let app = &*self.0.id;
        match self.ask().await {
            Ok(None) => Vec::new(),
            Ok(Some(answer)) => subscribe::parse(&answer).unwrap_or_else(|error| {
                tracing::info!(app, %error, "`GET {}` gave no list of subscriptions", subscribe::PATH);
                Vec::new()
            }),
            Err(error) => {
                tracing::warn!(app, "`GET {}` failed: {error}", subscribe::PATH);
                Vec::new()
            }
        }
    }

    async fn ask(&self) -> Result<Option<bytes::Bytes>, Error> {
        let request = Request::get(subscribe::PATH).body(body::empty());
        let request = request.map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let response = self.dispatch("subscribe", request).await?;
        if response.status() != StatusCode::OK {
            return Ok(None);
        }
        body::collect(response.into_body(), MAX_ANSWER).await.map(Some)
    }
}

/// Follows the configuration of a trigger, if it is one.
fn follow(guest: &Arc<Hosted>, trigger: &Trigger) {
    if let On::Configuration { store, keys } = &trigger.on {
        guest.follow_from_start(store.clone(), keys.clone());
    }
}

fn no_guest(app: &str, name: &str) -> Error {
    Error::new(Code::RouteNotFound, format!("app `{app}` has no guest `{name}`"))
}

fn redirect(to: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, to.clone());
    response
}

/// A trigger of a guest that is not there, or can't take it, would fail at every event, so it fails here.
fn check_trigger(app: &str, trigger: &Trigger, guests: &[GuestSpec]) -> Result<(), Error> {
    let Some(guest) = guests.iter().find(|guest| guest.name == trigger.guest) else {
        return Err(no_guest(app, &trigger.guest).hint("name one of the guests of this app under `on:`"));
    };
    let handler = trigger.handler();
    let typed = guest.guest.kind() == GuestKind::Dapr;
    if guest.guest.kind() == GuestKind::Messages {
        messages::check_trigger(trigger, guest.guest.inspection())?;
    }
    match typed && !dapr::has(guest.guest.inspection(), handler) {
        true => Err(dapr::missing(&guest.name, handler)),
        false => Ok(()),
    }
}

/// What each import became that another host would have provided.
fn say_mapping(app: &str, spec: &GuestSpec) {
    for line in &spec.guest.inspection().mapping {
        tracing::info!(app, guest = spec.name, "{line}");
    }
}

/// Middleware is asked on the way to an app, and can't be one.
fn check_kind(app: &str, spec: &GuestSpec) -> Result<(), Error> {
    if spec.guest.kind() != GuestKind::Middleware {
        return Ok(());
    }
    let what =
        format!("guest `{}` of app `{app}` is middleware of http-wasm, which answers no requests by itself", spec.name);
    Err(Error::new(Code::GuestInvalid, what)
        .hint("name it by a component `middleware.http.wasm` in the `appHttpPipeline` of a Configuration"))
}

/// A limit below what a guest declares would fail at every call, so it fails here.
fn check_limits(app: &str, spec: &GuestSpec) -> Result<(), Error> {
    let (needs, limits) = (spec.guest.0.code.needs, &spec.limits);
    let refused = |what: String, key: &'static str, value: u64| {
        Error::new(Code::GuestInvalid, format!("guest `{}` of app `{app}` {what}", spec.name))
            .hint(format!("raise `{key}` of the guest if it needs that much"))
            .limit(key, value)
    };
    let memory = limits.memory.min(engine::POOL_MEMORY as u64);
    let elements = limits.table_elements.min(engine::POOL_TABLE_ELEMENTS) as u64;
    if needs.memory_bytes > memory {
        let what = format!("begins with {} bytes of memory, and may have {memory}", needs.memory_bytes);
        return Err(refused(what, key::MEMORY, memory));
    }
    if needs.table_elements > elements {
        let what = format!("begins with {} table elements, and may have {elements}", needs.table_elements);
        return Err(refused(what, key::TABLE_ELEMENTS, elements));
    }
    for (has, may, what, key) in [
        (needs.memories, limits.memories, "memories", key::MEMORIES),
        (needs.tables, limits.tables, "tables", key::TABLES),
    ] {
        if has > may {
            return Err(refused(format!("has {has} {what}, and may have {may}"), key, may as u64));
        }
    }
    Ok(())
}
