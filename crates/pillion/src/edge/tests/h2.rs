//! HTTP/2 without TLS on the same port.

use super::*;
use bytes::Bytes;
use http::Request;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Client {
    sender: ::h2::client::SendRequest<Bytes>,
    connection: tokio::task::JoinHandle<Result<(), ::h2::Error>>,
}

impl Client {
    async fn connect(edge: &Edge, builder: &::h2::client::Builder) -> Self {
        let (sender, connection) = builder.handshake(edge.connect().await).await.expect("a handshake");
        Self { sender: sender.ready().await.expect("ready"), connection: tokio::spawn(connection) }
    }

    fn send(&mut self, request: Request<()>, end: bool) -> (::h2::client::ResponseFuture, ::h2::SendStream<Bytes>) {
        self.sender.send_request(request, end).expect("a stream")
    }
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://a{path}")).body(()).expect("a request")
}

async fn collect(mut body: ::h2::RecvStream) -> String {
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.expect("data");
        let _ = body.flow_control().release_capacity(data.len());
        text.extend(data);
    }
    String::from_utf8(text).expect("text")
}

#[tokio::test]
async fn requests_and_refusals_are_as_over_http_1() {
    let edge = Edge::start(EdgeLimits { body_bytes: 10, ..EdgeLimits::app() }, echo()).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    for (method, path, body, status) in [
        ("GET", "/x", "", 200),
        ("POST", "/x", "0123456789", 200),
        ("POST", "/x", "0123456789a", 413),
        ("GET", "/%2e%2e/x", "", 400),
        ("TRACE", "/", "", 405),
    ] {
        let (response, mut stream) = client.send(request(method, path), body.is_empty());
        if !body.is_empty() {
            stream.send_data(Bytes::from_static(body.as_bytes()), true).expect("data");
        }
        let response = timeout(PATIENCE, response).await.expect("in time").expect("an answer");
        assert_eq!(response.status(), status, "{method} {path}");
        assert!(response.headers().contains_key("x-request-id"));
        assert!(!response.headers().contains_key("connection"));
        let text = collect(response.into_body()).await;
        assert!(status != 200 || text == format!("{method} {path} {}", body.len()), "{text}");
    }
}

#[tokio::test]
async fn the_service_finds_host_and_target_where_http_1_has_them() {
    let service = service_fn(|request: Request<pillion_api::Body>| async move {
        let host = request.headers()["host"].to_str().expect("text").to_owned();
        Response::new(body::full(format!("{host} {}", request.uri())))
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    let (response, _) = client.send(request("GET", "/x?y=z"), true);
    assert_eq!(collect(response.await.expect("an answer").into_body()).await, "a /x?y=z");
    let answer = edge.exchange("GET http://a/x?y=z HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("a /x?y=z"), "{answer}");
}

#[tokio::test]
async fn a_reset_stream_ends_its_call_and_only_that() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = service_fn(move |request: Request<pillion_api::Body>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if request.uri().path() == "/stuck" {
                std::future::pending::<()>().await;
            }
            Response::new(body::full("fine"))
        }
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    let (_stuck, mut stream) = client.send(request("GET", "/stuck"), true);
    edge.until("pillion_edge_requests_in_flight{", 1.0).await;
    stream.send_reset(::h2::Reason::CANCEL);
    edge.until("pillion_edge_requests_in_flight{", 0.0).await;
    let (response, _) = client.send(request("GET", "/ok"), true);
    assert_eq!(response.await.expect("an answer").status(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_goes_ends_all_its_calls() {
    let stuck = service_fn(|_| std::future::pending::<Response<pillion_api::Body>>());
    let edge = Edge::start(EdgeLimits::app(), stuck).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    let pending: Vec<_> = (0..20).map(|_| client.send(request("GET", "/"), true)).collect();
    edge.until("pillion_edge_requests_in_flight{", 20.0).await;
    client.connection.abort();
    edge.until("pillion_edge_requests_in_flight{", 0.0).await;
    drop(pending);
}

#[tokio::test]
async fn rapid_resets_are_stopped_and_leave_nothing_running() {
    let stuck = service_fn(|_| std::future::pending::<Response<pillion_api::Body>>());
    let edge = Edge::start(EdgeLimits::app(), stuck).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    let flood = async {
        for _ in 0..20_000 {
            let Ok(ready) = client.sender.clone().ready().await else { return };
            client.sender = ready;
            let Ok((_, mut stream)) = client.sender.send_request(request("GET", "/"), true) else { return };
            // What was never sent can't be reset: the head goes out first.
            tokio::task::yield_now().await;
            stream.send_reset(::h2::Reason::CANCEL);
        }
        panic!("20,000 resets were taken");
    };
    timeout(PATIENCE, flood).await.expect("the flood is stopped");
    edge.until("pillion_edge_requests_in_flight{", 0.0).await;
    assert_eq!(status(&edge.exchange("GET / HTTP/1.0\r\nHost: a a\r\n\r\n").await), "400", "others are served on");
}

#[tokio::test]
async fn a_client_that_never_opens_its_window_is_ended() {
    let large = service_fn(|_| async { Response::new(body::full(vec![b'x'; 4 << 20])) });
    let limits = EdgeLimits { write_idle: Duration::from_millis(150), ..EdgeLimits::app() };
    let edge = Edge::start(limits, large).await;
    let mut builder = ::h2::client::Builder::new();
    builder.initial_window_size(0);
    let mut client = Client::connect(&edge, &builder).await;
    let (response, _stream) = client.send(request("GET", "/"), true);
    let response = response.await.expect("a head");
    edge.until("pillion_edge_connections{", 0.0).await;
    drop(response);
}

#[tokio::test]
async fn an_idle_connection_is_ended_and_a_used_one_is_not() {
    let limits = EdgeLimits { keep_alive_idle: Duration::from_secs(1), ..EdgeLimits::app() };
    let edge = Edge::start(limits, echo()).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (response, _) = client.send(request("GET", "/"), true);
        assert_eq!(response.await.expect("an answer").status(), 200);
    }
    edge.until("pillion_edge_connections{", 0.0).await;
}

#[tokio::test]
async fn a_graceful_end_says_goaway_and_answers_what_was_begun() {
    let release = Arc::new(tokio::sync::Notify::new());
    let gate = release.clone();
    let service = service_fn(move |_| {
        let gate = gate.clone();
        async move {
            gate.notified().await;
            Response::new(body::full("late"))
        }
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut client = Client::connect(&edge, &::h2::client::Builder::new()).await;
    let (response, _) = client.send(request("GET", "/"), true);
    edge.until("pillion_edge_requests_in_flight{", 1.0).await;
    let end = tokio::spawn(edge.server.shutdown(PATIENCE));
    release.notify_one();
    assert_eq!(collect(response.await.expect("an answer").into_body()).await, "late");
    assert_eq!(end.await.expect("no panic"), 0);
    let _ = timeout(PATIENCE, client.connection).await.expect("GOAWAY ends the connection");
}
