//! What is refused before anything else looks at a request: all that two readers could take differently.

use super::{EdgeLimits, Face, head::Fault};
use http::{HeaderMap, Method, Request, Response, Version, header, uri::Authority};
use pillion_api::{Body, Code, Error, Result, body::too_large, path};

/// An error as the clients of a port expect it.
pub(super) fn show(error: &Error, face: Face) -> Response<Body> {
    match face {
        Face::App => error.problem_response(),
        Face::DaprApi => error.dapr_response(),
    }
}

/// Looks at the head alone. Answers the normal path where the edge is the one to check it.
///
/// # Errors
/// The answer to give instead of calling the service; the connection ends after it.
pub(super) fn check<B>(request: &Request<B>, fault: Option<Fault>, limits: &EdgeLimits) -> Result<Option<path::Path>> {
    framing(request, fault)?;
    method(request.method())?;
    sizes(request, limits)?;
    host(request)?;
    declared_length(request.headers(), limits.body_bytes)?;
    let raw = request.uri().path();
    if !raw.starts_with('/') {
        return Err(refused("the request target is not a path"));
    }
    match limits.face {
        Face::App => Ok(Some(path::normalise(raw)?)),
        Face::DaprApi => Ok(None),
    }
}

/// RFC 9112, 6.1 and 6.3: a server may refuse both framings at once; nginx does, and so do we.
fn framing<B>(request: &Request<B>, fault: Option<Fault>) -> Result<()> {
    match fault {
        Some(Fault::TwoFramings) => return Err(refused("both `content-length` and `transfer-encoding` are given")),
        Some(Fault::BareLineFeed) => return Err(refused("a line of the request head ends without CR")),
        None => {}
    }
    let mut encodings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(refused("the only `transfer-encoding` taken is one `chunked`")),
    }
}

fn method(method: &Method) -> Result<()> {
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(Error::new(Code::MethodNotAllowed, format!("`{method}` is not served")));
    }
    Ok(())
}

fn sizes<B>(request: &Request<B>, limits: &EdgeLimits) -> Result<()> {
    let uri = request.uri().path_and_query().map_or(0, |path_and_query| path_and_query.as_str().len());
    if uri > limits.uri_bytes {
        let limit = limits.uri_bytes;
        return Err(Error::new(Code::UriTooLong, format!("path and query are over the limit of {limit} bytes")));
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if uri + headers > limits.header_bytes {
        let limit = limits.header_bytes;
        let message = format!("the request head is over the limit of {limit} bytes");
        return Err(Error::new(Code::HeadersTooLarge, message));
    }
    Ok(())
}

/// RFC 9112, 3.2: exactly one `Host`, and 400 otherwise. HTTP/2 says `:authority` instead (RFC 9113, 8.3.1).
fn host<B>(request: &Request<B>) -> Result<()> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(refused("`host` is given twice"));
    }
    let Some(host) = host else {
        let needed = request.version() == Version::HTTP_11 || request.uri().authority().is_none();
        let needed = needed && request.version() != Version::HTTP_10;
        return if needed { Err(refused("`host` is missing")) } else { Ok(()) };
    };
    let authority = Authority::try_from(host.as_bytes()).map_err(|_| refused("`host` is no host name"))?;
    if authority.as_str().contains('@') {
        return Err(refused("`host` is no host name"));
    }
    match request.uri().authority() {
        Some(target) if !target.as_str().eq_ignore_ascii_case(authority.as_str()) => {
            Err(refused("`host` and the request target name two hosts"))
        }
        _ => Ok(()),
    }
}

/// What announces itself as too large is not read at all.
fn declared_length(headers: &HeaderMap, limit: u64) -> Result<()> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match declared {
        Some(length) if length > limit => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn refused(why: &'static str) -> Error {
    Error::new(Code::RequestRefused, why)
}
