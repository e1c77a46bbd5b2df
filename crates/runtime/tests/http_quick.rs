//! The quick way of wasi:http and the stock one answer alike.

mod common;

use bytes::Bytes;
use common::{FakeSidecar, built, no_dapr, spec};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use pillion_api::{AppChannel, Body, Error, body};
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, Options, Runtime};
use std::sync::Arc;
use std::time::Duration;

/// The most that is collected on the quick way.
const MOST: usize = 64 << 10;

/// An answer, as far as a client sees it.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(String, Bytes)>,
    body: Bytes,
    trailers: Option<HeaderMap>,
    broken: Option<String>,
}

fn start(seen: &impl std::fmt::Debug) -> String {
    format!("{seen:?}").chars().take(2000).collect()
}

fn told(error: &Error) -> String {
    format!("{}: {error}", error.code().name())
}

async fn see(app: &App, request: Request<Body>) -> Result<Seen, String> {
    let response = app.invoke(request).await.map_err(|error| told(&error))?;
    let (head, mut incoming) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes())));
    let mut seen = Seen {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: Bytes::new(),
        trailers: None,
        broken: None,
    };
    let mut all = Vec::new();
    while let Some(frame) = incoming.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => all.extend_from_slice(&data),
            Ok(Err(frame)) => seen.trailers = frame.into_trailers().ok(),
            Err(error) => {
                seen.broken = Some(told(&error));
                break;
            }
        }
    }
    seen.body = all.into();
    Ok(seen)
}

/// The same guest on both ways.
struct Ways {
    quick: App,
    stock: App,
}

impl Ways {
    fn of(guest: &str, limits: &Limits) -> Self {
        // No case is about time, and a busy machine takes long.
        let limits = Limits { timeout: Duration::from_secs(60), ..limits.clone() };
        let app = |stock_http| {
            let runtime =
                Runtime::new(Options { max_instances: 16, stock_http, ..Options::default() }).expect("a runtime");
            let guest = GuestSpec {
                limits: limits.clone(),
                env: [("GREETING".to_owned(), "hello".to_owned())].into(),
                ..GuestSpec::new("guest", runtime.load("guest", built(guest), None).expect("a guest"))
            };
            let spec = AppSpec { guests: vec![guest], ..spec() };
            runtime.app(spec, Arc::new(FakeSidecar::default()), no_dapr()).expect("an app")
        };
        Self { quick: app(false), stock: app(true) }
    }

    async fn agree(&self, what: &str, request: impl Fn() -> Request<Body>) -> Result<Seen, String> {
        let stock = see(&self.stock, request()).await;
        let quick = see(&self.quick, request()).await;
        // Bodies are long, so only their starts are shown.
        assert!(quick == stock, "{what}: the quick way\n{}\nand the stock one\n{}", start(&quick), start(&stock));
        quick
    }

    async fn get(&self, path: &str) -> Result<Seen, String> {
        self.agree(path, || Request::get(path).body(body::empty()).expect("a request")).await
    }

    async fn post(&self, path: &str, length: usize) -> Result<Seen, String> {
        let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).expect("small")).collect();
        let bytes = Bytes::from(bytes);
        let request = || Request::post(path).body(body::full(bytes.clone())).expect("a request");
        let whole = self.agree(&format!("{path} with {length}"), request).await;
        let request = || Request::post(path).body(in_frames(&bytes)).expect("a request");
        let streamed = self.agree(&format!("{path} with {length} in frames"), request).await;
        // How a read falls on the frames is no promise.
        assert!(path == "/skip" || whole == streamed, "{path} with {length}: {whole:?}, in frames {streamed:?}");
        whole
    }
}

/// A body that comes a frame at a time, each only after it was asked for twice.
fn in_frames(bytes: &Bytes) -> Body {
    let chunks: Vec<Bytes> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
    let frames = futures_util::stream::unfold(chunks.into_iter(), |mut chunks| async move {
        tokio::task::yield_now().await;
        chunks.next().map(|chunk| (Ok::<_, Error>(http_body::Frame::data(chunk)), chunks))
    });
    http_body_util::StreamBody::new(frames).boxed_unsync()
}

fn cases() -> Ways {
    Ways::of("http-cases", &Limits::default())
}

#[tokio::test]
async fn bodies_of_every_length_go_out() {
    let ways = cases();
    for length in [0, 1, 4096, 4097, MOST - 1, MOST, MOST + 1, 3 * MOST, 3_000_000] {
        for case in ["blocking", "polled"] {
            let seen = ways.get(&format!("/{case}?{length}")).await.expect("an answer");
            assert_eq!((seen.body.len(), seen.broken), (length, None), "{case} {length}");
        }
    }
    for length in [0, 1, MOST, MOST + 1, 1 << 20] {
        let seen = ways.get(&format!("/one-write?{length}")).await.expect("an answer");
        assert_eq!(seen.body.len(), length, "in one write");
    }
}

#[tokio::test]
async fn a_guest_may_change_its_way_of_writing() {
    let ways = cases();
    for path in [
        "/zeroes?7",
        "/mixed?10",
        "/mixed?30000",
        "/mixed?100000",
        "/late?9",
        "/waits?9",
        "/trailers?11",
        "/trailers?100000",
    ] {
        let seen = ways.get(path).await.expect("an answer");
        assert!(seen.broken.is_none() && !seen.body.is_empty(), "{path}: {seen:?}");
        assert_eq!(seen.trailers.is_some(), path.contains("trailers"), "{path}");
    }
}

#[tokio::test]
async fn bodies_come_in_by_every_function() {
    let ways = cases();
    for case in
        ["read", "read-polled", "read-none", "skip", "splice", "splice-now", "echo", "read-trailers", "half-read"]
    {
        for length in [0, 5, 5000, MOST, 1_000_000] {
            let seen = ways.post(&format!("/{case}"), length).await.expect("an answer");
            assert_eq!(seen.broken, None, "{case} {length}");
            if ["splice", "splice-now", "echo"].contains(&case) {
                assert_eq!(seen.body.len(), length, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_body_over_its_limit_breaks_off_alike() {
    let ways = Ways::of("http-cases", &Limits { request: 3000, ..Limits::default() });
    for case in ["read", "read-polled", "echo", "splice"] {
        let _ = ways.post(&format!("/{case}"), 2999).await;
        let bytes = Bytes::from(vec![b'x'; 10_000]);
        let request = || Request::post(format!("/{case}")).body(in_frames(&bytes)).expect("a request");
        let _ = ways.agree(case, request).await;
    }
}

#[tokio::test]
async fn heads_are_alike() {
    let ways = cases();
    for (path, holds) in [
        ("/fields", "forbidden list: Err(HeaderError::Forbidden)"),
        ("/immutable", "append: Err(HeaderError::Immutable)"),
        ("/many-fields?3", "map: [(\"x-n\", \"2\")]"),
        ("/many-fields?40", "map: [(\"x-n\", \"39\")]"),
        ("/status?404", "Ok(())"),
        ("/status?99", "Err(())"),
        ("/status?1000", "Err(())"),
        ("/status?999", "Ok(())"),
    ] {
        let seen = ways.get(path).await.expect("an answer");
        assert!(String::from_utf8_lossy(&seen.body).contains(holds), "{path}: {seen:?}");
    }
    let seen = ways.get("/answer-fields").await.expect("an answer");
    let values: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "x-b").map(|(_, value)| &value[..]).collect();
    assert_eq!(values, [b"1", b"3"]);
    assert!(ways.get("/big-fields").await.is_err_and(|error| error.contains("GUEST")));
}

#[tokio::test]
async fn a_request_is_described_alike() {
    let ways = cases();
    for (method, uri) in
        [("GET", "/request"), ("PUT", "/request?a=b&c"), ("PURGE", "/request"), ("POST", "http://there:81/request")]
    {
        let request = || {
            let request =
                Request::builder().method(method).uri(uri).header("x-b", "1").header("x-a", "2").header("x-b", "3");
            request.header("connection", "close").header("x-raw", &b"\xff"[..]).body(body::empty()).expect("a request")
        };
        ways.agree(uri, request).await.expect("an answer");
        let named = || {
            let (mut parts, body) = request().into_parts();
            parts.headers.insert("host", "example.com:80".parse().expect("a header"));
            Request::from_parts(parts, body)
        };
        let seen = ways.agree(uri, named).await.expect("an answer");
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        assert!(!text.contains("connection") && !text.contains("\"host\""), "{text}");
    }
}

#[tokio::test]
async fn good_ends_are_alike() {
    let ways = cases();
    for (path, holds) in [
        ("/no-body", ""),
        ("/untouched-body", ""),
        ("/length-kept", "12345"),
        ("/length-unfinished", ""),
        ("/unfinished", "half a body"),
        ("/twice", "body: Err(())\nstream: Err(())\n"),
        ("/second", "the second"),
        ("/dropped-response", "check: Err(StreamError::Closed)"),
    ] {
        let seen = ways.get(path).await.expect("an answer");
        assert!(seen.broken.is_none(), "{path}: {seen:?}");
        assert!(String::from_utf8_lossy(&seen.body).starts_with(holds), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn bad_ends_are_alike() {
    let ways = cases();
    for path in ["/length-missed", "/length-passed", "/aborted"] {
        let seen = ways.get(path).await.expect("a head");
        assert!(seen.broken.is_some_and(|error| error.contains("broke off")), "{path}");
    }
    for path in
        ["/trap-set", "/trap-midway", "/stream-outlives-body", "/too-large-a-write", "/too-large-a-blocking-write"]
    {
        let seen = ways.get(path).await.expect("a head");
        assert!(seen.broken.is_some(), "{path}: {seen:?}");
    }
    for path in ["/failed", "/nothing", "/dropped", "/trap", "/trap-unset"] {
        assert!(ways.get(path).await.is_err(), "{path}");
    }
}

/// The stock way loses this answer or not, as the clocks fall; here it was said whole, so the client has it.
#[tokio::test]
async fn a_finished_answer_outlives_a_trap() {
    let ways = cases();
    for _ in 0..20 {
        let request = Request::get("/trap-finished").body(body::empty()).expect("a request");
        let seen = see(&ways.quick, request).await.expect("an answer");
        assert_eq!((&seen.body[..], seen.broken), (&b"a whole body"[..], None));
    }
    // One that streamed may be read to its end before its guest traps; the others are counted.
    assert!(ways.quick.stats()[0].errors.contains_key("PILLION_GUEST_TRAP"));
}

/// A guest that was running for a tick streams: a busy machine makes one of any, so it has several tries.
#[tokio::test]
async fn a_small_answer_has_a_length_and_a_large_one_streams() {
    let ways = cases();
    let length = async |path: &str| {
        let request = Request::get(path).body(body::empty()).expect("a request");
        let response = ways.quick.invoke(request).await.expect("an answer");
        http_body::Body::size_hint(response.body()).exact()
    };
    let mut tries = 0;
    for path in ["/blocking?100", "/polled?100", "/one-write?100"] {
        while length(path).await != Some(100) {
            tries += 1;
            assert!(tries < 100, "no small answer was whole: {path}");
        }
    }
    assert_eq!(length("/blocking?65537").await, None);
    assert_eq!(length("/waits?10").await, None);
}

#[tokio::test]
async fn limits_hold_on_both_ways() {
    for (limits, paths) in [
        (Limits { response: 1000, ..Limits::default() }, &["/blocking?1000", "/blocking?1001", "/one-write?5000"][..]),
        (Limits { fields: 300, ..Limits::default() }, &["/answer-fields", "/fields"]),
    ] {
        let ways = Ways::of("http-cases", &limits);
        for path in paths {
            let _ = ways.get(path).await;
        }
    }
    let ways = Ways::of("http-cases", &Limits { response: 1000, ..Limits::default() });
    assert_eq!(ways.get("/blocking?1000").await.expect("an answer").broken, None);
    let over = ways.get("/blocking?1001").await.expect("a head");
    assert!(over.broken.is_some_and(|error| error.contains("more than 1000 bytes")));
    let few = Ways::of("http-cases", &Limits { resources: 20, ..Limits::default() });
    assert!(few.get("/many-fields?40").await.is_err());
}

#[tokio::test]
async fn the_guests_of_other_tests_agree() {
    let hello = Ways::of("http-hello", &Limits::default());
    assert_eq!(hello.get("/").await.expect("an answer").body, "hello world\n");
    let echo = Ways::of("http-echo", &Limits::default());
    assert!(String::from_utf8_lossy(&echo.get("/").await.expect("an answer").body).contains("greeting hello"));
    for path in ["/stream?3", "/stream?7000", "/trap"] {
        let _ = echo.get(path).await;
    }
    let _ = echo.post("/", 100_000).await;
}
