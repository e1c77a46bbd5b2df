//! The one way out for a guest's HTTP requests: to an app by the sidecar, to a Dapr port in process, or, if `allow.hosts`
//! grants it, to a host outside.

use crate::actors::CHAIN;
use crate::call::{Call, random_u64};
use crate::dial::{self, HttpClient, Prohibited};
use crate::hosts::{Hosts, normal_host};
use crate::limits::key;
use crate::spec::DaprHttp;
use crate::threads::{self, Task};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::sql::Databases;
use pillion_api::{Body, Code, Error, Invocation, Sidecar, Target, body, path, scope};
use std::collections::HashMap;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error as WasiError, RequestOptions, WasiBody, WasiHttpHooks};

/// Names below this top level domain are app ids.
const APP_DOMAIN: &str = ".dapr";
/// How many apps a call has gone through; a guest can't begin anew.
pub(crate) const HOPS: HeaderName = HeaderName::from_static("pillion-hops");
/// Headers that say who someone is: only the sidecar sets them.
const RESERVED: [HeaderName; 7] = [
    HeaderName::from_static("dapr-caller-app-id"),
    HOPS,
    CHAIN,
    HeaderName::from_static("dapr-callee-app-id"),
    HeaderName::from_static("dapr-caller-namespace"),
    HeaderName::from_static("dapr-api-token"),
    HeaderName::from_static("dapr-app-token"),
];

/// The longest name of a host is 253 characters; more of it is in no log.
const MAX_SHOWN_HOST: usize = 253;

/// Bytes of a body that the host holds at a time for a guest of 0.3: two such parts for each body.
const BODY_PART: usize = 64 << 10;

/// What the guests of one app can reach.
pub(crate) struct Outgoing {
    app: Arc<str>,
    sidecar: Arc<dyn Sidecar>,
    dapr_http: DaprHttp,
    dapr_ports: Arc<HashMap<u16, String>>,
    hosts: Arc<Hosts>,
    /// Made at the first request outside: most guests make none.
    client: OnceLock<Box<HttpClient>>,
    places: Arc<Semaphore>,
    databases: Option<Arc<dyn Databases>>,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    App(String),
    Dapr,
    Outside,
}

/// Who has to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    /// This process alone, without a socket.
    Here,
    /// A sidecar that is another process.
    Sidecar,
    Outside,
}

impl Outgoing {
    pub(crate) fn new(
        app: &Arc<str>,
        sidecar: Arc<dyn Sidecar>,
        dapr_http: DaprHttp,
        dapr_ports: Arc<HashMap<u16, String>>,
        hosts: Arc<Hosts>,
        places: usize,
        databases: Option<Arc<dyn Databases>>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Self { app: Arc::clone(app), sidecar, dapr_http, dapr_ports, hosts, client: OnceLock::new(), places, databases }
    }

    /// Where a request is looked after.
    fn whereabouts(&self, uri: &Uri) -> Whereabouts {
        match destination(uri, &self.dapr_ports) {
            Destination::Outside => Whereabouts::Outside,
            Destination::App(_) | Destination::Dapr if self.sidecar.is_in_process() => Whereabouts::Here,
            Destination::App(_) | Destination::Dapr => Whereabouts::Sidecar,
        }
    }

    /// Who answers what the guests ask of Dapr.
    pub(crate) fn sidecar(&self) -> &Arc<dyn Sidecar> {
        &self.sidecar
    }

    /// Its databases, if it has some.
    pub(crate) fn databases(&self) -> Option<&Arc<dyn Databases>> {
        self.databases.as_ref()
    }

    /// Says who calls another app, and in which trace.
    pub(crate) fn dress_for_app(&self, call: &Call, headers: &mut HeaderMap) {
        self.dress(call, &Destination::App(String::new()), headers);
    }

    async fn send(&self, call: &Call, mut request: Request<Body>) -> Result<Response<Body>, WasiError> {
        call.count_host_call().map_err(|error| internal(&error))?;
        let destination = destination(request.uri(), &self.dapr_ports);
        self.dress(call, &destination, request.headers_mut());
        match destination {
            Destination::App(id) => self.invoke(id, request).await,
            Destination::Dapr => Ok((self.dapr_http)(request).await),
            Destination::Outside => self.outside(call, request).await,
        }
    }

    /// Who asks, and in which trace. What the guest says about that itself counts for nothing.
    fn dress(&self, call: &Call, destination: &Destination, headers: &mut HeaderMap) {
        for name in &RESERVED {
            headers.remove(name);
        }
        if *destination != Destination::Outside
            && let Ok(app) = HeaderValue::from_str(&self.app)
        {
            headers.insert(RESERVED[0].clone(), app);
        }
        if *destination != Destination::Outside
            && let Some(hops) = &call.hops
        {
            headers.insert(HOPS, hops.clone());
        }
        if *destination != Destination::Outside {
            call.actors.dress(headers);
        }
        let child = call.trace.child(random_u64()).to_string();
        if let Ok(traceparent) = HeaderValue::try_from(child) {
            headers.insert("traceparent", traceparent);
        }
    }

    async fn invoke(&self, id: String, mut request: Request<Body>) -> Result<Response<Body>, WasiError> {
        // One normal path for access control and for dispatch, whoever looks at it.
        let path = path::normalise(request.uri().path()).map_err(|_| WasiError::HttpRequestUriInvalid)?;
        let path = path.encode(request.uri().query()).map_err(|_| WasiError::HttpRequestUriInvalid)?;
        *request.uri_mut() = path.into();
        request.headers_mut().remove(header::HOST);
        let answer = self.sidecar.invoke(Invocation { target: Target::App(id), request }).await;
        // A failure of the sidecar is an answer too, as it is over HTTP.
        Ok(answer.unwrap_or_else(|error| error.dapr_response()))
    }

    async fn outside(&self, call: &Call, request: Request<Body>) -> Result<Response<Body>, WasiError> {
        let uri = request.uri().clone();
        if !self.hosts.allow(&uri) {
            self.log_denial(call, &uri);
            return Err(WasiError::HttpRequestDenied);
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| WasiError::ConnectionLimitReached)?;
        let client = self.client.get_or_init(|| Box::new(dial::client(Arc::clone(&self.hosts))));
        match client.request(request).await {
            Ok(response) => Ok(response.map(|body| {
                // The connection is in use until its answer is read or thrown away.
                let held = move |error: hyper::Error| {
                    let _held = &place;
                    Error::new(Code::BadGateway, error.to_string())
                };
                body.map_err(held).boxed_unsync()
            })),
            Err(error) => Err(self.failed(call, &uri, &error)),
        }
    }

    fn log_denial(&self, call: &Call, uri: &Uri) {
        let (app, guest, request_id) = call.names();
        let host = uri.authority().map_or("", |authority| authority.as_str()).as_bytes();
        let host = crate::output::printable(&host[..host.len().min(MAX_SHOWN_HOST)]);
        if !call.hosted.log_rate().allows(host.len() as u64) {
            return;
        }
        tracing::warn!(
            app,
            guest,
            request_id,
            "denied: the guest may not ask `{host}`; \
            add `{host}` to `allow: {{ hosts: [...] }}` of app `{app}` to grant it"
        );
    }

    fn failed(&self, call: &Call, uri: &Uri, error: &hyper_util::client::legacy::Error) -> WasiError {
        let (app, guest, request_id) = call.names();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                if let Some(prohibited) = io.get_ref().and_then(|inner| inner.downcast_ref::<Prohibited>()) {
                    tracing::warn!(
                        app,
                        guest,
                        request_id,
                        "denied: {prohibited}; to grant it, name that very address in `allow.hosts`"
                    );
                    return WasiError::DestinationIpProhibited;
                }
                return of_io(io);
            }
            cause = inner.source();
        }
        tracing::debug!(app, guest, request_id, host = uri.host(), "an outgoing request failed: {error}");
        if error.is_connect() { WasiError::ConnectionRefused } else { WasiError::HttpProtocolError }
    }
}

fn of_io(error: &std::io::Error) -> WasiError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::TimedOut => WasiError::ConnectionTimeout,
        ErrorKind::ConnectionRefused => WasiError::ConnectionRefused,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            WasiError::ConnectionTerminated
        }
        ErrorKind::NotFound => WasiError::DnsError { rcode: None, info_code: None },
        ErrorKind::InvalidData => WasiError::TlsProtocolError,
        _ => WasiError::DestinationUnavailable,
    }
}

fn internal(error: &Error) -> WasiError {
    WasiError::InternalError(Some(error.message().to_owned()))
}

fn destination(uri: &Uri, dapr_ports: &HashMap<u16, String>) -> Destination {
    let raw = uri.host().unwrap_or_default();
    let host = normal_host(raw);
    if let Some(id) = host.strip_suffix(APP_DOMAIN).filter(|id| !id.is_empty()) {
        // Dapr's app ids know capitals, names of hosts don't.
        return Destination::App(raw.get(..id.len()).unwrap_or(id).to_owned());
    }
    let here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    let port = uri.port_u16().or(crate::hosts::default_port(uri));
    if here && port.is_some_and(|port| dapr_ports.contains_key(&port)) {
        Destination::Dapr
    } else {
        Destination::Outside
    }
}

/// The hooks of wasi:http of one call.
pub(crate) struct Hooks {
    call: Arc<Call>,
    at_once: AtOnce,
}

type Answered = Result<Response<WasiBody>, WasiError>;

/// Whether the next request is looked after while its guest waits for nothing but the host function.
#[derive(Default)]
enum AtOnce {
    #[default]
    No,
    Wanted,
    Answered(Box<Answered>),
}

impl Hooks {
    pub(crate) fn new(call: Arc<Call>) -> Self {
        Self { call, at_once: AtOnce::No }
    }

    /// The next request is begun when it is sent, and what answers in this process without a wait has answered then: no task
    /// is needed for it, and the guest need not be left.
    pub(crate) fn want_at_once(&mut self) {
        self.at_once = AtOnce::Wanted;
    }

    /// The answer that was there at once. What the request was sent by waits for ever then.
    pub(crate) fn answered(&mut self) -> Option<Answered> {
        match std::mem::take(&mut self.at_once) {
            AtOnce::Answered(answer) => Some(*answer),
            AtOnce::No | AtOnce::Wanted => None,
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), WasiError>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), WasiError>> + Send>;

impl WasiHttpHooks for Hooks {
    /// As the default does, which makes a filter on the heap for each name.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    /// What a guest of 0.3 writes at once is copied in parts of this size.
    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_PART
    }

    fn send_request(&mut self, request: Request<WasiBody>, options: Option<RequestOptions>, _: Io) -> Sending {
        let Some(outgoing) = self.call.hosted.outgoing.clone() else {
            return Box::new(std::future::ready(Err(WasiError::HttpRequestDenied)));
        };
        let whereabouts = outgoing.whereabouts(request.uri());
        let work = send(Arc::clone(&self.call), outgoing, whereabouts, request, options.unwrap_or_default());
        let mut work = Box::pin(scope::within_current(work));
        if whereabouts == Whereabouts::Here && matches!(self.at_once, AtOnce::Wanted) {
            let _within = threads::within_guest();
            // Who is woken in vain here asks again as a task.
            if let Poll::Ready(answer) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                self.at_once = AtOnce::Answered(Box::new(answer));
                return Box::new(std::future::pending());
            }
        }
        Box::new(async move { Ok((work.await?, Box::new(std::future::ready(Ok(()))) as Io)) })
    }
}

/// Sends from the edge, which runs no guest, so that no guest holds up a socket. What needs none stays on this thread: to
/// hand it over and back costs more than many an answer.
async fn send(
    call: Arc<Call>,
    outgoing: Arc<Outgoing>,
    whereabouts: Whereabouts,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, WasiError> {
    let limit = call.hosted.limits().outgoing_body;
    let request = request.map(|body| match whereabouts {
        Whereabouts::Outside => outgoing_body(body, limit),
        Whereabouts::Here | Whereabouts::Sidecar => outgoing_body(ReadOut(Some(body)).boxed_unsync(), limit),
    });
    let of_task = Arc::clone(&call);
    let work = async move { outgoing.send(&of_task, request).await };
    let work = async {
        match whereabouts {
            Whereabouts::Here => work.await,
            Whereabouts::Sidecar | Whereabouts::Outside => {
                Task::of(call.edge.spawn(work)).await.unwrap_or(Err(WasiError::InternalError(None)))
            }
        }
    };
    let wait = options.connect_timeout.into_iter().chain(options.first_byte_timeout).sum::<std::time::Duration>();
    let response = match wait.is_zero() {
        true => work.await,
        false => tokio::time::timeout(wait, work).await.unwrap_or(Err(WasiError::ConnectionReadTimeout)),
    }?;
    Ok(response.map(|body| incoming_body(body, limit)))
}

fn outgoing_body(body: WasiBody, limit: u64) -> Body {
    let body = body.map_err(|error| Error::new(Code::BodyRead, error.to_string())).boxed_unsync();
    body::limited(body, limit)
}

/// The body of a request to Dapr or another app. Who answers may leave it unread, and a guest that still writes it must
/// not take that for a failure: the rest is read and thrown away, as long as there is a guest that writes it.
struct ReadOut(Option<WasiBody>);

impl http_body::Body for ReadOut {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for ReadOut {
    fn drop(&mut self) {
        let rest = self.0.take().filter(|body| !body.is_end_stream());
        if let Some(mut rest) = rest
            && let Ok(here) = Handle::try_current()
        {
            here.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
        }
    }
}

fn incoming_body(body: Body, limit: u64) -> WasiBody {
    body::limited(body, limit)
        .map_err(move |error| match error.code() {
            Code::RequestTooLarge => {
                tracing::warn!("an answer is over `{}` ({limit} bytes)", key::OUTGOING_BODY);
                WasiError::HttpResponseBodySize(Some(limit))
            }
            _ => WasiError::HttpResponseIncomplete,
        })
        .boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_where_its_authority_says() {
        let ports = HashMap::from([(3502, "image-api-rs".to_owned())]);
        let check = |uri: &str, expected: Destination| {
            assert_eq!(destination(&uri.parse().expect(uri), &ports), expected, "{uri}");
        };
        check("http://image-api-rs.dapr/api/image", Destination::App("image-api-rs".into()));
        check("http://Orders.DAPR./", Destination::App("Orders".into()));
        check("http://localhost:3502/v1.0/invoke/x/method/y", Destination::Dapr);
        check("http://127.0.0.1:3502/", Destination::Dapr);
        check("http://[::1]:3502/", Destination::Dapr);
        check("http://localhost:3503/", Destination::Outside);
        check("http://example.com:3502/", Destination::Outside);
        check("http://127.0.0.1@example.com:3502/", Destination::Outside);
        check("http://.dapr/", Destination::Outside);
    }
}
