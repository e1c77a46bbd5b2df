//! A span for each call of an app that needs no port: another app's guest asks in process, or a topic has an event.

use crate::telemetry::traces::{Span, Traces};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use pillion_api::{
    AppChannel, Body, Error, Result, actors, bindings, configuration, jobs,
    pubsub::{BulkDelivery, Delivery, Subscription, TopicStatus},
    workflow::{Activity, Decision, Outcome, Turn},
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
        let mut span = self.span("deliver", &joined(delivery.traceparent.as_deref()));
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

    async fn deliver_bulk(&self, mut delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        let mut span = self.span("deliver_bulk", &HeaderMap::new());
        span.set("messaging.destination.name", delivery.topic.as_str());
        for entry in &mut delivery.entries {
            entry.delivery.traceparent.get_or_insert_with(|| span.context().to_string());
        }
        judged(span, self.app.deliver_bulk(delivery).await)
    }

    async fn input_bindings(&self) -> Result<Vec<String>> {
        self.app.input_bindings().await
    }

    async fn binding_event(&self, mut event: bindings::Event) -> Result<bindings::Reply> {
        let mut span = self.span("binding_event", &HeaderMap::new());
        span.set("dapr.binding", event.binding.as_str());
        event.metadata.entry("traceparent".to_owned()).or_insert_with(|| span.context().to_string());
        judged(span, self.app.binding_event(event).await)
    }

    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        let mut span = self.span("job_event", &HeaderMap::new());
        span.set("dapr.job", event.name.as_str());
        judged(span, self.app.job_event(event).await)
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        let mut span = self.span("configuration_update", &HeaderMap::new());
        span.set("dapr.configuration", update.store.as_str());
        judged(span, self.app.configuration_update(update).await)
    }

    async fn workflow_turn(&self, turn: Arc<Turn>) -> Result<Decision> {
        let started = turn.started();
        let mut span = self.span("workflow_turn", &joined(started.and_then(|started| started.traceparent.as_deref())));
        span.set("dapr.workflow", started.map_or("", |started| &started.name));
        judged(span, self.app.workflow_turn(turn).await)
    }

    async fn workflow_activity(&self, activity: &Activity) -> Result<Outcome> {
        let mut span = self.span("workflow_activity", &joined(activity.traceparent.as_deref()));
        span.set("dapr.activity", activity.name.as_str());
        let traceparent = Some(span.context().to_string());
        let outcome = self.app.workflow_activity(&Activity { traceparent, ..activity.clone() }).await;
        if let Ok(Err(failure)) = &outcome {
            span.fail(&failure.error_type);
        }
        judged(span, outcome)
    }

    async fn actor_turn(&self, mut event: actors::Event) -> Result<Bytes> {
        let mut span = self.span("actor_turn", &joined(event.traceparent.as_deref()));
        span.set("dapr.actor_type", event.actor.kind.as_str());
        event.traceparent = Some(span.context().to_string());
        judged(span, self.app.actor_turn(event).await)
    }

    fn release_actors(&self) {
        self.app.release_actors();
    }
}

/// The headers that continue a trace.
fn joined(traceparent: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(Ok(parent)) = traceparent.map(HeaderValue::from_str) {
        headers.insert("traceparent", parent);
    }
    headers
}

/// Ends a span by what came of its call.
fn judged<T>(mut span: Span, answer: Result<T>) -> Result<T> {
    if let Some(code) = answer.as_ref().err().map(Error::code) {
        span.fail(code.name());
    }
    answer
}
