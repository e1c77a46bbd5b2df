//! Around an app channel: a bound on calls at a time (`--app-max-concurrency`), and a panic that stays one call's own.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::{
    AppChannel, Body, Code, Error, Result, actors, bindings, configuration, jobs,
    pubsub::{BulkDelivery, Delivery, Subscription, TopicStatus},
};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an app answers. A panic of its handler is the failure of this call, and of nothing else.
pub(crate) async fn caught<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    // Whatever the handler held is dropped by the unwinding; the next call begins anew.
    let caught = AssertUnwindSafe(answer).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the handler of the app panicked")))
}

/// Calls of all kinds together wait for one of so many slots.
pub(crate) struct Bounded {
    inner: Arc<dyn AppChannel>,
    slots: Arc<Semaphore>,
}

impl Bounded {
    /// Bounds a channel; 0 is no bound, as in Dapr.
    pub(crate) fn wrap(inner: Arc<dyn AppChannel>, max_concurrency: u32) -> Arc<dyn AppChannel> {
        match max_concurrency {
            0 => inner,
            slots => Arc::new(Self { inner, slots: Arc::new(Semaphore::new(slots as usize)) }),
        }
    }

    /// The semaphore is never closed, so that a missing permit only lifts the bound.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }
}

#[async_trait]
impl AppChannel for Bounded {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        let slot = self.slot().await;
        let response = self.inner.invoke(request).await?;
        // As in daprd, the slot is held until the response body is consumed.
        Ok(response.map(|body| Held { body, _slot: slot }.boxed_unsync()))
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.inner.subscriptions().await
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        let _slot = self.slot().await;
        self.inner.deliver(delivery).await
    }

    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        let _slot = self.slot().await;
        self.inner.deliver_bulk(delivery).await
    }

    async fn input_bindings(&self) -> Result<Vec<String>> {
        self.inner.input_bindings().await
    }

    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply> {
        let _slot = self.slot().await;
        self.inner.binding_event(event).await
    }

    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        let _slot = self.slot().await;
        self.inner.job_event(event).await
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        let _slot = self.slot().await;
        self.inner.configuration_update(update).await
    }

    async fn actor_turn(&self, event: actors::Event) -> Result<Bytes> {
        let _slot = self.slot().await;
        self.inner.actor_turn(event).await
    }

    fn release_actors(&self) {
        self.inner.release_actors();
    }
}

struct Held {
    body: Body,
    _slot: Option<OwnedSemaphorePermit>,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
