//! Ids, panics, clients that go, and the end of the server.

use super::*;
use crate::edge::stack::ConnectionInfo;
use pillion_api::{scope, trace::TraceContext};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

#[tokio::test]
async fn every_answer_carries_its_request_id_and_time() {
    let service = service_fn(|request: http::Request<pillion_api::Body>| async move {
        let id = scope::current().expect("a scope").request_id.to_string();
        assert!(request.extensions().get::<ConnectionInfo>().expect("a connection").peer.ip().is_loopback());
        Response::new(body::full(id))
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    for (sent, kept) in [("abc-1.2", true), ("", false), ("a b", false), (&"x".repeat(129), false), ("<x>", false)] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nx-request-id: {sent}\r\nConnection: close\r\n\r\n");
        let answer = edge.exchange(&request).await;
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
        assert_eq!(id == sent, kept, "{sent:?} {id:?}");
        assert!(answer.ends_with(id), "{answer}");
        assert!(answer.contains("server-timing: app;dur="), "{answer}");
    }
}

#[tokio::test]
async fn the_service_sees_the_callers_trace_with_a_span_of_ours() {
    let service = service_fn(|request: http::Request<pillion_api::Body>| async move {
        let context = request.extensions().get::<TraceContext>().expect("a context").to_string();
        let header = request.headers()["traceparent"].to_str().expect("text").to_owned();
        assert_eq!(context, header);
        let state = request.headers().get("tracestate").and_then(|state| state.to_str().ok()).unwrap_or("none");
        Response::new(body::full(format!("{header} {state}")))
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\ntracestate: a=b\r\nConnection: close\r\n\r\n"
    );
    let answer = edge.exchange(&request).await;
    assert!(answer.contains(&format!("00-{trace}-")), "{answer}");
    assert!(!answer.contains("00f067aa0ba902b7"), "{answer}");
    assert!(answer.ends_with("-01 a=b"), "{answer}");
    let answer = edge.exchange("GET / HTTP/1.1\r\nHost: a\r\ntracestate: a=b\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("-00 none"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_one_requests_500() {
    let service = service_fn(|request: http::Request<pillion_api::Body>| async move {
        assert!(request.uri().path() != "/bad", "this one panics");
        Response::new(body::full("fine"))
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let answer = edge.exchange("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&answer), "500", "{answer}");
    assert!(answer.contains("PILLION_INTERNAL"), "{answer}");
    assert!(!answer.contains("this one panics"), "{answer}");
    let answer = edge.exchange("GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), "200", "{answer}");
}

/// Counts the calls that live.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_its_call() {
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = alive.clone();
    let service = service_fn(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let guard = Alive(counted.clone());
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Response::new(body::empty())
        }
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut stream = edge.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
        clients.push(stream);
    }
    edge.until("pillion_edge_requests_in_flight{", 20.0).await;
    assert_eq!(alive.load(Ordering::SeqCst), 20);
    drop(clients);
    edge.until("pillion_edge_requests_in_flight{", 0.0).await;
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert_eq!(edge.gauge("pillion_edge_requests_total{app=\"shop\",port=\"app\",status=\"gone\"}"), 20.0);
}

#[tokio::test]
async fn a_graceful_end_answers_what_was_begun_and_takes_nothing_new() {
    let release = Arc::new(Notify::new());
    let gate = release.clone();
    let service = service_fn(move |_| {
        let gate = gate.clone();
        async move {
            gate.notified().await;
            Response::new(body::full("late"))
        }
    });
    // Here, where the connection sees the end before its answer is there.
    let edge = Edge::start_here(EdgeLimits::app(), service).await;
    let mut idle = edge.connect().await;
    let mut busy = edge.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    edge.until("pillion_edge_requests_in_flight{", 1.0).await;
    let (address, end) = (edge.address, tokio::spawn(edge.server.shutdown(PATIENCE)));
    assert_eq!(read_to_end(&mut idle).await, "");
    // The port is closed before the drain, so that a successor can have it.
    assert!(TcpStream::connect(address).await.is_err());
    release.notify_one();
    let answer = read_to_end(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("late"), "{answer}");
    assert_eq!(end.await.expect("no panic"), 0);
}

#[tokio::test]
async fn the_drain_ends_at_its_deadline() {
    let stuck = service_fn(|_| std::future::pending::<Response<pillion_api::Body>>());
    let edge = Edge::start(EdgeLimits::app(), stuck).await;
    let mut busy = edge.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    edge.until("pillion_edge_requests_in_flight{", 1.0).await;
    assert_eq!(edge.server.shutdown(Duration::from_millis(50)).await, 1);
    assert_eq!(read_to_end(&mut busy).await, "");
}

#[tokio::test]
async fn a_streaming_body_arrives_piece_by_piece_both_ways() {
    let service =
        service_fn(|request: http::Request<pillion_api::Body>| async move { Response::new(request.into_body()) });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut stream = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the socket takes it");
    assert_eq!(status(&read_answer(&mut stream).await), "200");
    for piece in ["one", "two"] {
        stream.write_all(format!("3\r\n{piece}\r\n").as_bytes()).await.expect("the socket takes it");
        let mut chunk = [0; 8];
        timeout(PATIENCE, stream.read_exact(&mut chunk)).await.expect("in time").expect("a chunk");
        assert_eq!(&chunk, format!("3\r\n{piece}\r\n").as_bytes());
    }
}
