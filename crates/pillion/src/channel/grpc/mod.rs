//! The same channel over gRPC: Dapr's `AppCallback` services, for `appProtocol: grpc`.

mod callback;
mod events;
mod invoke;
mod metadata;
#[cfg(test)]
mod tests;

use super::Channel;
use callback::Callback;
use dapr::dapr::proto::runtime::v1::{
    app_callback_alpha_server::AppCallbackAlphaServer, app_callback_health_check_server::AppCallbackHealthCheckServer,
    app_callback_server::AppCallbackServer,
};
use http::{HeaderMap, Request, Response, Version, header};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error};
use std::sync::Arc;
use tonic::Status;
use tower_service::Service;

/// What every call's media type begins with.
const MEDIA_TYPE: &[u8] = b"application/grpc";
/// The health probe, which carries no token.
pub(super) const HEALTH: &str = "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck";
/// Service invocation: the one method that other apps reach, and that is no event.
pub(super) const INVOKE: &str = "/dapr.proto.runtime.v1.AppCallback/OnInvoke";
const LISTS: [&str; 2] = [
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions",
    "/dapr.proto.runtime.v1.AppCallback/ListInputBindings",
];
const SERVICES: [&str; 3] = [
    "/dapr.proto.runtime.v1.AppCallback/",
    "/dapr.proto.runtime.v1.AppCallbackHealthCheck/",
    "/dapr.proto.runtime.v1.AppCallbackAlpha/",
];

/// A call of one of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Health,
    Invoke,
    List,
    Event,
}

/// What a gRPC call to this path is; none where it is not Dapr's. A guest may have gRPC services of its own.
pub(super) fn read(path: &str, headers: &HeaderMap) -> Option<Call> {
    let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
    if !content_type.starts_with(MEDIA_TYPE) || !SERVICES.iter().any(|service| path.starts_with(service)) {
        return None;
    }
    Some(match path {
        HEALTH => Call::Health,
        INVOKE => Call::Invoke,
        path if LISTS.contains(&path) => Call::List,
        _ => Call::Event,
    })
}

/// Answers one call. Messages both ways are bounded: those that come by the app's largest request, as over HTTP.
pub(super) async fn serve(channel: &Arc<Channel>, request: Request<Body>) -> Response<Body> {
    let limit = usize::try_from(channel.bounds.request).unwrap_or(usize::MAX);
    let path = request.uri().path();
    let callback = Callback(channel.clone());
    let answer = if path.starts_with(SERVICES[1]) {
        AppCallbackHealthCheckServer::new(callback).max_decoding_message_size(limit).call(request).await
    } else if path.starts_with(SERVICES[2]) {
        AppCallbackAlphaServer::new(callback).max_decoding_message_size(limit).call(request).await
    } else {
        AppCallbackServer::new(callback).max_decoding_message_size(limit).call(request).await
    };
    match answer {
        Ok(response) => wrapped(response),
        Err(never) => match never {},
    }
}

/// Whether a request is any gRPC call; over HTTP/1.1 there is none.
pub(crate) fn is_call(request: &Request<Body>) -> bool {
    let is_grpc = |content_type: &http::HeaderValue| content_type.as_bytes().starts_with(MEDIA_TYPE);
    request.version() == Version::HTTP_2 && request.headers().get(header::CONTENT_TYPE).is_some_and(is_grpc)
}

/// The failure of a guest's own service. A path without a route is a method that nobody has.
pub(crate) fn refuse_call(error: &Error) -> Response<Body> {
    match error.code() {
        Code::RouteNotFound => {
            let unknown = Status::unimplemented(status(error).message());
            wrapped(unknown.into_http::<tonic::body::Body>())
        }
        _ => refuse(error),
    }
}

/// A refusal as a gRPC client reads it.
pub(super) fn refuse(error: &Error) -> Response<Body> {
    wrapped(status(error).into_http::<tonic::body::Body>())
}

fn wrapped(response: Response<tonic::body::Body>) -> Response<Body> {
    let broken = |status: Status| Error::new(Code::Internal, status.message().to_owned());
    response.map(|body| body.map_err(broken).boxed_unsync())
}

/// An error with the status of its row.
fn status(error: &Error) -> Status {
    let text = match error.help() {
        Some(help) => format!("{error} (hint: {help})"),
        None => error.to_string(),
    };
    Status::new(tonic::Code::from_i32(error.code().grpc() as i32), text)
}

/// The same for an event. To daprd `UNIMPLEMENTED` says that the app never takes such events, and drops them.
fn event_status(error: &Error) -> Status {
    match status(error) {
        status if status.code() == tonic::Code::Unimplemented => Status::failed_precondition(status.message()),
        status => status,
    }
}
