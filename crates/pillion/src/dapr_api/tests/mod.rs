//! Dapr's HTTP API over a sidecar that writes down what it is asked: each file one building block, one table each.

mod bindings;
mod fake;
mod health;
mod invocation;
mod pipeline;
mod publishing;
mod routing;
mod secrets;
mod state;

use super::{ApiContext, ApiToken, Readiness, ShutdownKind, handle};
use fake::Fake;
use http::{HeaderMap, Request};
use pillion_api::{Body, Pipeline, Sidecar, body};
use std::sync::{Arc, Mutex};

const MAX_BODY: u64 = 1000;

/// An API with its sidecar and what `shutdown` asked for.
struct Api {
    fake: Arc<Fake>,
    sidecar: Arc<dyn Sidecar>,
    context: Arc<ApiContext>,
    ends: Arc<Mutex<Vec<ShutdownKind>>>,
}

/// One request: `METHOD target`, headers, body.
struct Ask<'a>(&'a str, &'a [(&'a str, &'a str)], &'a str);

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Api {
    fn new() -> Self {
        Self::made(None, Pipeline::default())
    }

    fn with_token(token: &str) -> Self {
        Self::made(ApiToken::new(token), Pipeline::default())
    }

    fn made(api_token: Option<ApiToken>, pipeline: Pipeline) -> Self {
        let fake = Arc::new(Fake::default());
        let ends = Arc::new(Mutex::new(Vec::new()));
        let noted = ends.clone();
        let context = ApiContext {
            api_token,
            pipeline,
            readiness: Arc::new(Readiness::default()),
            max_body: MAX_BODY,
            on_shutdown: Some(Box::new(move |kind| noted.lock().expect("no panic").push(kind))),
        };
        Self { sidecar: fake.clone(), fake, context: Arc::new(context), ends }
    }

    async fn ask(&self, Ask(line, headers, text): Ask<'_>) -> Answer {
        let (method, target) = line.split_once(' ').expect("a method and a target");
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body::full(text.to_owned())).expect("a request");
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = handle(&self.sidecar, &self.context, request).await.into_parts();
        let body = body::collect(body, u64::MAX).await.expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The status, the body, and what the sidecar was asked.
    async fn check(&self, ask: Ask<'_>, status: u16, body: &str, asked: &[&str]) -> Answer {
        let line = ask.0.to_owned();
        let answer = self.ask(ask).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{line}");
        assert_eq!(self.fake.asked(), asked, "{line}");
        answer
    }
}
