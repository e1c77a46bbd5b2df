//! One request on its way through a handler of http-wasm, and the answer on its way back.

use super::bodies::{RequestBody, ResponseBody, joined};
use super::broken;
use crate::call::Hosted;
use crate::limiter::Share;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request, response};
use pillion_api::middleware::Peer;
use pillion_api::{Body, body, path};
use std::sync::Arc;

/// What the guest reads of a request's body, the next handler reads again.
const BUFFER_REQUEST: u32 = 1;
/// The guest may read and change what the next handler answered.
const BUFFER_RESPONSE: u32 = 2;

/// Which of its two functions the guest is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `handle_request`: nobody else has seen the request.
    Before,
    /// `handle_response`.
    After,
}

/// What the host functions work with.
pub(crate) struct Exchange {
    pub(crate) phase: Phase,
    pub(super) config: Bytes,
    pub(super) request: request::Parts,
    pub(super) request_body: RequestBody,
    pub(super) response: response::Parts,
    pub(super) response_body: ResponseBody,
    /// The memory budget of the process knows of what is buffered.
    pub(super) share: Share,
    features: u32,
    status_set: bool,
    /// Framing is the host's, whatever the guest says.
    request_length: Option<HeaderValue>,
    response_length: Option<HeaderValue>,
    hosted: Arc<Hosted>,
}

impl Exchange {
    /// A request that comes in.
    pub(crate) fn new(hosted: &Arc<Hosted>, config: Bytes, request: Request<Body>) -> Self {
        let (request, incoming) = request.into_parts();
        let (response, ()) = Response::new(()).into_parts();
        Self {
            phase: Phase::Before,
            config,
            request_length: request.headers.get(header::CONTENT_LENGTH).cloned(),
            response_length: None,
            request,
            request_body: RequestBody::new(incoming, hosted.limits().request),
            response,
            response_body: ResponseBody::default(),
            share: Share::new(&hosted.shared.budget),
            features: 0,
            status_set: false,
            hosted: Arc::clone(hosted),
        }
    }

    pub(super) fn enable(&mut self, features: u32) -> u32 {
        self.features |= features & (BUFFER_REQUEST | BUFFER_RESPONSE);
        self.features
    }

    pub(super) fn buffers_request(&self) -> bool {
        self.features & BUFFER_REQUEST != 0
    }

    /// Whether the answer of the next handler has to be whole before the guest sees it.
    pub(crate) fn buffers_response(&self) -> bool {
        self.features & BUFFER_RESPONSE != 0
    }

    pub(super) fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// # Errors
    /// The next handler has the request already.
    pub(super) fn before_next(&self, what: &str) -> wasmtime::Result<()> {
        match self.phase {
            Phase::Before => Ok(()),
            Phase::After => Err(broken(format!("{what} after the next handler had it"))),
        }
    }

    /// # Errors
    /// The answer went out already, because the guest did not ask to see it first.
    pub(super) fn before_next_or_buffered(&self, what: &str) -> wasmtime::Result<()> {
        match self.phase == Phase::Before || self.buffers_response() {
            true => Ok(()),
            false => Err(broken(format!("{what} of the next handler, and has not enabled `buffer_response`"))),
        }
    }

    pub(super) fn set_method(&mut self, method: &str) -> wasmtime::Result<()> {
        self.before_next("sets the method")?;
        self.request.method = Method::from_bytes(method.as_bytes())
            .map_err(|_| broken(format!("sets `{}` as a method", method.escape_debug())))?;
        Ok(())
    }

    /// Path and query, as they stand in the request line.
    pub(super) fn uri(&self) -> String {
        self.request.uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned()
    }

    /// Another path and query. What was read from the old ones is forgotten, so that nobody goes by them.
    pub(super) fn set_uri(&mut self, uri: &str) -> wasmtime::Result<()> {
        self.before_next("sets the URI")?;
        let refused = || broken(format!("sets `{}` as a URI: it must be a path and a query", uri.escape_debug()));
        let asked = if uri.is_empty() { "/" } else { uri };
        if !asked.starts_with('/') {
            return Err(refused());
        }
        let mut parts = std::mem::take(&mut self.request.uri).into_parts();
        parts.path_and_query = Some(asked.parse().map_err(|_| refused())?);
        self.request.uri = Uri::from_parts(parts).map_err(|_| refused())?;
        self.request.extensions.remove::<path::Path>();
        Ok(())
    }

    pub(super) fn protocol(&self) -> &'static str {
        match self.request.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/1.1",
        }
    }

    /// `address:port` of the client; empty where there was no connection.
    pub(super) fn source_address(&self) -> String {
        self.request.extensions.get::<Peer>().map_or_else(String::new, |peer| peer.0.to_string())
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status
    }

    pub(super) fn set_status(&mut self, status: i32) -> wasmtime::Result<()> {
        self.before_next_or_buffered("sets the status")?;
        let known = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        // A head that says "not yet" is none that can be answered with.
        let known = known.filter(|status| !status.is_informational());
        self.response.status = known.ok_or_else(|| broken(format!("sets the status {status}, which is none")))?;
        self.status_set = true;
        Ok(())
    }

    /// The request for the next handler.
    pub(crate) fn take_request(&mut self) -> Request<Body> {
        let (parts, ()) = Request::new(()).into_parts();
        let old = std::mem::replace(&mut self.request, parts);
        // The guest may look at it afterwards.
        self.request.method = old.method.clone();
        self.request.uri = old.uri.clone();
        self.request.version = old.version;
        self.request.headers = old.headers.clone();
        let mut request = Request::from_parts(old, body::empty());
        let length = match self.request_body.length_of_next() {
            Some(length) => Some(HeaderValue::from(length)),
            None => self.request_length.take().filter(|_| !self.request_body.was_consumed()),
        };
        frame(request.headers_mut(), length);
        *request.body_mut() = self.request_body.take_next();
        request
    }

    /// The answer of the next handler. What the guest said before stays where that says nothing, and what it wrote before
    /// comes first, as in Dapr's own host.
    pub(crate) fn receive(&mut self, response: Response<Body>, buffered: Option<Bytes>) {
        let (mut parts, stream) = response.into_parts();
        let said = std::mem::take(&mut self.response.headers);
        let mut kept = HeaderMap::new();
        for (name, value) in said.iter().filter(|(name, _)| !parts.headers.contains_key(*name)) {
            kept.append(name, value.clone());
        }
        let before = self.response_body.take_written();
        self.response_length = parts.headers.get(header::CONTENT_LENGTH).filter(|_| before.is_empty()).cloned();
        parts.headers.extend(kept);
        self.response = parts;
        self.status_set = false;
        self.response_body = match buffered {
            Some(whole) if before.is_empty() => ResponseBody::whole(whole),
            Some(whole) => ResponseBody::whole([before, whole].concat().into()),
            None => ResponseBody::streaming(begun(before, Some(stream))),
        };
    }

    /// Whether the guest has an answer of its own.
    pub(crate) fn has_answer(&self) -> bool {
        self.status_set || self.response_body.is_written()
    }

    /// What goes back to who asked.
    pub(crate) fn answer(mut self) -> Response<Body> {
        let length = self.response_length.take().filter(|_| self.response_body.is_next());
        let content = std::mem::take(&mut self.response_body).into_body();
        let mut response = Response::from_parts(self.response, content);
        frame(response.headers_mut(), length);
        response
    }
}

/// Says how long a body is; none is for who writes it.
fn frame(headers: &mut HeaderMap, length: Option<HeaderValue>) {
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length);
    }
}

/// A body that was begun to be read: what was read of it, then the rest.
pub(super) fn begun(first: Bytes, rest: Option<Body>) -> Body {
    match rest {
        None => body::full(first),
        Some(rest) if first.is_empty() => rest,
        Some(rest) => joined(first, rest),
    }
}
