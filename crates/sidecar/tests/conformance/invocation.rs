//! Invocation: in process between the apps of a run, over HTTP to what lies outside.

use crate::harness::{App, World, component, stop};
use http::{Request, Response};
use pillion_api::{AppChannel, Body, Code, Error, Invocation, Result, Sidecar, Target, body};
use pillion_sidecar::{Embedded, hops};
use std::sync::{Arc, Mutex};

fn call(id: &str, path: &str) -> Invocation {
    let request =
        Request::builder().method("POST").uri(path).header("x-mine", "1").body(body::full("hi")).expect("a request");
    Invocation { target: Target::App(id.to_owned()), request }
}

async fn text(response: Response<Body>) -> String {
    let bytes = body::collect(response.into_body(), 100_000).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Answers with what it got: method, path, and the headers in order.
fn show(request: &Request<Body>) -> String {
    let mut headers: Vec<String> =
        request.headers().iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?"))).collect();
    headers.sort();
    format!("{} {} {}", request.method(), request.uri(), headers.join(" "))
}

#[tokio::test]
async fn another_app_sees_who_calls_and_nothing_of_the_connection() {
    let world = World::new();
    let (caller, _) = world.start("caller", "", Vec::new()).await;
    let (callee, app) = world.start("callee", "", Vec::new()).await;
    app.will_invoke(|request| {
        Ok(Response::builder()
            .status(201)
            .header("connection", "x-gone")
            .header("x-gone", "1")
            .header("x-kept", "1")
            .body(body::full(show(&request)))
            .expect("a response"))
    });
    let mut invocation = call("callee", "/a/b?c=d");
    for (name, value) in
        [("connection", "close"), ("dapr-app-id", "callee"), ("dapr-caller-app-id", "forged"), ("te", "trailers")]
    {
        invocation.request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let response = caller.invoke(invocation).await.expect("an answer");
    assert_eq!(response.status(), 201);
    assert!(!response.headers().contains_key("x-gone") && response.headers().contains_key("x-kept"));
    assert_eq!(
        text(response).await,
        concat!(
            "POST /a/b?c=d dapr-callee-app-id=callee dapr-caller-app-id=caller dapr-caller-namespace= ",
            "forwarded=for=127.0.0.1;by=127.0.0.1;host=localhost pillion-hops=1 x-forwarded-for=127.0.0.1 x-forwarded-host=localhost x-mine=1"
        )
    );
    let response = callee.invoke(call("callee", "/self")).await.expect("an answer");
    assert_eq!(text(response).await, "POST /self pillion-hops=1 x-mine=1");
}

#[tokio::test]
async fn an_apps_failure_is_its_answer() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", "", Vec::new()).await;
    app.will_invoke(|_| Err(Error::new(Code::RouteNotFound, "no route `/x`")));
    let response = sidecar.invoke(call("shop", "/x")).await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn an_app_that_cannot_be_reached_or_panics_fails_only_this_call() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", "", Vec::new()).await;
    app.will_invoke(|request| match request.uri().path() {
        "/gone" => Err(Error::new(Code::BadGateway, "connection refused")),
        "/panic" => panic!("a bug of the host"),
        _ => Ok(Response::new(body::empty())),
    });
    let error = sidecar.invoke(call("shop", "/gone")).await.expect_err("gone");
    assert_eq!(
        (error.code(), error.message()),
        (Code::DirectInvoke, "failed to invoke, id: shop, err: connection refused")
    );
    assert_eq!(sidecar.invoke(call("shop", "/panic")).await.expect("an answer").status(), 500);
}

#[tokio::test]
async fn an_unknown_app_has_daprs_error_and_a_hint() {
    let world = World::new();
    let (sidecar, _) = world.start("shop", "", Vec::new()).await;
    for (id, why) in [
        ("nope", "no host found with the given ID"),
        ("shop.elsewhere", "no host found with the given ID"),
        ("a.b.c", "invalid app id a.b.c"),
        ("", "app id is empty"),
    ] {
        let error = sidecar.invoke(call(id, "/")).await.expect_err("unknown");
        assert_eq!((error.code(), error.status().as_u16()), (Code::DirectInvoke, 500));
        assert_eq!(error.message(), format!("failed to invoke, id: {id}, err: {why}"));
    }
    let error = sidecar.invoke(call("shpo", "/")).await.expect_err("unknown");
    assert_eq!(error.help(), Some("did you mean `shop`?"));
    let client = world.open("client", "").await;
    client.start(None);
    assert!(client.ready());
    let error = client.invoke(call("client", "/")).await.expect_err("no channel");
    assert!(error.message().ends_with("err: cannot invoke local endpoint: app channel not initialized"), "{error}");
    stop(&sidecar).await;
    assert_eq!(client.invoke(call("shop", "/")).await.expect_err("stopped").code(), Code::DirectInvoke);
}

#[tokio::test]
async fn the_namespace_may_be_named() {
    let world = World::new();
    let config = pillion_sidecar::EmbeddedConfig { namespace: "prod".to_owned(), ..world.config("shop", "") };
    let sidecar = Embedded::open(config).await.expect("open");
    sidecar.start(Some(App::new(Vec::new())));
    assert_eq!(sidecar.invoke(call("shop.prod", "/")).await.expect("an answer").status(), 200);
    sidecar.invoke(call("shop.test", "/")).await.expect_err("another namespace");
}

/// Calls the other app with nothing handed on.
struct Relay(Mutex<Option<Arc<Embedded>>>, &'static str, bool);

#[async_trait::async_trait]
impl AppChannel for Relay {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        let sidecar = self.0.lock().expect("a lock").clone().expect("a sidecar");
        let mut next = call(self.1, "/");
        if !self.2 {
            return sidecar.invoke(next).await;
        }
        // As a guest that runs elsewhere: only the header hands the count on.
        next.request.headers_mut().insert(hops::HEADER, request.headers()[hops::HEADER].clone());
        tokio::spawn(async move { sidecar.invoke(next).await }).await.expect("no panic")
    }

    async fn subscriptions(&self) -> Result<Vec<pillion_api::pubsub::Subscription>> {
        Ok(Vec::new())
    }

    async fn deliver(&self, _: pillion_api::pubsub::Delivery) -> Result<pillion_api::pubsub::TopicStatus> {
        Ok(pillion_api::pubsub::TopicStatus::Success)
    }
}

#[tokio::test]
async fn apps_that_call_each_other_in_a_circle_end() {
    for by_header in [false, true] {
        let world = World::new();
        let mut sidecars = Vec::new();
        for (app_id, other) in [("a", "b"), ("b", "a")] {
            let sidecar = world.open(app_id, "").await;
            let relay = Relay(Mutex::new(Some(Arc::clone(&sidecar))), other, by_header);
            sidecar.start(Some(Arc::new(relay)));
            sidecars.push(sidecar);
        }
        let error = match sidecars[0].invoke(call("b", "/")).await {
            Err(error) => error,
            // The innermost error is the answer of the app that met it.
            Ok(response) => response.extensions().get::<Error>().expect("an error").clone(),
        };
        assert_eq!(error.status(), 503, "{error}");
        assert!(error.message().contains("in a circle"), "{error}");
        for sidecar in sidecars {
            stop(&sidecar).await;
        }
    }
}

#[tokio::test]
async fn no_more_calls_than_allowed_are_let_in_until_bodies_are_read() {
    let world = World::new();
    let config = pillion_sidecar::EmbeddedConfig { max_concurrency: 1, ..world.config("shop", "") };
    let sidecar = Embedded::open(config).await.expect("open");
    sidecar.start(Some(App::new(Vec::new())));
    let first = sidecar.invoke(call("shop", "/")).await.expect("an answer");
    let second = {
        let sidecar = Arc::clone(&sidecar);
        tokio::spawn(async move { sidecar.invoke(call("shop", "/")).await.map(|response| response.status()) })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.expect("no panic").expect("an answer"), 200);
}

#[tokio::test]
async fn an_endpoint_is_called_over_http_with_its_headers() {
    let server = crate::remote_app::Server::start(|request| {
        Response::builder().status(418).header("x-kept", "1").body(show(&request)).expect("a response")
    })
    .await;
    let world = World::new();
    world.write("secrets.json", r#"{"token":"t0ken"}"#);
    let yaml = component("secrets", "secretstores.local.file", &[("secretsFile", "secrets.json")])
        + &format!(
            "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{ name: outside }}\nspec:\n  baseUrl: http://{}/base\n  headers:\n  - {{ name: x-token, secretKeyRef: {{ name: token, key: token }} }}\nauth: {{ secretStore: secrets }}\n",
            server.address
        );
    let sidecar = world.open("shop", &yaml).await;
    for (target, path) in [
        (Target::App("outside".to_owned()), "/base/x?y=1"),
        (Target::Endpoint("outside".to_owned()), "/base/x?y=1"),
        (Target::Endpoint(format!("http://{}", server.address)), "/x?y=1"),
    ] {
        let request = call("", "/x?y=1").request;
        let token = if path.starts_with("/base") { " x-token=t0ken" } else { "" };
        let response = sidecar.invoke(Invocation { target, request }).await.expect("an answer");
        assert_eq!((response.status().as_u16(), response.headers().contains_key("x-kept")), (418, true));
        let seen = text(response).await;
        assert_eq!(seen, format!("POST {path} content-length=2 host={} x-mine=1{token}", server.address));
    }
    let request = call("", "/").request;
    let gone = Target::Endpoint("http://127.0.0.1:1".to_owned());
    let error = sidecar.invoke(Invocation { target: gone, request }).await.expect_err("nobody listens");
    assert_eq!(error.code(), Code::DirectInvoke);
    assert!(error.message().starts_with("failed to invoke, id: http://127.0.0.1:1, err: "), "{error}");
}
