//! `OnInvoke`: a call of a guest's route, its message for a body, its metadata for headers.

use super::{metadata, status};
use crate::channel::Channel;
use dapr::dapr::proto::common::v1::{InvokeRequest, InvokeResponse, http_extension::Verb};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pillion_api::{Body, Code, Error, body};
use prost_types::Any;
use tonic::{Code as Grpc, Request, Response, Status, metadata::MetadataMap};

/// Bytes of a guest's answer that stand in the message of a status: it travels as a header.
const MAX_MESSAGE: usize = 1024;

pub(super) async fn invoke(
    channel: &Channel,
    request: Request<InvokeRequest>,
) -> Result<Response<InvokeResponse>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    let request = to_http(message, &metadata.into_headers(), extensions).map_err(|error| status(&error))?;
    let response = channel.app.invoke(request).await.map_err(|error| status(&error))?;
    let (parts, body) = response.into_parts();
    let body = body::collect(body, channel.bounds.answer).await.map_err(|error| status(&over(error)))?;
    match parts.status {
        StatusCode::SWITCHING_PROTOCOLS => Err(Status::unimplemented("a guest can't change the protocol")),
        ok if ok.is_success() => {
            let content_type = text(&parts.headers, header::CONTENT_TYPE);
            let data = Some(Any { type_url: String::new(), value: body.to_vec() });
            let mut answer = Response::new(InvokeResponse { data, content_type });
            *answer.metadata_mut() = MetadataMap::from_headers(metadata::of_answer(&parts.headers));
            Ok(answer)
        }
        failed => Err(refused(failed, &body)),
    }
}

fn over(error: Error) -> Error {
    match error.code() {
        Code::RequestTooLarge => {
            Error::new(Code::GuestLimit, "the guest's answer is too large for one message of gRPC")
                .hint("raise `maxBodySize` of the app, or use the HTTP app protocol, which streams")
        }
        _ => error,
    }
}

fn to_http(
    message: InvokeRequest,
    metadata: &HeaderMap,
    extensions: tonic::Extensions,
) -> Result<http::Request<Body>, Error> {
    let InvokeRequest { method, data, content_type, http_extension } = message;
    let extension = http_extension.unwrap_or_default();
    let query = if extension.querystring.is_empty() { String::new() } else { format!("?{}", extension.querystring) };
    let uri = format!("/{}{query}", method.trim_start_matches('/'));
    let uri = uri.parse().map_err(|_| Error::new(Code::RequestRefused, format!("`{method}` is no path")))?;
    let mut request = http::Request::new(body::full(data.unwrap_or_default().value));
    *request.method_mut() = verb(extension.verb());
    *request.uri_mut() = uri;
    *request.headers_mut() = metadata::to_headers(metadata);
    if let Ok(content_type) = HeaderValue::from_str(&content_type)
        && !content_type.is_empty()
    {
        request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    drop(extensions);
    Ok(request)
}

/// A gRPC caller may leave the verb out; what carries a message is a `POST`.
fn verb(verb: Verb) -> Method {
    match verb {
        Verb::None | Verb::Post => Method::POST,
        Verb::Get => Method::GET,
        Verb::Head => Method::HEAD,
        Verb::Put => Method::PUT,
        Verb::Delete => Method::DELETE,
        Verb::Connect => Method::CONNECT,
        Verb::Options => Method::OPTIONS,
        Verb::Trace => Method::TRACE,
        Verb::Patch => Method::PATCH,
    }
}

/// A guest's failure. daprd makes an HTTP status of the code again: these come out as they went in, where gRPC has a code.
fn refused(status: StatusCode, body: &[u8]) -> Status {
    let code = match status.as_u16() {
        400 | 405 | 406 | 410..=417 | 422 | 431 => Grpc::InvalidArgument,
        401 => Grpc::Unauthenticated,
        403 => Grpc::PermissionDenied,
        404 => Grpc::NotFound,
        408 => Grpc::Cancelled,
        409 => Grpc::AlreadyExists,
        429 => Grpc::ResourceExhausted,
        501 => Grpc::Unimplemented,
        503 => Grpc::Unavailable,
        504 => Grpc::DeadlineExceeded,
        _ => Grpc::Unknown,
    };
    let said = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)]);
    Status::new(code, format!("the guest answered {}: {said}", status.as_u16()))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
