//! Requests that two readers could take differently: each has one answer, and none has two.

use super::*;

const TAIL: &str = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";

/// One raw request, what follows it on the connection, and the statuses that come back in order.
async fn check(edge: &Edge, name: &str, request: &str, statuses: &[&str]) {
    let mut stream = edge.connect().await;
    stream.write_all(request.as_bytes()).await.expect("the socket takes it");
    // What keeps its connection would wait for the next request: half-closing says that there is none. hyper takes that for
    // the client's end where it sees it before the answer, as it does where a connection has moved.
    stream.shutdown().await.expect("half a close");
    let answer = read_to_end(&mut stream).await;
    let found: Vec<&str> =
        answer.split("HTTP/1.").skip(1).map(|answer| answer.split(' ').nth(1).unwrap_or("?")).collect();
    assert_eq!(found, statuses, "{name}\n> {request:?}\n< {answer:?}");
}

#[tokio::test]
async fn framing_that_could_be_read_in_two_ways_is_refused() {
    let edge = Edge::start_here(EdgeLimits::app(), echo()).await;
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{body}");
    for (name, request, statuses) in [
        (
            "length then encoding",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n") + TAIL,
            &["400"][..],
        ),
        ("encoding then length", post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n") + TAIL, &["400"]),
        ("both, in capitals", post("TRANSFER-ENCODING: chunked\r\nCONTENT-LENGTH: 5", "0\r\n\r\n") + TAIL, &["400"]),
        (
            "both, with zero length",
            post("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n") + TAIL,
            &["400"],
        ),
        (
            "identity then chunked",
            post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n") + TAIL,
            &["400"],
        ),
        (
            "chunked twice",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n") + TAIL,
            &["400"],
        ),
        ("chunked, identity", post("Transfer-Encoding: chunked, identity", "0\r\n\r\n") + TAIL, &["400"]),
        ("gzip, chunked", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n") + TAIL, &["400"]),
        ("encoding xchunked", post("Transfer-Encoding: xchunked", "0\r\n\r\n") + TAIL, &["400"]),
        (
            "encoding with a tab before chunked",
            post("Transfer-Encoding:\tchunked", "0\r\n\r\n") + TAIL,
            &["200", "200"],
        ),
        ("space before the colon", post("Transfer-Encoding : chunked", "0\r\n\r\n") + TAIL, &["400"]),
        ("two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6", "hello") + TAIL, &["400"]),
        ("a list of lengths", post("Content-Length: 5, 5", "hello") + TAIL, &["400"]),
        ("a length with a sign", post("Content-Length: +5", "hello") + TAIL, &["400"]),
        ("a negative length", post("Content-Length: -5", "hello") + TAIL, &["400"]),
        ("a hexadecimal length", post("Content-Length: 0x5", "hello") + TAIL, &["400"]),
        ("an empty length", post("Content-Length: ", "hello") + TAIL, &["400"]),
        ("a length over 64 bits", post("Content-Length: 99999999999999999999", "hello") + TAIL, &["400"]),
        ("a folded header", post("X: a\r\n b: c", "") + TAIL, &["400"]),
        ("a bare CR in a value", post("X: a\rTransfer-Encoding: chunked", "") + TAIL, &["400"]),
        ("a NUL in a value", post("X: a\0b", "") + TAIL, &["400"]),
        ("a header without a colon", post("Nonsense", "") + TAIL, &["400"]),
        ("a bare LF between headers", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n".to_owned() + TAIL, &["400"]),
        ("bare LFs alone", "GET / HTTP/1.1\nHost: a\n\n".to_owned() + TAIL, &["400"]),
        ("a good length", post("Content-Length: 5", "hello") + TAIL, &["200", "200"]),
        ("a good chunked body", post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n") + TAIL, &["200", "200"]),
        ("line feeds in a body", post("Content-Length: 4", "a\nb\n") + TAIL, &["200", "200"]),
    ] {
        check(&edge, name, &request, statuses).await;
    }
}

#[tokio::test]
async fn chunks_that_are_not_chunks_end_the_connection() {
    let edge = Edge::start_here(EdgeLimits::app(), echo()).await;
    for (name, body) in [
        ("a size that isn't one", "x\r\nhello\r\n0\r\n\r\n"),
        ("a negative size", "-1\r\nhello\r\n0\r\n\r\n"),
        ("a size over 64 bits", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"),
        ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk longer than its size", "3\r\nhello\r\n0\r\n\r\n"),
        ("a chunk without its line end", "5\r\nhello0\r\n\r\n"),
        ("a size ended by a bare LF", "5\nhello\r\n0\r\n\r\n"),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{TAIL}");
        check(&edge, name, &request, &["400"]).await;
    }
}

#[tokio::test]
async fn hosts_methods_and_targets_have_one_meaning() {
    let edge = Edge::start_here(EdgeLimits::app(), echo()).await;
    for (name, request, statuses) in [
        ("no host", "GET / HTTP/1.1\r\n\r\n", &["400"][..]),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &["400"]),
        ("the same host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", &["400"]),
        ("a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", &["400"]),
        ("a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", &["400"]),
        ("an empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", &["400"]),
        ("target and host differ", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("target and host agree", "GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["200"]),
        ("a host with a port", "GET / HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", &["200"]),
        ("HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", &["200"]),
        ("HTTP/1.0 with an encoding", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &["400"]),
        ("an unknown version", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", &["400"]),
        ("no version", "GET /\r\nHost: a\r\n\r\n", &["400"]),
        ("connect", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", &["405"]),
        ("trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", &["405"]),
        ("a star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("dot segments", "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("encoded dots", "GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("half encoded dots", "GET /.%2E/x HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("an encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("an encoded backslash", "GET /a%5cb HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("a NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("not UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("a broken escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        ("dots encoded twice are a name", "GET /%252e%252e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["200"]),
        ("not HTTP", "\x16\x03\x01\x02\0\x01\0", &["400"]),
    ] {
        check(&edge, name, request, statuses).await;
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_its_reason() {
    let edge = Edge::start_here(EdgeLimits::app(), echo()).await;
    let answer = edge.exchange("GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains(r#""detail":"`host` is missing""#), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}
