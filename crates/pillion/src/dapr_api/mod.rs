//! Dapr's HTTP API as a function of a request over any [`Sidecar`]: parse, call, answer.
//!
//! Texts and statuses are those of the real daprd; where its source and its documentation differ, its source.

mod bindings;
mod invoke;
mod json;
mod metadata;
mod publish;
mod query;
mod routes;
mod secrets;
mod state;
#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use pillion_api::{Body, Code, Error, Pipeline, Result, Sidecar, body, middleware::Next};
use query::Query;
use routes::Route;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const API_TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");

/// Header bytes of a request unless `--read-buffer-size` says otherwise, as in daprd.
pub(crate) const DEFAULT_READ_BUFFER: usize = 4 * 1024;

/// What `/v1.0/healthz` answers from. Both begin as not ready.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// The app is there and was asked for its subscriptions.
    pub(crate) healthy: AtomicBool,
    /// Components are loaded: the app may call out already.
    pub(crate) outbound: AtomicBool,
}

/// How `POST /v1.0/shutdown` wants the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownKind {
    /// With what is in flight.
    Graceful,
    /// At once: the header `dapr-force-shutdown: true` was given.
    Forced,
}

/// What the API of one app needs besides its sidecar.
pub(crate) struct ApiContext {
    /// `DAPR_API_TOKEN`; every call but health must carry it.
    pub(crate) api_token: Option<ApiToken>,
    /// What the health routes answer.
    pub(crate) readiness: Arc<Readiness>,
    /// What every request goes through once it has shown its token.
    pub(crate) pipeline: Pipeline,
    /// Bytes of a request body.
    pub(crate) max_body: u64,
    /// Begins the end of the process or app; must return at once. None for a guest, which may not end the run it is in.
    pub(crate) on_shutdown: Option<Box<dyn Fn(ShutdownKind) + Send + Sync>>,
}

/// A secret that a caller must show. Never printed.
pub(crate) struct ApiToken(String);

impl ApiToken {
    /// The token, or none where it is empty: an empty `DAPR_API_TOKEN` asks for none.
    pub(crate) fn new(token: impl Into<String>) -> Option<Self> {
        let token = token.into();
        (!token.is_empty()).then_some(Self(token))
    }

    /// Compares without saying by its time how much was right; only the length shows.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let token = self.0.as_bytes();
        let differences = token.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differences) == 0 && token.len() == given.len()
    }
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

/// Answers one request of Dapr's HTTP API.
pub(crate) async fn handle(
    sidecar: &Arc<dyn Sidecar>,
    context: &Arc<ApiContext>,
    mut request: Request<Body>,
) -> Response<Body> {
    // One reading of the path: the token check and the dispatch can't disagree about it.
    let route = routes::route(request.method(), request.uri().path(), request.headers());
    let exempt = matches!(route, Ok(Route::Healthz | Route::HealthzOutbound));
    if !exempt && !has_token(context, request.headers()) {
        return plain(StatusCode::UNAUTHORIZED, "invalid api token\n");
    }
    request.headers_mut().remove(API_TOKEN);
    if context.pipeline.is_empty() {
        return answer(sidecar, context, route, request).await;
    }
    let (sidecar, of_last) = (Arc::clone(sidecar), Arc::clone(context));
    let last: Next = Box::new(move |request| {
        Box::pin(async move {
            // A handler may have given it another path.
            let route = routes::route(request.method(), request.uri().path(), request.headers());
            Ok(answer(&sidecar, &of_last, route, request).await)
        })
    });
    context.pipeline.run(request, last).await.unwrap_or_else(|error| error.dapr_response())
}

async fn answer(
    sidecar: &Arc<dyn Sidecar>,
    context: &ApiContext,
    route: Result<Route>,
    request: Request<Body>,
) -> Response<Body> {
    let answer = match route {
        Ok(route) => dispatch(sidecar, context, route, request).await,
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| error.dapr_response())
}

async fn dispatch(
    sidecar: &Arc<dyn Sidecar>,
    context: &ApiContext,
    route: Route,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let sidecar = sidecar.as_ref();
    let call = |request| Call::new(request, context.max_body);
    match route {
        Route::Invoke { target, path } => invoke::invoke(sidecar, context, target, &path, request).await,
        Route::GetState { store, key } => state::get(sidecar, &store, key, call(request)).await,
        Route::SaveState { store } => state::save(sidecar, &store, call(request)).await,
        Route::DeleteState { store, key } => state::delete(sidecar, &store, key, call(request)).await,
        Route::GetBulkState { store } => state::get_bulk(sidecar, &store, call(request)).await,
        Route::StateTransaction { store } => state::transaction(sidecar, &store, call(request)).await,
        Route::QueryState { store } => Err(state::query_unsupported(&store)),
        Route::Publish { pubsub, topic } => publish::publish(sidecar, &pubsub, &topic, call(request)).await,
        Route::BulkPublish { pubsub, topic } => publish::publish_bulk(sidecar, &pubsub, &topic, call(request)).await,
        Route::GetSecret { store, key } => secrets::get(sidecar, &store, &key, call(request)).await,
        Route::GetBulkSecret { store } => secrets::get_bulk(sidecar, &store, call(request)).await,
        Route::InvokeBinding { binding } => bindings::invoke(sidecar, &binding, call(request)).await,
        Route::GetMetadata => metadata::get(sidecar).await,
        Route::SetMetadata { key } => metadata::set(sidecar, key, call(request)).await,
        Route::Healthz => metadata::healthz(sidecar, &context.readiness, &call(request)),
        Route::HealthzOutbound => metadata::healthz_outbound(&context.readiness),
        Route::Shutdown => metadata::shutdown(context, request.headers()),
        Route::Unimplemented { api } => Err(unimplemented(api)),
    }
}

/// A request whose body is small enough to be read as a whole.
struct Call {
    query: Query,
    headers: HeaderMap,
    extensions: http::Extensions,
    body: Body,
    max_body: u64,
}

impl Call {
    fn new(request: Request<Body>, max_body: u64) -> Self {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        Self { query, headers: parts.headers, extensions: parts.extensions, body, max_body }
    }

    fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn has_token(context: &ApiContext, headers: &HeaderMap) -> bool {
    let Some(token) = &context.api_token else { return true };
    headers.get(API_TOKEN).is_some_and(|given| token.is(given.as_bytes()))
}

fn unimplemented(api: &str) -> Error {
    Error::new(Code::ApiUnimplemented, format!("the embedded sidecar doesn't have the {api} API yet"))
        .hint("a real daprd has it")
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer of JSON bytes as they are.
fn data(bytes: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A value as JSON with the line feed that daprd's encoder ends with.
fn json_answer(value: &impl serde::Serialize) -> Result<Response<Body>> {
    let mut bytes = serde_json::to_vec(value)
        .map_err(|error| Error::new(Code::Internal, format!("the answer can't be written as JSON: {error}")))?;
    bytes.push(b'\n');
    Ok(data(bytes))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Readiness {
    fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    fn is_outbound(&self) -> bool {
        self.outbound.load(Ordering::Acquire)
    }
}
