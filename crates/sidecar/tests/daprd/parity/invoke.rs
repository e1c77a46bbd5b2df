//! Invocation: what the app gets, what comes back, and who can't be called.

use super::{APP_ID, shown::Log};
use http::Request;
use pillion_api::{Body, Invocation, Result, Sidecar, Target, body};

/// The largest answer that is read, in bytes.
const MAX: u64 = 8 * 1024 * 1024;

async fn ask(sidecar: &dyn Sidecar, target: Target, request: Request<Body>) -> Result<String> {
    let response = sidecar.invoke(Invocation { target, request }).await?;
    let status = response.status().as_u16();
    let header =
        |name: &str| response.headers().get(name).map_or("-", |value| value.to_str().unwrap_or("?")).to_owned();
    let (kind, answered) = (header("content-type"), header("x-answered"));
    let answer = body::collect(response.into_body(), MAX).await?;
    Ok(format!("{status} {kind} {answered} {}", String::from_utf8_lossy(&answer)))
}

fn request(method: &str, path: &str, body: impl Into<bytes::Bytes>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("x-mine", "mine");
    request.header("content-type", "text/x-own").body(body::full(body)).expect("a request")
}

pub(super) async fn script(sidecar: &dyn Sidecar, log: &mut Log) {
    let own = || Target::App(APP_ID.to_owned());
    for (method, path, body) in [
        ("GET", "/hello", ""),
        ("GET", "/", ""),
        ("POST", "/a/b?x=1&y=%20z", "text"),
        ("PUT", "/a%2Fb/c%20d", "x"),
        ("DELETE", "/gone", ""),
        ("PATCH", "/a", "p"),
        ("OPTIONS", "/a", ""),
        ("GET", "/method/x", ""),
        ("GET", "/v1.0/state/memory/k", ""),
        ("GET", "/status/404", ""),
        ("GET", "/status/500", ""),
        ("POST", "/status/418", "x"),
        ("GET", "/status/204", ""),
    ] {
        log.say(format!("{method} {path}"), ask(sidecar, own(), request(method, path, body)).await);
    }
    let large = vec![b'l'; 1_000_000];
    let answer = ask(sidecar, own(), request("POST", "/large", large)).await.map(|answer| answer.len());
    log.say("a million bytes there and back", answer);
    for id in ["nobody", "outside", "parity.default", "a.b.c", "x/method/y"] {
        log.say(format!("invoke `{id}`"), ask(sidecar, Target::App(id.to_owned()), request("GET", "/hello", "")).await);
    }
    let mut forged = request("GET", "/hello", "");
    // dapr-app-id:outside
    forged.headers_mut().insert("authorization", "Basic ZGFwci1hcHAtaWQ6b3V0c2lkZQ==".parse().expect("a value"));
    log.say("invoke with another app's address in a header", ask(sidecar, Target::App("nobody".into()), forged).await);
    let mut forged = request("GET", "/hello", "");
    forged.headers_mut().insert("dapr-app-id", "outside".parse().expect("a value"));
    log.say("invoke with another app's id in a header", ask(sidecar, Target::App("nobody".into()), forged).await);
}
