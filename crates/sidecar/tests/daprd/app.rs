//! A native app on a port: says what it was asked, and answers with the status that a path names.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, net::Ipv4Addr};
use tokio::{net::TcpListener, task::JoinHandle};

/// The largest body that it reads, in bytes.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// An app that runs until it is dropped.
pub(crate) struct NativeApp {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Drop for NativeApp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NativeApp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
                tokio::spawn(async move { serving.await.is_ok() });
            }
        });
        Self { port, task }
    }
}

/// `/status/418` answers so; everything else says what was asked.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path.starts_with("/dapr/") {
        return Ok(reply(404, ""));
    }
    if let Some(status) = path.strip_prefix("/status/") {
        return Ok(reply(status.parse().unwrap_or(500), "as you wish"));
    }
    let body = http_body_util::Limited::new(body, MAX_BODY).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let header = |name: &str| parts.headers.get(name).map_or("-", |value| value.to_str().unwrap_or("?")).to_owned();
    let said = format!(
        "{} {} type={} mine={} caller={} token={} body={}",
        parts.method,
        parts.uri,
        header("content-type"),
        header("x-mine"),
        header("dapr-caller-app-id"),
        header("dapr-api-token"),
        String::from_utf8_lossy(&body),
    );
    Ok(reply(200, said))
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("x-answered", "yes").header("content-type", "text/plain");
    response.body(Full::new(body.into())).expect("a response")
}
