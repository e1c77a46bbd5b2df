//! Service invocation over HTTP: who is called, and what of the request goes on.

use super::ApiContext;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, Request, Response, header};
use pillion_api::{Body, Invocation, Result, Sidecar, Target, body, path};

/// Stands between app id and method path in a URL.
pub(super) const METHOD_MARK: &str = "/method/";

const APP_ID: HeaderName = HeaderName::from_static("dapr-app-id");
/// Headers about one connection (RFC 9110, 7.6.1); since 1.18 daprd doesn't hand them on.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The app that the headers name: `dapr-app-id`, or the password of basic auth's user `dapr-app-id`.
pub(super) fn app_id_of(headers: &HeaderMap) -> Option<String> {
    if let Some(app_id) = headers.get(APP_ID).and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty()) {
        return Some(app_id.to_owned());
    }
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (user, app_id) = pair.split_once(':')?;
    let names_an_app = user.eq_ignore_ascii_case(APP_ID.as_str()) && !app_id.is_empty() && !app_id.contains(':');
    names_an_app.then(|| app_id.to_owned())
}

pub(super) async fn invoke(
    sidecar: &dyn Sidecar,
    context: &ApiContext,
    target: Target,
    path: &path::Path,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    parts.uri = path.encode(parts.uri.query())?.into();
    parts.headers.remove(APP_ID);
    strip(&mut parts.headers);
    // Bounded again, because not every caller of this API comes by the edge.
    let request = Request::from_parts(parts, body::limited(body, context.max_body));
    let mut response = sidecar.invoke(Invocation { target, request }).await?;
    strip(response.headers_mut());
    Ok(response)
}

/// Takes away what is about one connection, and what `connection` says is.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}
