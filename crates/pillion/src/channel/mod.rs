//! What a real daprd asks of an app of guests on the app's port: its start-up questions and probes, events, bindings, jobs,
//! changed configuration, actors, health. Everything else is the guests'.

mod actors;
mod config;
mod configuration;
mod events;
mod grpc;
mod headers;
mod question;
mod reserved;
mod subscribe;
#[cfg(test)]
mod tests;

pub(crate) use reserved::Reserved;

use crate::dapr_api::ApiToken;
use headers::API_TOKEN;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use pillion_api::{
    AppChannel, Body, Code, Error, Result, bindings, body, jobs, path,
    pubsub::{Source, Subscription},
};
use question::Question;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// An app's answer to a start-up question: a list of subscriptions, a configuration. Larger ones are none.
const MAX_ANSWER: u64 = 1 << 20;
/// When whoever was turned away by an ending process may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What stands at the paths of an app.
pub(crate) trait Guests: Send + Sync {
    /// Whether an http guest takes a request of this method and path. No other kind is asked what it doesn't know: a
    /// command would take the question for work.
    fn asks(&self, method: &Method, path: &path::Path) -> bool;

    /// Whether a guest with typed handlers does.
    fn is_typed(&self, path: &path::Path) -> bool;
}

/// The app channel on an app's port.
pub(crate) struct Channel {
    app: Arc<dyn AppChannel>,
    guests: Arc<dyn Guests>,
    reserved: Reserved,
    /// `APP_API_TOKEN`; every request must carry it but those that daprd sends without.
    token: Option<ApiToken>,
    bounds: Bounds,
    draining: AtomicBool,
}

/// Bytes of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of a request's body, which the edge bounds before.
    pub(crate) request: u64,
    /// Of an answer that must be whole before it is sent: that of gRPC.
    pub(crate) answer: u64,
}

impl Channel {
    /// The channel of an app whose `on:` reserves what is `reserved`.
    pub(crate) fn new(
        app: Arc<dyn AppChannel>,
        guests: Arc<dyn Guests>,
        reserved: Reserved,
        token: Option<ApiToken>,
        bounds: Bounds,
    ) -> Self {
        Self { app, guests, reserved, token, bounds, draining: AtomicBool::new(false) }
    }

    /// From here on the app is ill and daprd's events are turned away, so that their brokers deliver them again; what is
    /// in flight ends in peace.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Answers one request, of whomever.
    pub(crate) async fn call(self: &Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let failed = failure_of(&request);
        let question = match self.read(&request) {
            Ok(question) => question,
            Err(error) => return failed(error),
        };
        match (self.admit(&question, &mut request), &question) {
            (Ok(()), Question::Grpc(_)) => grpc::serve(self, request).await,
            (Err(error), Question::Grpc(_)) => grpc::refuse(&error),
            (Ok(()), _) => self.answer(question, request).await.unwrap_or_else(failed),
            (Err(error), _) => failed(error),
        }
    }

    /// One reading of the path decides what is asked, whether it needs the token, and who answers.
    fn read(&self, request: &Request<Body>) -> Result<Question> {
        let path = match request.extensions().get::<path::Path>() {
            Some(path) => path.clone(),
            None => path::normalise(request.uri().path())?,
        };
        let typed = self.guests.is_typed(&path);
        Ok(Question::read(request.method(), &path, request.headers(), &self.reserved, typed))
    }

    fn admit(&self, question: &Question, request: &mut Request<Body>) -> Result<()> {
        if !question.is_open() && !self.has_token(request.headers()) {
            return Err(Error::new(Code::AppTokenInvalid, "the request doesn't carry this app's token")
                .hint("send APP_API_TOKEN as the header `dapr-api-token`, or call the app through its sidecar; daprd shows it over gRPC from 1.16.2 on"));
        }
        // A guest has no use for it, and may not learn it.
        request.headers_mut().remove(API_TOKEN);
        if question.is_daprs() && question.is_invoked(request.headers()) {
            let message =
                format!("`{}` is for the app's own sidecar; other apps can't invoke it", request.uri().path());
            return Err(Error::new(Code::NotAllowed, message));
        }
        headers::forget_two_callers(request.headers_mut());
        if question.is_event() && self.draining.load(Ordering::Acquire) {
            return Err(shutting_down());
        }
        Ok(())
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        headers.get(API_TOKEN).is_some_and(|given| token.is(given.as_bytes()))
    }

    async fn answer(&self, question: Question, request: Request<Body>) -> Result<Response<Body>> {
        match question {
            Question::Health => self.health(),
            Question::Config => self.config().await,
            Question::Subscribe => self.subscribe().await,
            Question::Probe { wanted } => self.probe(wanted, request).await,
            Question::Topic { to } => events::deliver(self, to, request).await,
            Question::Binding { name } => self.binding(name, request).await,
            Question::Job { name } => self.job(name, request).await,
            Question::Actor(asked) => asked.hand(self, request).await,
            Question::Configuration { store } => configuration::update(self, store, request).await,
            Question::Grpc(_) | Question::Guest => self.app.invoke(request).await,
        }
    }

    fn health(&self) -> Result<Response<Body>> {
        match self.draining.load(Ordering::Acquire) {
            true => Err(shutting_down()),
            false => Ok(json(r#"{"status":"ok"}"#)),
        }
    }

    async fn subscribe(&self) -> Result<Response<Body>> {
        Ok(json(subscribe::to_json(self.posted().await?)?))
    }

    /// The subscriptions whose events daprd brings here.
    async fn posted(&self) -> Result<Vec<Subscription>> {
        let mut subscriptions = self.app.subscriptions().await?;
        subscriptions.retain(|subscription| subscription.source != Source::Streaming);
        Ok(subscriptions)
    }

    /// daprd asks when it starts, and when the app is well again: either way no actor is active to it.
    async fn config(&self) -> Result<Response<Body>> {
        if !self.reserved.actors().is_empty() {
            self.app.release_actors();
        }
        let answer = match self.asks_guest(&Method::GET, config::PATH) {
            true => self.app.invoke(question(config::PATH)).await.ok(),
            false => None,
        };
        let own = match answer {
            Some(response) if response.status() == StatusCode::OK => {
                body::collect(response.into_body(), MAX_ANSWER).await.ok().filter(|answer| config::is_config(answer))
            }
            _ => None,
        };
        Ok(json(config::answer(own.as_deref(), self.reserved.actors())))
    }

    fn asks_guest(&self, method: &Method, path: &str) -> bool {
        path::normalise(path).is_ok_and(|path| self.guests.asks(method, &path))
    }

    /// daprd takes 2xx and 405 for "wanted". So what is no http guest's own answer is 404: a folder's 405 would send it
    /// events.
    async fn probe(&self, wanted: bool, request: Request<Body>) -> Result<Response<Body>> {
        if wanted {
            return Ok(empty(StatusCode::OK));
        }
        match self.asks_guest(&Method::OPTIONS, request.uri().path()) {
            true => self.app.invoke(request).await,
            false => Ok(empty(StatusCode::NOT_FOUND)),
        }
    }

    async fn binding(&self, binding: String, request: Request<Body>) -> Result<Response<Body>> {
        let metadata = headers::metadata(request.headers());
        let data = body::collect(request.into_body(), self.bounds.request).await?;
        let reply = self.app.binding_event(bindings::Event { binding, data, metadata }).await?;
        if !reply.to.is_empty() {
            tracing::warn!(to = ?reply.to, "output bindings that a guest names get nothing over HTTP: use the gRPC app protocol");
        }
        // Exactly 200: inside a retry policy daprd takes 201 and 204 for failures.
        Ok(Response::new(body::full(reply.data)))
    }

    async fn job(&self, name: String, request: Request<Body>) -> Result<Response<Body>> {
        let content_type = headers::content_type(request.headers());
        let data = body::collect(request.into_body(), self.bounds.request).await?;
        self.app.job_event(jobs::Event { name, data, content_type }).await?;
        Ok(empty(StatusCode::OK))
    }
}

/// How the failure of a request is answered: a client of gRPC knows statuses alone.
pub(crate) fn failure_of(request: &Request<Body>) -> fn(Error) -> Response<Body> {
    match grpc::is_call(request) {
        true => |error| grpc::refuse_call(&error),
        false => |error| error.problem_response(),
    }
}

fn shutting_down() -> Error {
    Error::new(Code::ShuttingDown, "the process is ending and takes no more events").retry_after(RETRY_AFTER)
}

fn question(path: &'static str) -> Request<Body> {
    let mut request = Request::new(body::empty());
    *request.uri_mut() = http::Uri::from_static(path);
    request
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    response
}

fn json(text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
