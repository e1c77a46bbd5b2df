//! Handlers of http-wasm: every function of the ABI, out of turn as well, and Dapr's own conformance guest.

mod common;

use bytes::Bytes;
use common::{built, refused, runtime};
use http::{Request, Response, StatusCode, Version};
use pillion_api::middleware::{Next, Peer};
use pillion_api::programs::{Program, Programs};
use pillion_api::{Body, Code, Error, Middleware, Result, body};
use pillion_runtime::{AppSpec, GuestKind, GuestSpec, Runtime};
use std::path::PathBuf;
use std::sync::Arc;

/// The largest answer that a test reads.
const MAX_ANSWER: u64 = 64 << 20;

async fn loaded(runtime: &Runtime, bytes: Vec<u8>, config: &'static str) -> Arc<dyn Middleware> {
    let program = Program { name: "handler".into(), bytes: bytes.into(), source: None, strict: false };
    runtime.middleware(program, Bytes::from_static(config.as_bytes())).await.expect("middleware")
}

async fn cases(runtime: &Runtime) -> Arc<dyn Middleware> {
    loaded(runtime, built("http-wasm"), "the config").await
}

/// Answers what it was asked: method, URI and headers of the request, then its body.
fn echo() -> Next {
    Box::new(|request| {
        Box::pin(async move {
            let (parts, incoming) = request.into_parts();
            let mut lines = vec![format!("{} {}", parts.method, parts.uri)];
            let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                format!("{name}: {}", value.to_str().expect("text"))
            };
            let mut headers: Vec<String> = parts.headers.iter().map(header).collect();
            headers.sort();
            lines.append(&mut headers);
            let body = body::collect(incoming, MAX_ANSWER).await?;
            let answer = format!("{}\n\n{}", lines.join("\n"), String::from_utf8_lossy(&body));
            let length = answer.len();
            let response = Response::builder().header("x-next", "1").header("content-length", length);
            Ok(response.body(body::full(answer)).expect("a response"))
        })
    })
}

fn fails() -> Next {
    Box::new(|_| Box::pin(async { Err(Error::new(Code::BadGateway, "the app is away")) }))
}

fn request(case: &str) -> Request<Body> {
    let request = Request::post(format!("/{case}/a%2Fb?q=%201"))
        .header("host", "h")
        .header("content-length", "11")
        .header("x-many", "one")
        .header("x-many", "two");
    let mut request = request.body(body::full("hello world")).expect("a request");
    request.extensions_mut().insert(Peer("10.0.0.1:1234".parse().expect("an address")));
    request
}

async fn text(response: Response<Body>) -> (StatusCode, http::HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let body = body::collect(body, MAX_ANSWER).await.expect("a body");
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

async fn answer(handler: &Arc<dyn Middleware>, case: &str) -> Result<(StatusCode, http::HeaderMap, String)> {
    Ok(text(handler.handle(request(case), echo()).await?).await)
}

#[tokio::test]
async fn what_a_handler_reads_of_a_request() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    for (case, said) in [
        ("config", "the config"),
        ("method", "POST"),
        ("uri", "/uri/a%2Fb?q=%201"),
        ("small-room", "(24, 7)"),
        ("protocol", "HTTP/1.1"),
        ("source", "10.0.0.1:1234"),
        ("names", "content-length,host,x-many"),
        ("values", "one,two"),
        ("no-values", "[]"),
        ("read", "HELLO WORLD"),
        ("features", "3 3"),
        ("trailers", "0 []"),
        ("empty", ""),
    ] {
        let (status, _, body) = answer(&handler, case).await.expect(case);
        assert_eq!((status, body.as_str()), (StatusCode::OK, said), "{case}");
    }
}

#[tokio::test]
async fn what_a_handler_makes_of_a_request() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    let usual = "content-length: 11\nhost: h\nx-many: one\nx-many: two\n\nhello world";
    for (case, seen) in [
        ("pass", format!("POST /pass/a%2Fb?q=%201\n{usual}")),
        ("set-method", format!("PUT /set-method/a%2Fb?q=%201\n{usual}")),
        ("set-uri", format!("POST /other%2Fpath?x=%201\n{usual}")),
        ("no-uri", format!("POST /\n{usual}")),
        ("length", format!("POST /length/a%2Fb?q=%201\n{usual}")),
        (
            "set-header",
            "POST /set-header/a%2Fb?q=%201\ncontent-length: 11\nhost: h\nx-many: new\n\nhello world".to_owned(),
        ),
        (
            "add-header",
            "POST /add-header/a%2Fb?q=%201\ncontent-length: 11\nhost: h\nx-many: one\nx-many: third\nx-many: two\n\nhello world"
                .to_owned(),
        ),
        ("remove-header", "POST /remove-header/a%2Fb?q=%201\ncontent-length: 11\nhost: h\n\nhello world".to_owned()),
        (
            "read-some",
            "POST /read-some/a%2Fb?q=%201\nhost: h\nx-many: one\nx-many: two\nx-read: hel\n\nlo world".to_owned(),
        ),
        (
            "read-some-buffered",
            format!("POST /read-some-buffered/a%2Fb?q=%201\n{}", usual.replace("\n\n", "\nx-read: hel\n\n")),
        ),
        (
            "read-all-buffered",
            format!("POST /read-all-buffered/a%2Fb?q=%201\n{}", usual.replace("\n\n", "\nx-read: 11\n\n")),
        ),
        (
            "write-request",
            "POST /write-request/a%2Fb?q=%201\ncontent-length: 13\nhost: h\nx-many: one\nx-many: two\n\nwritten twice"
                .to_owned(),
        ),
    ] {
        let (status, headers, body) = answer(&handler, case).await.expect(case);
        assert_eq!((status, body), (StatusCode::OK, seen), "{case}");
        assert_eq!(headers["x-next"], "1", "{case}");
    }
}

#[tokio::test]
async fn what_a_handler_makes_of_an_answer() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    let (status, headers, body) = answer(&handler, "write-response").await.expect("its own");
    assert_eq!(
        (status.as_u16(), &headers["x-own"], body.as_str()),
        (418, &"1".parse().expect("a value"), "short and stout")
    );
    let (status, headers, body) = answer(&handler, "replace").await.expect("replaced");
    assert_eq!((status.as_u16(), body.as_str()), (201, "all new"));
    assert_eq!(headers["content-type"], "text/plain");
    assert!(!headers.contains_key("x-next") && !headers.contains_key("content-length"), "{headers:?}");
    assert_eq!(answer(&handler, "context").await.expect("an answer").2, "42 0");
    assert_eq!(answer(&handler, "status").await.expect("an answer").2, "200 content-length,x-next");
    assert_eq!(answer(&handler, "read-again").await.expect("an answer").2, "hel");
    let (_, _, shouted) = answer(&handler, "read-response").await.expect("an answer");
    assert!(shouted.starts_with("POST /READ-RESPONSE/A%2FB?Q=%201\n") && shouted.ends_with("HELLO WORLD"), "{shouted}");
    let (_, headers, body) = answer(&handler, "add-response").await.expect("an answer");
    assert_eq!(headers.get_all("x-next").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(headers["content-length"], body.len().to_string(), "the framing is the host's");
    let (_, headers, _) = answer(&handler, "keep-header").await.expect("an answer");
    assert_eq!(
        (&headers["x-own"], &headers["x-next"]),
        (&"1".parse().expect("a value"), &"1".parse().expect("a value"))
    );
    let (_, headers, body) = answer(&handler, "write-and-next").await.expect("an answer");
    assert!(body.starts_with("before POST /write-and-next/") && body.ends_with("hello world"), "{body}");
    assert!(!headers.contains_key("content-length"), "the next handler's length is not that of both");
    answer(&handler, "look").await.expect("an answer may be looked at without a buffer");
}

#[tokio::test]
async fn what_a_handler_may_not_do_ends_it() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    for (case, why) in [
        ("bad-method", "the middleware sets `NO METHOD` as a method"),
        ("bad-uri", "the middleware sets `http://elsewhere/` as a URI: it must be a path and a query"),
        ("bad-name", "the middleware names the header `no name`"),
        ("bad-value", "the middleware gives the header `x` a value that no header can have"),
        ("unknown-headers", "the middleware names the headers 9, which are none"),
        ("set-trailer", "the middleware changes trailers, and `enable_features` said that there are none here"),
        ("read-nothing", "the middleware reads a body into no room, which never ends"),
        ("bad-status", "the middleware sets the status 99, which is none"),
        ("early-status", "the middleware sets the status 103, which is none"),
        ("unknown-body", "the middleware names the body 7, which is none"),
        ("nowhere", "guest `handler` gave a pointer outside of its memory: 1000 bytes at 0xffff0000"),
        ("late-method", "the middleware sets the method after the next handler had it"),
        ("late-header", "the middleware changes a header of the request after the next handler had it"),
        ("late-body", "the middleware writes the request's body after the next handler had it"),
        (
            "late-request",
            "the middleware reads the request's body after the next handler had it, and has not enabled `buffer_request`",
        ),
        (
            "unbuffered-header",
            "the middleware changes a header of the answer of the next handler, and has not enabled `buffer_response`",
        ),
        (
            "unbuffered-status",
            "the middleware sets the status of the next handler, and has not enabled `buffer_response`",
        ),
        ("unbuffered-body", "the middleware reads the body of the next handler, and has not enabled `buffer_response`"),
        (
            "unbuffered-write",
            "the middleware writes the body of the next handler, and has not enabled `buffer_response`",
        ),
    ] {
        let error = answer(&handler, case).await.expect_err(case);
        assert_eq!((error.code(), error.message()), (Code::GuestTrap, why), "{case}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_is_told_apart_from_what_comes_next() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    for (case, code) in [
        ("trap", Code::GuestTrap),
        ("late-trap", Code::GuestTrap),
        ("exit", Code::GuestExit),
        ("spin", Code::GuestTimeout),
        ("late-spin", Code::GuestTimeout),
        ("grow", Code::GuestLimit),
        ("flood", Code::GuestLimit),
        ("many-headers", Code::GuestLimit),
    ] {
        assert_eq!(answer(&handler, case).await.expect_err(case).code(), code, "{case}");
    }
    let away = handler.handle(request("pass"), fails()).await.expect_err("the app");
    assert_eq!((away.code(), away.message()), (Code::BadGateway, "the app is away"));
    let told = handler.handle(request("context"), fails()).await.expect("the handler's own answer");
    assert_eq!(text(told).await.2, "42 1");
    assert_eq!(answer(&handler, "method").await.expect("as before").2, "POST");
    assert_eq!(runtime.memory().0, 0, "what was held is given back");
}

#[tokio::test]
async fn what_a_handler_says_is_logged_by_its_level() {
    let runtime = runtime();
    let handler = cases(&runtime).await;
    let (_, _, levels) = answer(&handler, "log").await.expect("an answer");
    assert_eq!(levels.len(), 5);
    assert!(levels.ends_with('0'), "nothing is logged at the level `none`: {levels}");
}

#[tokio::test]
async fn each_request_has_an_instance_of_its_own() {
    let runtime = runtime();
    let counting = r#"(module
        (import "http_handler" "write_body" (func $write (param i32 i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "0")
        (func (export "handle_request") (result i64)
            (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
            (call $write (i32.const 1) (i32.const 0) (i32.const 1))
            (i64.const 0))
        (func (export "handle_response") (param i32 i32)))"#;
    let handler = loaded(&runtime, counting.into(), "").await;
    for _ in 0..3 {
        assert_eq!(answer(&handler, "").await.expect("an answer").2, "1");
    }
}

#[tokio::test]
async fn a_library_and_a_program_are_started_before_the_request() {
    let runtime = runtime();
    for start in ["_initialize", "_start"] {
        let text = format!(
            r#"(module
            (import "http_handler" "set_status_code" (func $status (param i32)))
            (memory (export "memory") 1)
            (global $status_code (mut i32) (i32.const 500))
            (func (export "{start}") (global.set $status_code (i32.const 202)))
            (func (export "handle_request") (result i64) (call $status (global.get $status_code)) (i64.const 0))
            (func (export "handle_response") (param i32 i32)))"#
        );
        let handler = loaded(&runtime, text.into(), "").await;
        assert_eq!(answer(&handler, "").await.expect("an answer").0.as_u16(), 202, "{start}");
    }
}

#[tokio::test]
async fn a_module_of_the_wrong_shape_is_refused_at_the_loading() {
    let runtime = runtime();
    let import = r#"(import "http_handler" "log_enabled" (func (param i32) (result i32)))"#;
    let request = r#"(func (export "handle_request") (result i64) (i64.const 0))"#;
    let response = r#"(func (export "handle_response") (param i32 i32))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    for (parts, why) in [
        (vec![import, memory], "exports no `handle_request`, which http-wasm calls"),
        (vec![import, memory, request], "exports no `handle_response`, which http-wasm calls"),
        (vec![import, request, response], "exports no `memory`"),
        (
            vec![import, memory, r#"(func (export "handle_request"))"#, response],
            "exports `handle_request` as `()`, and http-wasm calls `() -> i64`",
        ),
        (
            vec![r#"(import "http_handler" "no_such" (func))"#, memory, request, response],
            "imports what nobody provides here: `no_such` of `http_handler`",
        ),
    ] {
        let error = refused(&runtime, &format!("(module {})", parts.concat()));
        assert!(error.message().ends_with(why), "{error}");
    }
    let no_handler = Program {
        name: "command".into(),
        bytes: Bytes::from_static(br#"(module (func (export "_start")))"#),
        source: None,
        strict: false,
    };
    let Err(error) = runtime.middleware(no_handler, Bytes::new()).await else { panic!("it was taken") };
    assert!(error.message().contains("is of the kind command, and must be middleware of http-wasm"), "{error}");
}

#[tokio::test]
async fn middleware_is_no_guest_of_an_app() {
    let runtime = runtime();
    let guest = runtime.load("http-wasm", built("http-wasm"), None).expect("a guest");
    assert_eq!(guest.kind(), GuestKind::Middleware);
    let spec = AppSpec { guests: vec![GuestSpec::new("handler", guest)], ..common::spec() };
    let made = runtime.app(spec, Arc::new(common::FakeSidecar::default()), common::no_dapr());
    let Err(error) = made else { panic!("it was taken") };
    assert!(error.help().is_some_and(|hint| hint.contains("middleware.http.wasm")), "{error:?}");
}

/// Where the tests against daprd have put the project's conformance guest: it comes with Dapr's own host.
fn conformance_guest() -> Option<Vec<u8>> {
    let cache = std::env::var_os("GOMODCACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join("go/pkg/mod")))?;
    std::fs::read(cache.join("github.com/http-wasm/http-wasm-host-go@v0.6.0/tck/tck.wasm")).ok()
}

/// What the suite's own back end does: it says in headers what it was asked.
fn back_end() -> Next {
    Box::new(|request| {
        Box::pin(async move {
            let mut response = Response::builder()
                .header("x-httpwasm-next-method", request.method().as_str())
                .header("x-httpwasm-next-uri", request.uri().to_string());
            for name in request.headers().keys() {
                for (index, value) in request.headers().get_all(name).iter().enumerate() {
                    response = response.header(format!("x-httpwasm-next-header-{name}-{index}"), value);
                }
            }
            Ok(response.body(body::empty()).expect("a response"))
        })
    })
}

/// A case of the suite: its name, the request, and what the back end must have seen.
type Case = (String, http::request::Builder, String, Option<(&'static str, &'static str)>);

fn suite() -> Vec<Case> {
    let get = || Request::get("/");
    let mut all: Vec<Case> = vec![
        ("get_protocol_version".into(), Request::get("/get_protocol_version"), String::new(), None),
        ("set_method".into(), get(), String::new(), Some(("x-httpwasm-next-method", "POST"))),
        (
            "get_header_names/request".into(),
            get().header("a-header", "value1").header("b-header", "2"),
            String::new(),
            None,
        ),
        ("get_source_addr".into(), get(), String::new(), None),
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        all.push((format!("get_method/{method}"), Request::builder().method(method).uri("/"), String::new(), None));
    }
    for (name, uri) in [
        ("simple", "/simple"),
        ("simple/escaping", "/simple%26clean"),
        ("query", "/animal?name=panda"),
        ("query/escaping", "/disney?name=chip%26dale"),
    ] {
        all.push((format!("get_uri/{name}"), Request::get(uri), String::new(), None));
        all.push((format!("set_uri/{name}"), get(), String::new(), Some(("x-httpwasm-next-uri", uri))));
    }
    for (name, header, values) in [
        ("lowercase-key", "single-header", vec!["value"]),
        ("mixedcase-key", "Single-Header", vec!["value"]),
        ("not-exists", "not-header", vec![]),
        ("multiple-values", "multi-header", vec!["value1", "value2"]),
    ] {
        let asked = values.into_iter().fold(get(), |request, value| request.header(header, value));
        all.push((format!("get_header_values/request/{name}"), asked, String::new(), None));
    }
    for (function, name, seen) in [
        ("set_header_value", "new", ("x-httpwasm-next-header-new-header-0", "value")),
        ("set_header_value", "existing", ("x-httpwasm-next-header-existing-header-0", "value")),
        ("add_header_value", "new", ("x-httpwasm-next-header-new-header-0", "value")),
        ("add_header_value", "existing", ("x-httpwasm-next-header-existing-header-1", "value")),
        ("remove_header", "new", ("x-httpwasm-next-header-existing-header-0", "bear")),
        ("remove_header", "existing", ("x-httpwasm-next-header-existing-header-0", "")),
    ] {
        let asked = get().header("existing-header", "bear");
        all.push((format!("{function}/request/{name}"), asked, String::new(), Some(seen)));
    }
    for (name, size) in [("empty", 0), ("small", 5), ("medium", 2048), ("large", 4096), ("xlarge", 5000)] {
        all.push((format!("read_body/request/{name}"), Request::post("/"), "a".repeat(size), None));
    }
    all
}

#[tokio::test]
async fn the_conformance_suite_of_http_wasm_passes() {
    let Some(guest) = conformance_guest() else {
        return println!("skipped: the_conformance_suite_of_http_wasm_passes: no Go modules of `cargo xtask daprd`");
    };
    let runtime = runtime();
    let handler = loaded(&runtime, guest, "").await;
    for (case, request, body, seen) in suite() {
        let request = request.version(Version::HTTP_11).header("x-httpwasm-tck-testid", &case).header("host", "h");
        let mut request = request.body(body::full(body)).expect("a request");
        request.extensions_mut().insert(Peer("127.0.0.1:4321".parse().expect("an address")));
        let (status, headers, body) = text(handler.handle(request, back_end()).await.expect(&case)).await;
        assert_eq!(headers["x-httpwasm-tck-handled"], "1", "{case}");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{case}: {:?}", headers.get("x-httpwasm-tck-failed"));
        if case == "get_protocol_version" {
            assert_eq!(body, "HTTP/1.1");
        }
        if let Some((name, value)) = seen {
            let found = headers.get(name).map_or("", |value| value.to_str().expect("text"));
            assert_eq!(found, value, "{case}: {headers:?}");
        }
    }
}
