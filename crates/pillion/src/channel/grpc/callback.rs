//! Dapr's three services, each method a line: read the message, ask the app, write the answer.

use super::{Channel, event_status, events, invoke, status};
use crate::channel::shutting_down;
use dapr::dapr::proto::{
    common::v1::{InvokeRequest, InvokeResponse},
    runtime::v1::{
        BindingEventRequest, BindingEventResponse, HealthCheckResponse, JobEventRequest, JobEventResponse,
        ListInputBindingsResponse, ListTopicSubscriptionsResponse, TopicEventBulkRequest, TopicEventBulkResponse,
        TopicEventRequest, TopicEventResponse, app_callback_alpha_server::AppCallbackAlpha,
        app_callback_health_check_server::AppCallbackHealthCheck, app_callback_server::AppCallback,
        binding_event_response::BindingEventConcurrency,
    },
};
use pillion_api::bindings;
use std::sync::{Arc, atomic::Ordering};
use tonic::{Request, Response, Status, async_trait};

type Answer<T> = Result<Response<T>, Status>;

pub(super) struct Callback(pub(super) Arc<Channel>);

#[async_trait]
impl AppCallback for Callback {
    async fn on_invoke(&self, request: Request<InvokeRequest>) -> Answer<InvokeResponse> {
        invoke::invoke(&self.0, request).await
    }

    async fn list_topic_subscriptions(&self, _: Request<()>) -> Answer<ListTopicSubscriptionsResponse> {
        if !self.0.reserved.actors().is_empty() {
            tracing::error!(
                "daprd speaks gRPC to this app, and asks no such app for its actor types: none is hosted; hint: start daprd with `--app-protocol http`"
            );
        }
        let subscriptions = self.0.posted().await.map_err(|error| status(&error))?;
        let subscriptions = subscriptions.into_iter().map(events::subscription).collect();
        Ok(Response::new(ListTopicSubscriptionsResponse { subscriptions }))
    }

    async fn on_topic_event(&self, request: Request<TopicEventRequest>) -> Answer<TopicEventResponse> {
        let (metadata, _, event) = request.into_parts();
        let delivery = events::delivery(event, &metadata.into_headers(), &self.0.reserved);
        let status = self.0.app.deliver(delivery).await.map_err(|error| event_status(&error))?;
        Ok(Response::new(TopicEventResponse { status: events::status(status) }))
    }

    async fn list_input_bindings(&self, _: Request<()>) -> Answer<ListInputBindingsResponse> {
        Ok(Response::new(ListInputBindingsResponse { bindings: self.0.reserved.bindings() }))
    }

    async fn on_binding_event(&self, request: Request<BindingEventRequest>) -> Answer<BindingEventResponse> {
        let BindingEventRequest { name, data, metadata } = request.into_inner();
        let event = bindings::Event { binding: name, data: data.into(), metadata: metadata.into_iter().collect() };
        let reply = self.0.app.binding_event(event).await.map_err(|error| event_status(&error))?;
        let concurrency = match reply.parallel {
            true => BindingEventConcurrency::Parallel,
            false => BindingEventConcurrency::Sequential,
        };
        Ok(Response::new(BindingEventResponse {
            to: reply.to,
            data: reply.data.to_vec(),
            concurrency: concurrency.into(),
            ..BindingEventResponse::default()
        }))
    }

    async fn on_bulk_topic_event(&self, request: Request<TopicEventBulkRequest>) -> Answer<TopicEventBulkResponse> {
        let (metadata, _, events) = request.into_parts();
        let delivery = events::bulk(events, &metadata.into_headers(), &self.0.reserved)?;
        let ids: Vec<String> = delivery.entries.iter().map(|entry| entry.entry_id.clone()).collect();
        let statuses = self.0.app.deliver_bulk(delivery).await.map_err(|error| event_status(&error))?;
        Ok(Response::new(events::bulk_answer(ids, statuses)))
    }

    async fn on_job_event(&self, request: Request<JobEventRequest>) -> Answer<JobEventResponse> {
        let event = events::job(request.into_inner());
        self.0.app.job_event(event).await.map_err(|error| event_status(&error))?;
        Ok(Response::new(JobEventResponse {}))
    }
}

#[async_trait]
impl AppCallbackHealthCheck for Callback {
    async fn health_check(&self, _: Request<()>) -> Answer<HealthCheckResponse> {
        match self.0.draining.load(Ordering::Acquire) {
            true => Err(status(&shutting_down())),
            false => Ok(Response::new(HealthCheckResponse {})),
        }
    }
}

/// What a daprd asks that doesn't know the stable names yet.
#[async_trait]
impl AppCallbackAlpha for Callback {
    async fn on_bulk_topic_event_alpha1(
        &self,
        request: Request<TopicEventBulkRequest>,
    ) -> Answer<TopicEventBulkResponse> {
        self.on_bulk_topic_event(request).await
    }

    async fn on_job_event_alpha1(&self, request: Request<JobEventRequest>) -> Answer<JobEventResponse> {
        self.on_job_event(request).await
    }
}
