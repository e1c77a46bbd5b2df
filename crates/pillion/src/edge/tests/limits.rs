//! Each limit of the server, reached.

use super::*;

fn short() -> EdgeLimits {
    EdgeLimits {
        header_read: Duration::from_millis(150),
        body_idle: Duration::from_millis(150),
        write_idle: Duration::from_millis(150),
        keep_alive_idle: Duration::from_millis(300),
        body_bytes: 1000,
        header_bytes: 2000,
        uri_bytes: 500,
        ..EdgeLimits::app()
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let edge = Edge::start(short(), service_fn(|_| async { panic!("the service was called") })).await;
    let answer = edge.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n").await;
    assert_eq!(status(&answer), "413", "{answer}");
    assert!(answer.contains(r#""limit":{"key":"limits.request","value":1000}"#), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_refused_without_its_body() {
    let edge = Edge::start(short(), echo()).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n";
    let answer = edge.exchange(head).await;
    assert_eq!(status(&answer), "413", "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn a_client_that_keeps_sending_still_sees_its_413() {
    let edge = Edge::start(short(), echo()).await;
    let mut stream = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the socket takes it");
    stream.write_all(&[b'x'; 40000]).await.expect("what is refused is still read for a while");
    assert_eq!(status(&read_to_end(&mut stream).await), "413");
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_413_whatever_the_service_makes_of_it() {
    let rude = service_fn(|request: http::Request<pillion_api::Body>| async move {
        let _ = body::collect(request.into_body(), u64::MAX).await;
        Response::new(body::full("fine"))
    });
    for service in [echo(), rude] {
        let edge = Edge::start(short(), service).await;
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
        assert_eq!(status(&edge.exchange(&request).await), "413");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_served() {
    let edge = Edge::start(short(), echo()).await;
    let body = "x".repeat(1000);
    let request = format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{body}");
    let answer = edge.exchange(&request).await;
    assert!(answer.ends_with("POST /p 1000"), "{answer}");
}

#[tokio::test]
async fn long_targets_are_414_and_large_heads_431() {
    let edge = Edge::start(short(), echo()).await;
    for (length, value, expected) in [(400, 10, "200"), (501, 10, "414"), (10, 1900, "200"), (10, 2000, "431")] {
        let (path, value) = ("p".repeat(length), "v".repeat(value));
        let request = format!("GET /{path} HTTP/1.1\r\nHost: a\r\nX: {value}\r\nConnection: close\r\n\r\n");
        let answer = edge.exchange(&request).await;
        assert_eq!(status(&answer), expected, "{length} {answer}");
    }
    // Far over it the parser itself refuses.
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(1 << 20));
    assert_eq!(status(&edge.exchange(&request).await), "431");
    let many = "X: y\r\n".repeat(1000);
    assert_eq!(status(&edge.exchange(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")).await), "431");
}

#[tokio::test]
async fn daprs_port_takes_what_gos_server_takes_and_refuses_in_daprs_words() {
    let edge = Edge::start(EdgeLimits::dapr_api(4096, 1000), echo()).await;
    let request = |value: usize| {
        let value = "v".repeat(value);
        format!("GET /v1.0/state/s/a%2Fb HTTP/1.1\r\nHost: a\r\nX: {value}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(status(&edge.exchange(&request(8000)).await), "200");
    let answer = edge.exchange(&request(8200)).await;
    assert_eq!(status(&answer), "431");
    assert!(answer.contains(r#""errorCode":"#), "{answer}");
    let answer = edge.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n").await;
    assert!(answer.contains(r#"{"errorCode":"PILLION_REQUEST_TOO_LARGE","message":"#), "{answer}");
}

#[tokio::test]
async fn a_slow_head_ends_the_connection_however_it_drips() {
    let edge = Edge::start(short(), echo()).await;
    for first in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n", "PRI * HTTP/2.0\r\n"] {
        let mut stream = edge.connect().await;
        stream.write_all(first.as_bytes()).await.expect("the socket takes it");
        let drip = async {
            // One byte at a time keeps no deadline away.
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(3), drip).await.unwrap_or_else(|_| panic!("{first:?} was never ended"));
    }
    edge.until("pillion_edge_connections{", 0.0).await;
}

#[tokio::test]
async fn an_idle_connection_is_ended_later_than_a_slow_head() {
    let edge = Edge::start(short(), echo()).await;
    let mut stream = edge.connect().await;
    let started = std::time::Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    assert_eq!(status(&read_answer(&mut stream).await), "200");
    assert_eq!(read_to_end(&mut stream).await, "");
    let idle = started.elapsed();
    assert!(idle >= Duration::from_millis(290), "{idle:?}");
    assert!(idle < Duration::from_secs(3), "{idle:?}");
}

#[tokio::test]
async fn a_slow_second_head_has_the_time_of_a_head() {
    let edge = Edge::start(EdgeLimits { keep_alive_idle: PATIENCE * 2, ..short() }, echo()).await;
    let mut stream = edge.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    assert_eq!(status(&read_answer(&mut stream).await), "200");
    stream.write_all(b"GET / HT").await.expect("the socket takes it");
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_408() {
    let edge = Edge::start(short(), echo()).await;
    let answer = edge.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("PILLION_REQUEST_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn a_body_that_keeps_coming_may_take_longer_than_one_pause() {
    let edge = Edge::start(EdgeLimits { body_idle: Duration::from_secs(1), ..short() }, echo()).await;
    let mut stream = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the socket takes it");
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        stream.write_all(b"x").await.expect("the socket takes it");
    }
    assert!(read_to_end(&mut stream).await.ends_with("POST / 6"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended() {
    let large = service_fn(|_| async { Response::new(body::full(vec![b'x'; 64 << 20])) });
    let edge = Edge::start(short(), large).await;
    let mut stream = edge.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    edge.until("pillion_edge_requests_total{app=\"shop\",port=\"app\",status=\"2xx\"}", 1.0).await;
    edge.until("pillion_edge_connections{", 0.0).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let large = service_fn(|_| async { Response::new(body::full(vec![b'x'; 16 << 20])) });
    let second = Duration::from_secs(1);
    let edge = Edge::start(EdgeLimits { write_idle: second, keep_alive_idle: second, ..short() }, large).await;
    let mut stream = edge.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the socket takes it");
    // Slow enough to take longer than either limit, and never as long as one without a read.
    let (mut buffer, mut seen) = (vec![0; 512 << 10], 0);
    while seen < 16 << 20 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let count = stream.read(&mut buffer).await.expect("the connection is kept");
        assert!(count > 0, "ended after {seen} bytes");
        seen += count;
    }
}

#[tokio::test]
async fn over_the_connection_limit_clients_wait_and_are_served_in_turn() {
    let edge = Edge::start(EdgeLimits { connections: 4, ..short() }, echo()).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(edge.connect().await);
    }
    edge.until("pillion_edge_connections{", 4.0).await;
    // The ones before it are idle, so they are ended, and its turn comes.
    let answer = edge.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    assert!(edge.gauge("pillion_edge_connections{") <= 4.0);
}
