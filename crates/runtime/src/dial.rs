//! The one function that opens a connection for a guest: names are resolved here, every address is checked after that,
//! and just those that were checked are dialled, so that a name can't change its mind in between.

use crate::address::is_reachable;
use crate::hosts::{Hosts, default_port, normal_host};
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pillion_api::Body;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// A name server that does not answer, or a host that does not.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections are kept so long, and so many of them for each host.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 8;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

/// An HTTP client for the guests of one app. Apps don't share one: what one app may reach another may not.
pub(crate) type HttpClient = Client<HttpsConnector<Dial>, Body>;

/// A client that reaches what `hosts` grants.
pub(crate) fn client(hosts: Arc<Hosts>) -> HttpClient {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(Dial(hosts));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build(connector)
}

/// The address was refused, not the connection.
#[derive(Debug)]
pub(crate) struct Prohibited(pub(crate) SocketAddr);

impl std::fmt::Display for Prohibited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the address {} belongs to this machine, or to no host outside", self.0.ip())
    }
}

impl std::error::Error for Prohibited {}

/// The connector.
#[derive(Clone, Debug)]
pub(crate) struct Dial(Arc<Hosts>);

impl tower_service::Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let explicit = self.0.name_explicitly(&uri);
        Box::pin(async move { dial(&uri, explicit).await.map(TokioIo::new) })
    }
}

async fn dial(uri: &Uri, explicit: bool) -> io::Result<TcpStream> {
    let addresses = resolve(uri).await?;
    // One forbidden answer spoils all of them: a name that has one is not to be trusted with the others.
    if let Some(prohibited) = addresses.iter().find(|address| !explicit && !is_reachable(address.ip())) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, Prohibited(*prohibited)));
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn resolve(uri: &Uri) -> io::Result<Vec<SocketAddr>> {
    let host = normal_host(uri.host().unwrap_or_default());
    let port = uri.port_u16().or(default_port(uri)).filter(|port| *port > 0);
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no port"))?;
    let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host.as_str(), port))).await;
    Ok(found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect())
}
