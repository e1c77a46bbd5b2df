//! One request, from its parsed head inwards to the service, and back.

use super::{
    EdgeLimits, Face,
    body::{BodyFate, RequestBody, ResponseBody},
    refuse,
    socket::Shared,
};
use crate::telemetry::{
    metrics::{PortMetrics, RequestTimer},
    traces::{Span, Traces},
};
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use pillion_api::scope::{self, Scope};
use pillion_api::{Body, Code, Error, body, path, trace::hex_id};
use std::{
    any::Any,
    collections::HashMap,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// A longer request id of a client is replaced.
const MAX_REQUEST_ID: usize = 128;

/// What answers the requests of a port.
#[async_trait]
pub(crate) trait Service: Send + Sync + 'static {
    /// Answers one request. Dropped where the client goes away. It is in the log by its
    /// [scope](pillion_api::scope). The extensions hold a [`ConnectionInfo`], the context of the call's [`Span`], and the normal [`path::Path`] where the edge checks paths.
    async fn call(&self, request: Request<Body>) -> Response<Body>;

    /// The runtime on which a connection is best served whose first request is for this path, if it is another one.
    fn home(&self, _path: &str) -> Option<tokio::runtime::Handle> {
        None
    }
}

/// A service of a function.
pub(crate) fn service_fn<F, R>(function: F) -> Arc<dyn Service>
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    Arc::new(ServiceFn(function))
}

struct ServiceFn<F>(F);

#[async_trait]
impl<F, R> Service for ServiceFn<F>
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        (self.0)(request).await
    }
}

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionInfo {
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// The address it reached.
    pub(crate) local: SocketAddr,
}

/// Where a port's numbers and spans go.
#[derive(Clone)]
pub(crate) struct Observe {
    /// The app behind the port, for logs and spans.
    pub(crate) app: Arc<str>,
    /// The port's counters.
    pub(crate) metrics: PortMetrics,
    /// Makes the span of each call.
    pub(crate) traces: Traces,
}

/// All that the requests of one port share.
pub(super) struct Port {
    pub(super) service: Arc<dyn Service>,
    pub(super) limits: EdgeLimits,
    pub(super) observe: Observe,
}

/// What the requests of one connection share.
pub(super) struct Connection {
    pub(super) port: Arc<Port>,
    pub(super) info: ConnectionInfo,
    pub(super) shared: Arc<Shared>,
    pub(super) offers: Arc<Offers>,
}

/// Pieces of answers that were given to HTTP/2 and not taken yet, with the time since when.
#[derive(Debug, Default)]
pub(super) struct Offers {
    next: AtomicU64,
    since: Mutex<HashMap<u64, Instant>>,
}

impl Offers {
    /// Requests that this connection began so far.
    pub(super) fn begun(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Since when the longest waiting piece waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).values().min().copied()
    }
}

/// Counts a request while it lives, however it ends.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    /// None for HTTP/1, whose socket sees a stuck write itself.
    offer: Option<(Arc<Offers>, u64)>,
    timer: RequestTimer,
    span: Span,
}

impl InFlight {
    pub(super) fn taken(&self) {
        if let Some((offers, id)) = &self.offer {
            offers.since.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }

    pub(super) fn offered(&mut self, broken: bool) {
        if broken {
            self.span.fail("the answer broke off");
        } else if let Some((offers, id)) = &self.offer {
            offers.since.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, Instant::now());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.taken();
        self.shared.in_flight.fetch_sub(1, Ordering::Release);
        self.shared.answered.store(true, Ordering::Relaxed);
    }
}

/// Answers one request. The in-flight count begins here, before the first await, so that the socket knows at once.
pub(super) fn answer(
    connection: &Connection,
    request: Request<Incoming>,
) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
    let mut in_flight = begin(connection, &request);
    let (port, info) = (connection.port.clone(), connection.info);
    let fault = connection.shared.head_fault();
    async move {
        let started = Instant::now();
        // First, so that even a refusal can be found in the logs by its id.
        let log = scope_of(&port, request_id(request.headers()), &in_flight.span);
        let is_http1 = request.version() < Version::HTTP_2;
        // The head alone decides here: what is refused costs no body and no guest.
        let mut response = match refuse::check(&request, fault, &port.limits) {
            Ok(path) => scope::within(log.clone(), serve(&port, info, request, path, &in_flight)).await,
            Err(error) => Answer { response: refuse::show(&error, port.limits.face), close: true },
        };
        if response.close && is_http1 {
            in_flight.shared.linger.store(true, Ordering::Relaxed);
            response.response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        finish(response.response, &mut in_flight, started, &log).map(|body| ResponseBody::new(body, in_flight))
    }
}

struct Answer {
    response: Response<Body>,
    /// Whether the connection can't be used again.
    close: bool,
}

fn begin(connection: &Connection, request: &Request<Incoming>) -> InFlight {
    connection.shared.in_flight.fetch_add(1, Ordering::AcqRel);
    let observe = &connection.port.observe;
    let offer = (request.version() == Version::HTTP_2)
        .then(|| (connection.offers.clone(), connection.offers.next.fetch_add(1, Ordering::Relaxed)));
    let mut span = observe.traces.server_span(request.method().as_str(), request.headers());
    span.set("http.request.method", request.method().as_str());
    span.set("url.path", request.uri().path());
    span.set("dapr.app_id", observe.app.as_ref());
    if span.is_recorded() {
        span.set("client.address", connection.info.peer.ip().to_string().as_str());
        span.set("server.port", i64::from(connection.info.local.port()));
    }
    InFlight { shared: connection.shared.clone(), offer, timer: observe.metrics.request(), span }
}

/// Hands the request inwards with its body bounded, and survives what happens there.
async fn serve(
    port: &Port,
    info: ConnectionInfo,
    request: Request<Incoming>,
    path: Option<path::Path>,
    in_flight: &InFlight,
) -> Answer {
    let fate = Arc::new(BodyFate::default());
    let mut request = request.map(|incoming| bounded(incoming, &port.limits, &fate));
    to_origin_form(&mut request);
    in_flight.span.propagate(request.headers_mut());
    let extensions = request.extensions_mut();
    extensions.insert(info);
    extensions.insert(in_flight.span.context());
    if let Some(path) = path {
        extensions.insert(path);
    }
    let response = match CatchPanic(port.service.call(request)).await {
        Ok(response) => response,
        Err(panic) => return Answer { response: panicked(&*panic, port.limits.face), close: true },
    };
    // What the service made of a broken body is only its guess at the reason, unless it knew.
    match fate.broken.get() {
        Some(error)
            if response.status() != error.status()
                && matches!(error.code(), Code::RequestTooLarge | Code::RequestTimeout) =>
        {
            Answer { response: refuse::show(error, port.limits.face), close: true }
        }
        broken => Answer { response, close: broken.is_some() || !fate.ended.load(Ordering::Relaxed) },
    }
}

/// HTTP/2 and a proxy's client name the host in the target: the service finds it in `host`, whatever the protocol.
fn to_origin_form(request: &mut Request<Body>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = target.into();
    }
}

fn bounded(incoming: Incoming, limits: &EdgeLimits, fate: &Arc<BodyFate>) -> Body {
    use http_body::Body as _;
    if incoming.is_end_stream() {
        fate.ended.store(true, Ordering::Relaxed);
        return body::empty();
    }
    Body::new(RequestBody::new(incoming, limits, fate.clone()))
}

fn finish(
    mut response: Response<Body>,
    in_flight: &mut InFlight,
    started: Instant,
    log: &Arc<Scope>,
) -> Response<Body> {
    let status = response.status();
    let elapsed = started.elapsed();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&log.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::try_from(server_timing(elapsed)) {
        headers.append(SERVER_TIMING, value);
    }
    in_flight.timer.finish(status, elapsed);
    in_flight.span.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        in_flight.span.fail(response.extensions().get::<Error>().map_or("server error", Error::message));
    }
    log_answer(log, &response, elapsed.as_secs_f64() * 1e3);
    response
}

/// Milliseconds to the microsecond, by whole numbers: one with a point in it takes `format!` several times as long.
fn server_timing(elapsed: Duration) -> String {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    format!("app;dur={}.{:03}", micros / 1000, micros % 1000)
}

fn log_answer(log: &Arc<Scope>, response: &Response<Body>, milliseconds: f64) {
    let status = response.status().as_u16();
    let error = response.extensions().get::<Error>();
    let _entered = scope::enter(log);
    match error {
        Some(error) if status >= 500 => {
            tracing::warn!(status, milliseconds, code = error.code().name(), fault = ?error.fault(), "{error}");
        }
        Some(error) => tracing::info!(status, milliseconds, code = error.code().name(), "{error}"),
        None => tracing::debug!(status, milliseconds, "answered"),
    }
}

fn scope_of(port: &Port, request_id: Arc<str>, span: &Span) -> Arc<Scope> {
    let app = port.observe.app.clone();
    Arc::new(Scope { app, guest: None, request_id, trace: span.context(), trigger: None })
}

/// The client's id where it can stand in a log and a header as it is, else one of ours. Also in the answer's header.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
    let own = || String::from_utf8_lossy(&hex_id(crate::telemetry::traces::random())).into();
    given.map_or_else(own, Into::into)
}

fn is_sane(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(allowed)
}

fn panicked(panic: &(dyn Any + Send), face: Face) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("no text"), "a request's handler panicked");
    let error = Error::new(Code::Internal, "the request's handler failed unexpectedly")
        .hint("this is a bug of Pillion: the log has a line with this request's id");
    refuse::show(&error, face)
}

/// A future whose panic is a value: one request's bug ends one request.
struct CatchPanic<'a>(Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>);

impl Future for CatchPanic<'_> {
    type Output = Result<Response<Body>, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The future is dropped after a panic and never polled again, so no broken state is seen.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
