//! The HTTP client for services outside and for native apps: HTTP/1.1, TLS by rustls, streaming both ways. Its connections
//! live in the runtime that it was made in, whoever asks: guests' threads may be busy for milliseconds.

use crate::headers;
use http::{Request, Response, Uri, uri};
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use pillion_api::{Body, Code, Error};
use std::time::Duration;
use tokio::{runtime::Handle, task::JoinSet};

/// How long a connection may take; daprd's for HTTP endpoints.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How many idle connections to one host are kept.
const IDLE_PER_HOST: usize = 64;

/// A client with its own connections. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    /// None where it was made outside of any: then the asker's will do.
    home: Option<Handle>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    /// A client without connections yet.
    pub fn new() -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring has the default protocol versions")
            .https_or_http()
            .enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(https.wrap_connector(http));
        Self { client, home: Handle::try_current().ok() }
    }

    /// Sends a request to an absolute URL and answers as soon as the response's head is there.
    ///
    /// # Errors
    /// [`Code::BadGateway`] with the cause where there is no response; the request body's own error where that broke it.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let sending = self.client.request(request);
        let response = match &self.home {
            Some(home) if home.id() != Handle::current().id() => {
                // A set of one ends with whoever waits for it.
                let mut task = JoinSet::new();
                task.spawn_on(sending, home);
                let sent = task.join_next().await.expect("it has one");
                sent.map_err(|error| Error::new(Code::Internal, error.to_string()))?
            }
            _ => sending.await,
        };
        let response = response.map_err(|error| own_error(&error))?;
        let mut response = response.map(|body| body.map_err(broken_off).boxed_unsync());
        headers::strip_hop_by_hop(response.headers_mut());
        Ok(response)
    }
}

fn broken_off(error: hyper::Error) -> Error {
    Error::new(Code::BadGateway, format!("the response broke off: {error}"))
}

/// The innermost cause says most; an error of our own body is handed through.
fn own_error(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut cause = error;
    loop {
        if let Some(own) = cause.downcast_ref::<Error>() {
            return own.clone();
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => return gateway(cause),
        }
    }
}

/// Where nobody listened, nothing was sent: the hint says so, and [`not_reached`] reads it.
fn gateway(cause: &(dyn std::error::Error + 'static)) -> Error {
    let refused = cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
        matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable)
    });
    let error = Error::new(Code::BadGateway, cause.to_string());
    if refused { error.hint(NOBODY_LISTENS) } else { error }
}

/// What helps against a refused connection.
const NOBODY_LISTENS: &str = "nobody listens there: is it running?";

/// Whether a request reached nobody, so that it can be sent again.
pub(crate) fn not_reached(error: &Error) -> bool {
    error.help() == Some(NOBODY_LISTENS)
}

/// Where the paths of a service begin.
///
/// # Errors
/// A sentence part, where the text is no `http` or `https` URL.
pub fn parse_base(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("is no URL: {error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => Ok(uri),
        _ => Err("must be an http or https URL without a user".to_owned()),
    }
}

/// A path and query below a base URL.
pub(crate) fn join(base: &Uri, path_and_query: &str) -> Result<Uri, http::Error> {
    let below = base.path().trim_end_matches('/');
    let path = format!("{below}/{}", path_and_query.trim_start_matches('/'));
    let mut parts = uri::Parts::default();
    parts.scheme = base.scheme().cloned();
    parts.authority = base.authority().cloned();
    parts.path_and_query = Some(path.parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_below_the_base() {
        for (base, path, url) in [
            ("http://h", "/a?b=1", "http://h/a?b=1"),
            ("https://h:1/base/", "/a", "https://h:1/base/a"),
            ("http://h/base", "/", "http://h/base/"),
        ] {
            let base = parse_base(base).expect("a URL");
            assert_eq!(join(&base, path).expect("a URL").to_string(), url);
        }
        for text in ["ftp://h", "h", "/a", "http://user@h", ""] {
            parse_base(text).expect_err(text);
        }
    }
}
