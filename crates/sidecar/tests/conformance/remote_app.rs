//! A native app on a port: what it gets over HTTP, and what its answers mean.

use crate::harness::{World, component};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pillion_api::{
    AppChannel, Body, Code, Sidecar, bindings, body, configuration, jobs,
    pubsub::{Delivery, Destination, Publish, TopicStatus},
};
use pillion_sidecar::{RemoteApp, remote_app::Protocol};
use std::{convert::Infallible, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

/// An HTTP server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request, whose body was read already.
    pub(crate) async fn start(answer: impl Fn(Request<Body>) -> Response<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::on(listener, answer)
    }

    pub(crate) fn on(
        listener: TcpListener,
        answer: impl Fn(Request<Body>) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let answer = Arc::clone(&answer);
                    async move {
                        let (parts, incoming) = request.into_parts();
                        let bytes = incoming.collect().await.expect("a body").to_bytes();
                        let response = answer(Request::from_parts(parts, body::full(bytes)));
                        Ok::<_, Infallible>(response.map(|text| Full::new(Bytes::from(text))))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, task }
    }
}

fn answer(status: u16, text: &str) -> Response<String> {
    Response::builder().status(status).body(text.to_owned()).expect("a response")
}

fn app(address: SocketAddr) -> RemoteApp {
    RemoteApp::new("shop", address.to_string(), Protocol::Http).expect("an address")
}

fn delivery() -> Delivery {
    Delivery {
        pubsub: "bus".to_owned(),
        topic: "t".to_owned(),
        destination: Destination::Path("orders".to_owned()),
        event: "{}".into(),
        metadata: [("pubsubName", "bus"), ("content-length", "99"), ("no header", "x"), ("custom", "y")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        traceparent: Some("00-a-b-01".to_owned()),
    }
}

#[tokio::test]
async fn a_delivery_is_a_post_with_the_metadata_as_headers() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        let header =
            |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap_or("?")).to_owned();
        let names = ["content-type", "content-length", "pubsubname", "custom", "traceparent", "dapr-api-token"];
        let _ = sender.send(format!("{} {} {}", request.method(), request.uri(), names.map(header).join(" ")));
        answer(200, r#"{"status":"DROP"}"#)
    })
    .await;
    let app = app(server.address).with_api_token("t0ken");
    assert_eq!(app.deliver(delivery()).await.expect("an answer"), TopicStatus::Drop);
    assert_eq!(
        seen.recv().await.expect("a request"),
        "POST /orders application/cloudevents+json 2 bus y 00-a-b-01 t0ken"
    );
    let to_guest = Delivery { destination: Destination::Guest("g".to_owned()), ..delivery() };
    assert_eq!(app.deliver(to_guest).await.expect_err("no guest").code(), Code::RouteNotFound);
}

#[tokio::test]
async fn a_long_answer_to_a_delivery_is_cut_and_says_as_much_as_one_that_is_no_json() {
    let server = Server::start(|_| answer(200, &" ".repeat(2 * 1024 * 1024))).await;
    assert_eq!(app(server.address).deliver(delivery()).await.expect("handled"), TopicStatus::Success);
}

#[tokio::test]
async fn bindings_jobs_and_configuration_are_posts_to_paths_of_their_own() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        let header =
            |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap_or("?")).to_owned();
        let _ = sender.send(format!(
            "{} {} {} {}",
            request.method(),
            request.uri(),
            header("content-type"),
            header("custom")
        ));
        answer(if request.uri().path().contains("gone") { 404 } else { 201 }, "reply")
    })
    .await;
    let app = app(server.address);
    let event = |binding: &str| bindings::Event {
        binding: binding.to_owned(),
        data: "x".into(),
        metadata: [("custom".to_owned(), "y".to_owned())].into(),
    };
    assert_eq!(app.binding_event(event("nightly")).await.expect("a reply").data, "reply");
    assert_eq!(seen.recv().await.expect("a request"), "POST /nightly application/json y");
    assert_eq!(app.binding_event(event("gone")).await.expect_err("not wanted").code(), Code::RouteNotFound);
    seen.recv().await.expect("a request");
    let job = |name: &str| jobs::Event { name: name.to_owned(), ..jobs::Event::default() };
    app.job_event(job("clean")).await.expect("done");
    assert_eq!(seen.recv().await.expect("a request"), "POST /job/clean application/json -");
    app.job_event(job("gone")).await.expect_err("failed");
    seen.recv().await.expect("a request");
    let items = ["a", "b"].map(|key| (key.to_owned(), configuration::Item::default())).into();
    let update = configuration::Update { store: "flags".to_owned(), id: "7".to_owned(), items };
    app.configuration_update(update).await.expect("taken");
    for key in ["a", "b"] {
        let expected = format!("POST /configuration/flags/{key} application/json -");
        assert_eq!(seen.recv().await.expect("a request"), expected);
    }
}

#[tokio::test]
async fn an_app_is_called_as_it_is() {
    let server = Server::start(|request| {
        let mut response = answer(404, &format!("{} {}", request.method(), request.uri()));
        response.headers_mut().insert("x-kept", http::HeaderValue::from_static("1"));
        response.headers_mut().insert("keep-alive", http::HeaderValue::from_static("timeout=5"));
        response
    })
    .await;
    let request = Request::builder().method("PATCH").uri("/a%20b?c=d").body(body::full("x")).expect("a request");
    let response = app(server.address).invoke(request).await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert!(response.headers().contains_key("x-kept") && !response.headers().contains_key("keep-alive"));
    assert_eq!(body::collect(response.into_body(), 1000).await.expect("a body"), "PATCH /a%20b?c=d");
}

#[tokio::test]
async fn bodies_stream_both_ways_at_the_same_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let echo = service_fn(|request: Request<hyper::body::Incoming>| async {
            Ok::<_, Infallible>(Response::new(request.into_body()))
        });
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), echo).await
    });
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((Ok::<_, pillion_api::Error>(http_body::Frame::data(piece)), receiver))
    });
    let request =
        Request::builder().method("POST").uri("/").body(StreamBody::new(pieces).boxed_unsync()).expect("a request");
    let app = app(address);
    sender.send("first".into()).await.expect("taken");
    let mut answer = app.invoke(request).await.expect("an answer").into_body();
    for piece in ["first", "second", "third"] {
        let frame = answer.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().expect("data"), piece);
        let next = if piece == "first" { "second" } else { "third" };
        if piece != "third" {
            sender.send(next.into()).await.expect("taken");
        }
    }
    drop(sender);
    assert!(answer.frame().await.is_none());
    server.abort();
}

#[tokio::test]
async fn an_app_that_is_gone_is_a_bad_gateway() {
    let address = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = app(address).invoke(Request::new(body::empty())).await.expect_err("nobody listens");
    assert_eq!(error.code(), Code::BadGateway);
    assert!(error.message().starts_with(&format!("the app `shop` on {address} can't be reached: ")), "{error}");
    for address in ["", "no port:", "user@host:1", "a b"] {
        RemoteApp::new("shop", address, Protocol::Http).expect_err(address);
    }
}

#[tokio::test]
async fn a_late_app_is_waited_for_asked_and_delivered_to() {
    // The port is known, but nobody listens yet.
    let reserved = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = reserved.local_addr().expect("an address");
    drop(reserved);
    let world = World::new();
    let sidecar = world.open("shop", &component("bus", "pubsub.in-memory", &[])).await;
    sidecar.start(Some(Arc::new(app(address))));
    assert!(!sidecar.ready());
    let (sender, mut seen) = mpsc::unbounded_channel();
    let listener = TcpListener::bind(address).await.expect("the port again");
    let _server = Server::on(listener, move |request| {
        let app_id = request.headers().get("dapr-app-id").map_or("-", |value| value.to_str().unwrap_or("?"));
        let _ = sender.send(format!("{} {} {app_id}", request.method(), request.uri()));
        match request.uri().path() {
            "/dapr/subscribe" => answer(200, r#"[{"pubsubname":"bus","topic":"t","route":"/orders"}]"#),
            "/orders" => answer(200, ""),
            _ => answer(404, ""),
        }
    });
    sidecar.wait_ready().await;
    sidecar.publish("bus", "t", Publish { data: "hi".into(), ..Publish::default() }).await.expect("published");
    for expected in ["GET /dapr/config shop", "GET /dapr/subscribe shop", "POST /orders -"] {
        assert_eq!(seen.recv().await.expect("a request"), expected);
    }
}
