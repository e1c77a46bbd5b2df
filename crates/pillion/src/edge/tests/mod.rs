//! Raw sockets against the server.

mod h2;
mod lifecycle;
mod limits;
mod smuggling;
mod turns;

use super::{EdgeLimits, Listener, Observe, Server, Service, serve, service_fn};
use crate::telemetry::{
    metrics::{Metrics, PortKind},
    traces::Traces,
};
use async_trait::async_trait;
use http::{Request, Response};
use pillion_api::{Body, body};
use pillion_runtime::{Options, Runtime};
use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

/// No test waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A served port, and the numbers about it.
struct Edge {
    server: Server,
    address: SocketAddr,
    metrics: Arc<Metrics>,
}

impl Edge {
    /// Serves where guests run, and answers wait for the end of a turn; HTTP/2 stays here.
    async fn start(limits: EdgeLimits, service: Arc<dyn Service>) -> Self {
        Self::start_here(limits, Arc::new(AtHome(service))).await
    }

    async fn start_here(limits: EdgeLimits, service: Arc<dyn Service>) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let metrics = Metrics::new();
        let observe =
            Observe { app: "shop".into(), metrics: metrics.port("shop", PortKind::App), traces: Traces::off() };
        let server = serve(listener, service, limits, observe);
        Self { server, address, metrics }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a listening port")
    }

    /// Sends bytes and reads until the server ends the connection.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("the socket takes it");
        read_to_end(&mut stream).await
    }

    /// A metric's line for this port, by its beginning.
    fn gauge(&self, name: &str) -> f64 {
        let text = self.metrics.encode();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no `{name}` in {text}"));
        line.rsplit(' ').next().expect("a value").parse().expect("a number")
    }

    /// Waits until a metric has a value; the test's own time limit ends a wait in vain.
    async fn until(&self, name: &str, value: f64) {
        let wait = async {
            while self.gauge(name) != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{name} is {} for ever", self.gauge(name)));
    }
}

/// A service that stands for guests.
struct AtHome(Arc<dyn Service>);

#[async_trait]
impl Service for AtHome {
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        self.0.call(request).await
    }

    fn home(&self, _: &str) -> Option<Handle> {
        static RUNTIME: LazyLock<Runtime> =
            LazyLock::new(|| Runtime::new(Options { max_instances: 1, ..Options::default() }).expect("a runtime"));
        Some(RUNTIME.guest_threads())
    }
}

/// Reads to the end of the connection, or a reset.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server ends the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer's head and its `content-length` bytes of body.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            let mut byte = [0];
            if stream.read(&mut byte).await.expect("an answer") == 0 {
                break;
            }
            bytes.push(byte[0]);
            if bytes.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes).to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).await.expect("the whole body");
                bytes.extend(body);
                break;
            }
        }
    };
    timeout(PATIENCE, read).await.expect("an answer in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers with what it was asked: method, path, body length.
fn echo() -> Arc<dyn Service> {
    service_fn(|request| async move {
        let line = format!("{} {}", request.method(), request.uri().path());
        match body::collect(request.into_body(), u64::MAX).await {
            Ok(body) => Response::new(body::full(format!("{line} {}", body.len()))),
            Err(error) => error.problem_response(),
        }
    })
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}
