//! The admin port: metrics and health, from a thread that never runs a guest.

use super::metrics::Metrics;
use crate::edge::{Service, service_fn};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use pillion_api::{Body, Code, Error, body, path};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Whether requests may be sent here. Begins as no.
#[derive(Debug, Default)]
pub(crate) struct Readiness(AtomicBool);

impl Readiness {
    /// Says so from here on.
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The service of the admin port.
pub(crate) fn service(metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Arc<dyn Service> {
    service_fn(move |request| {
        let response = answer(&metrics, &readiness, &request);
        async move { response }
    })
}

fn answer(metrics: &Metrics, readiness: &Readiness, request: &Request<Body>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let message = format!("`{}` is not served here", request.method());
        return Error::new(Code::MethodNotAllowed, message).hint("use `GET`").problem_response();
    }
    let path = match path::normalise(request.uri().path()) {
        Ok(path) => path,
        Err(error) => return error.problem_response(),
    };
    match path.as_str() {
        "/metrics" => text(StatusCode::OK, OPENMETRICS, metrics.encode()),
        // Whoever answers lives.
        "/healthz" => text(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" if readiness.is_ready() => text(StatusCode::OK, TEXT, "ready\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n"),
        other => Error::new(Code::RouteNotFound, format!("nothing is at `{other}`"))
            .hint("here are `/metrics`, `/healthz` and `/readyz`")
            .problem_response(),
    }
}

fn text(status: StatusCode, content_type: &'static str, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
