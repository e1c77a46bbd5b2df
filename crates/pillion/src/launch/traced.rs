//! A span for each call of an app that needs no port: another app's guest asks in process, or a topic has an event.

use crate::telemetry::traces::{Span, Traces};
use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Request, Response};
use pillion_api::{
    AppChannel, Body, Result,
    pubsub::{Delivery, Subscription, TopicStatus},
};
use std::sync::Arc;

/// An app whose calls join the trace of whoever calls.
pub(crate) struct Traced {
    pub(crate) app: Arc<dyn AppChannel>,
    pub(crate) app_id: Arc<str>,
    pub(crate) traces: Traces,
}

impl Traced {
    fn span(&self, name: &str, headers: &HeaderMap) -> Span {
        let mut span = self.traces.server_span(name, headers);
        span.set("dapr.app_id", &*self.app_id);
        span
    }
}

#[async_trait]
impl AppChannel for Traced {
    async fn invoke(&self, mut request: Request<Body>) -> Result<Response<Body>> {
        let mut span = self.span("invoke", request.headers());
        span.set("url.path", request.uri().path());
        span.propagate(request.headers_mut());
        let answer = self.app.invoke(request).await;
        match &answer {
            Ok(response) => span.set("http.response.status_code", i64::from(response.status().as_u16())),
            Err(error) => span.fail(error.code().name()),
        }
        answer
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.app.subscriptions().await
    }

    async fn deliver(&self, mut delivery: Delivery) -> Result<TopicStatus> {
        let mut headers = HeaderMap::new();
        if let Some(Ok(parent)) = delivery.traceparent.as_deref().map(HeaderValue::from_str) {
            headers.insert("traceparent", parent);
        }
        let mut span = self.span("deliver", &headers);
        span.set("messaging.destination.name", delivery.topic.as_str());
        delivery.traceparent = Some(span.context().to_string());
        let answer = self.app.deliver(delivery).await;
        match &answer {
            Ok(TopicStatus::Success) => {}
            Ok(status) => span.fail(match status {
                TopicStatus::Retry => "RETRY",
                _ => "DROP",
            }),
            Err(error) => span.fail(error.code().name()),
        }
        answer
    }
}
