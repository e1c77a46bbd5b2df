//! The kinds of guest: how a request becomes a call, and what comes back a response.

pub(crate) mod bindgen;
pub(crate) mod command;
pub(crate) mod http;
mod sniff;

use crate::admission::Permit;
use crate::call::Call;
use crate::guest::Program;
use crate::incoming::Incoming;
use ::http::{Request, Response};
use pillion_api::{Body, Code, Error, body};
use std::sync::Arc;

/// Calls a guest on the thread that this runs on. The permits are given back when the instance is gone. Each kind's work
/// is on the heap: it is thousands of bytes, and this future is moved several times on its way to the guest's thread.
pub(crate) async fn call(
    call: Arc<Call>,
    request: Request<Incoming>,
    permits: (Permit, Permit),
) -> Result<Response<Body>, Error> {
    let (parts, incoming) = request.into_parts();
    let guest = call.hosted.spec.guest.clone();
    match (&guest.0.program, incoming) {
        (Program::Http(_) | Program::Service(_), Incoming::Streaming(body)) => {
            http::call(call, Request::from_parts(parts, body), permits).await
        }
        (Program::Core(pre), Incoming::Whole(body)) => {
            Box::pin(command::call(&call, command::Entry::Core(pre), Request::from_parts(parts, body))).await
        }
        (Program::Command(pre), Incoming::Whole(body)) => {
            Box::pin(command::call(&call, command::Entry::Component(pre), Request::from_parts(parts, body))).await
        }
        (Program::Bindgen(pre), Incoming::Whole(body)) => Box::pin(bindgen::call(&call, pre, body)).await,
        _ => Err(Error::new(Code::Internal, "the body of this request is not as this kind of guest takes it")),
    }
}

/// An answer of bytes, with the type that they show.
fn respond(bytes: bytes::Bytes) -> Response<Body> {
    let content_type = ::http::HeaderValue::from_static(sniff::content_type(&bytes));
    let mut response = Response::new(body::full(bytes));
    response.headers_mut().insert(::http::header::CONTENT_TYPE, content_type);
    response
}
