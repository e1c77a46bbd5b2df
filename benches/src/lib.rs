//! What the benchmarks' programs share: a small server for the anchors, HTTP/1.1 keep-alive, and the load's side of it.

pub mod host;
pub mod wire;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{future::Future, sync::Arc};
use tokio::net::TcpListener;

/// Serves `handle` on a free port of loopback, which is printed, until the process is ended.
///
/// # Errors
/// No port, or no runtime.
pub fn serve<F, A>(handle: F) -> Result<()>
where
    F: Fn(Bytes) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Vec<u8>>> + Send,
{
    let handle = Arc::new(handle);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let handle = handle.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let handle = handle.clone();
                async move { answer(&*handle, request).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer<F, A>(handle: &F, request: Request<Incoming>) -> Result<Response<Full<Bytes>>>
where
    F: Fn(Bytes) -> A,
    A: Future<Output = Result<Vec<u8>>>,
{
    let body = request.into_body().collect().await?.to_bytes();
    Ok(match handle(body).await {
        Ok(bytes) => Response::new(Full::new(bytes.into())),
        Err(error) => {
            let mut response = Response::new(Full::new(error.to_string().into()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    })
}
