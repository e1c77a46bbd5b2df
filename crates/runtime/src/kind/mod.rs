//! The kinds of guest: how a request becomes a call, and what comes back a response.

pub(crate) mod bindgen;
pub(crate) mod command;
pub(crate) mod dapr;
pub(crate) mod http;
pub(crate) mod messages;
pub(crate) mod middleware;
mod shape;
mod sniff;

use crate::admission::Permit;
use crate::call::Call;
use crate::incoming::Incoming;
use crate::program::Program;
use crate::{GuestKind, code};
use ::http::{Request, Response};
use bytes::Bytes;
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
    code::touch(&call);
    match (call.hosted.kind(), incoming) {
        (GuestKind::Http, Incoming::Streaming(body)) => {
            http::call(call, Request::from_parts(parts, body), permits).await
        }
        (GuestKind::Command | GuestKind::Bindgen | GuestKind::Dapr | GuestKind::Messages, Incoming::Whole(body)) => {
            Box::pin(program(&call, Request::from_parts(parts, body))).await
        }
        _ => Err(Error::new(Code::Internal, "the body of this request is not as this kind of guest takes it")),
    }
}

/// A call of what is run for one request and takes its body whole.
async fn program(call: &Arc<Call>, request: Request<Bytes>) -> Result<Response<Body>, Error> {
    match &*code::program(call).await? {
        Program::Core(pre) => command::call(call, command::Entry::Core(pre), request).await,
        Program::Command(pre) => command::call(call, command::Entry::Component(pre), request).await,
        Program::Bindgen(pre) => bindgen::call(call, pre, request.into_body()).await,
        Program::Messages(pre) => messages::call(call, pre, request).await,
        Program::Dapr(pre) => dapr::invoke(call, pre, request).await,
        Program::Http(_) | Program::Service(_) | Program::Middleware(_) => {
            Err(Error::new(Code::Internal, "this kind of guest takes no request in one piece"))
        }
    }
}

/// An answer of bytes, with the type that they show.
fn respond(bytes: Bytes) -> Response<Body> {
    let content_type = ::http::HeaderValue::from_static(sniff::content_type(&bytes));
    let mut response = Response::new(body::full(bytes));
    response.headers_mut().insert(::http::header::CONTENT_TYPE, content_type);
    response
}
