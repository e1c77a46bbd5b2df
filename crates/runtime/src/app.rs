//! An app made of guests: the answer of this process to whatever Dapr, or a client, asks of it.

use crate::call::{self, Hosted};
use crate::files::not_allowed;
use crate::hosts::Hosts;
use crate::limits::key;
use crate::outgoing::Outgoing;
use crate::route::{self, Found, Router};
use crate::runtime::Shared;
use crate::spec::{AppSpec, DaprHttp, GuestSpec, Trigger};
use crate::stats::GuestStats;
use crate::{GuestKind, engine};
use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use pillion_api::pubsub::{Delivery, Destination, Subscription, TopicStatus};
use pillion_api::{AppChannel, Body, Code, Error, Sidecar, body, path, subscribe};
use std::sync::Arc;

/// The answer to a topic event, and to the question for subscriptions; both are small JSON.
const MAX_ANSWER: u64 = 1 << 20;
const CLOUD_EVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json");

/// Headers that frame a request or say who someone is: a publisher's metadata sets none of them.
const NOT_FROM_METADATA: [HeaderName; 7] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("dapr-api-token"),
    HeaderName::from_static("dapr-caller-app-id"),
    HeaderName::from_static("dapr-callee-app-id"),
    HeaderName::from_static("dapr-caller-namespace"),
];

/// A running app. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    id: String,
    guests: Box<[Arc<Hosted>]>,
    router: Router,
    triggers: Vec<Trigger>,
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
        check_triggers(&spec.app_id, &spec.triggers, &names)?;
        spec.guests.iter().try_for_each(|guest| check_limits(&spec.app_id, guest))?;
        let app_id: Arc<str> = spec.app_id.as_str().into();
        spec.guests.iter().for_each(|guest| say_mapping(&app_id, guest));
        let guests = spec.guests.into_iter().map(|guest| {
            let (sidecar, dapr_http) = (Arc::clone(&sidecar), Arc::clone(&dapr_http));
            let (ports, hosts, places) = (Arc::clone(&ports), Arc::clone(&hosts), guest.limits.outgoing);
            let outgoing = Outgoing::new(&app_id, sidecar, dapr_http, ports, hosts, places);
            Arc::new(Hosted::new(shared, &app_id, guest, Some(outgoing)))
        });
        // A vector would keep the room of the specifications that it is made of.
        let guests = guests.collect::<Vec<_>>().into_boxed_slice();
        Ok(Self(Arc::new(Inner { id: spec.app_id, guests, router, triggers: spec.triggers })))
    }

    /// The Dapr app id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Counters of each guest, in the order of the specification.
    pub fn stats(&self) -> Vec<GuestStats> {
        self.0.guests.iter().map(|guest| guest.counters.snapshot(&guest.app, &guest.name)).collect()
    }

    /// Whether a request for this path, as it stands in the request line, goes to a guest; if not, to a file or nowhere.
    pub fn runs_guest(&self, path: &str) -> bool {
        path::normalise(path).is_ok_and(|path| self.0.router.leads_to_guest(&path))
    }

    async fn dispatch(&self, trigger: &'static str, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let path = path::normalise(request.uri().path())?;
        match self.0.router.find(&path, request.method()) {
            Found::Guest(index) => {
                let encoded = path.encode(request.uri().query())?;
                *request.uri_mut() = route::with_path(request.uri(), encoded);
                call::run(&self.0.guests[index], trigger, request).await
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

    /// Whether some http guest would take Dapr's question for subscriptions; a command would take it for work.
    fn answers_subscribe(&self) -> bool {
        let path = path::normalise(subscribe::PATH);
        let found = path.as_ref().map(|path| self.0.router.find(path, &Method::GET));
        matches!(found, Ok(Found::Guest(index)) if self.0.guests[index].kind() == GuestKind::Http)
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

#[async_trait]
impl AppChannel for App {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        self.dispatch("invoke", request).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        let mut all: Vec<Subscription> = self.0.triggers.iter().map(Trigger::subscription).collect();
        if self.answers_subscribe() {
            all.extend(self.programmatic().await);
        }
        Ok(all)
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus, Error> {
        let answer = match &delivery.destination {
            Destination::Guest(name) => {
                let guest = self.0.guests.iter().find(|guest| *guest.name == **name);
                let guest = guest.ok_or_else(|| no_guest(&self.0.id, name))?;
                call::run(guest, "topic", event_request("/", &delivery)?).await
            }
            Destination::Path(path) => self.dispatch("topic", event_request(path, &delivery)?).await,
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) if error.status() == StatusCode::NOT_FOUND => return Ok(TopicStatus::Drop),
            Err(error) => return Err(error),
        };
        let status = response.status();
        // Only a small JSON object says anything; a picture, say, is read to its end, so that its guest comes to its own.
        let answer = match body::collect_start(response.into_body(), MAX_ANSWER).await? {
            (answer, false) => answer,
            (_, true) => bytes::Bytes::new(),
        };
        Ok(TopicStatus::from_http(status, &answer))
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

/// A message as daprd posts it to an app.
fn event_request(path: &str, delivery: &Delivery) -> Result<Request<Body>, Error> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let request = Request::post(path).body(body::full(delivery.event.clone()));
    let mut request =
        request.map_err(|error| Error::new(Code::RouteNotFound, format!("the path of a subscription: {error}")))?;
    let headers = request.headers_mut();
    for (name, value) in &delivery.metadata {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            && !NOT_FROM_METADATA.contains(&name)
        {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, CLOUD_EVENT);
    if let Some(Ok(traceparent)) = delivery.traceparent.as_deref().map(HeaderValue::try_from) {
        headers.insert("traceparent", traceparent);
    }
    Ok(request)
}

fn check_triggers(app: &str, triggers: &[Trigger], guests: &[&str]) -> Result<(), Error> {
    match triggers.iter().find(|trigger| !guests.contains(&trigger.guest.as_str())) {
        Some(trigger) => Err(no_guest(app, &trigger.guest).hint("name one of the guests of this app under `on:`")),
        None => Ok(()),
    }
}

/// What each import became that another host would have provided.
fn say_mapping(app: &str, spec: &GuestSpec) {
    for line in &spec.guest.inspection().mapping {
        tracing::info!(app, guest = spec.name, "{line}");
    }
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
