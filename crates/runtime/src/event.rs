//! Events on their way to one guest: typed for a guest that has handlers, as daprd posts them for any other.

use crate::GuestKind;
use crate::actors::{CHAIN, REENTRANCY_ID};
use crate::call::{self, Hosted};
use crate::kind::{dapr, messages};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use pillion_api::callback::{self, MAX_ANSWER};
use pillion_api::pubsub::{BulkDelivery, Delivery, TopicStatus};
use pillion_api::{Body, Error, Metadata, actors, bindings, body, configuration, jobs};
use pillion_wit::exports::pillion::dapr::bulk_topic_handler::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Headers of an event that a call goes by: the trace that it joins, and how far it came.
const OF_CALL: [&str; 3] = ["traceparent", "x-request-id", "pillion-hops"];

/// Whether a guest takes events typed.
pub(crate) fn is_typed(guest: &Hosted) -> bool {
    guest.kind() == GuestKind::Dapr
}

fn headers(metadata: &Metadata, traceparent: Option<&str>) -> HeaderMap {
    let of_metadata = OF_CALL.into_iter().filter_map(|name| Some((name, metadata.get(name)?.as_str())));
    let all = of_metadata.chain(traceparent.map(|parent| ("traceparent", parent)));
    all.filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))).collect()
}

/// Hands a message to a guest that takes it typed.
pub(crate) async fn topic(guest: &Arc<Hosted>, delivery: Delivery) -> Result<TopicStatus, Error> {
    let headers = headers(&delivery.metadata, delivery.traceparent.as_deref());
    call::event(guest, "topic", &headers, dapr::Topic(dapr::topic_event(delivery)?)).await
}

/// Hands messages to a guest that takes them typed: one after the other, if it takes them so.
pub(crate) async fn bulk_topic(guest: &Arc<Hosted>, delivery: BulkDelivery) -> Result<Vec<TopicStatus>, Error> {
    if !dapr::has(guest.spec.guest.inspection(), "bulk-topic-handler") {
        let mut statuses = Vec::with_capacity(delivery.entries.len());
        for entry in delivery.entries {
            statuses.push(topic(guest, entry.delivery).await.unwrap_or(TopicStatus::Retry));
        }
        return Ok(statuses);
    }
    let headers = headers(&delivery.metadata, None);
    let mut ids = Vec::with_capacity(delivery.entries.len());
    let mut entries = Vec::with_capacity(delivery.entries.len());
    for entry in delivery.entries {
        ids.push(entry.entry_id.clone());
        match dapr::topic_event(entry.delivery) {
            Ok(event) => entries.push(Entry { entry_id: entry.entry_id, event }),
            // It alone comes again, as where messages are handed over one by one.
            Err(error) => {
                tracing::warn!(app = &*guest.app, guest = &*guest.name, "a message can't be read: {error}");
            }
        }
    }
    if entries.is_empty() {
        return Ok(vec![TopicStatus::Retry; ids.len()]);
    }
    let said = call::event(guest, "bulk-topic", &headers, dapr::BulkTopic(entries)).await?;
    let said: BTreeMap<String, TopicStatus> = said.into_iter().collect();
    Ok(ids.iter().map(|id| said.get(id).copied().unwrap_or(TopicStatus::Retry)).collect())
}

/// Hands an event of a binding to a guest that takes it typed.
pub(crate) async fn binding(guest: &Arc<Hosted>, event: bindings::Event) -> Result<bindings::Reply, Error> {
    let headers = headers(&event.metadata, None);
    call::event(guest, "binding", &headers, dapr::Binding(event)).await
}

/// Hands a job to a guest that takes it typed.
pub(crate) async fn job(guest: &Arc<Hosted>, event: jobs::Event) -> Result<(), Error> {
    call::event(guest, "job", &HeaderMap::new(), dapr::Job(event)).await
}

/// Hands a change of configuration to a guest, in whichever form it takes it.
pub(crate) async fn configuration(guest: &Arc<Hosted>, update: configuration::Update) -> Result<(), Error> {
    if is_typed(guest) {
        return call::event(guest, "configuration", &HeaderMap::new(), dapr::Configuration(update)).await;
    }
    if guest.kind() == GuestKind::Messages && messages::takes_changes(guest.spec.guest.inspection()) {
        let changes = |call| async move { messages::changed(&call, update).await };
        return call::work(guest, "configuration", &HeaderMap::new(), changes).await;
    }
    for request in callback::configuration(&update)? {
        let (status, _) = answered(call::run(guest, "configuration", request).await?).await?;
        callback::configuration_taken(&update.store, status)?;
    }
    Ok(())
}

/// What the call of an actor's turn goes by: also the actors that wait for it.
pub(crate) fn of_actor(event: &actors::Event) -> HeaderMap {
    let mut headers = headers(&event.metadata, event.traceparent.as_deref());
    for name in [CHAIN, HeaderName::from_static(REENTRANCY_ID)] {
        if let Some(Ok(value)) = event.metadata.get(name.as_str()).map(|value| HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Posts an event to a guest.
pub(crate) async fn post(
    guest: &Arc<Hosted>,
    trigger: &'static str,
    request: Request<Body>,
) -> Result<(StatusCode, Bytes), Error> {
    answered(call::run(guest, trigger, request).await?).await
}

/// Only a small answer says anything; a picture, say, is read to its end, so that its guest comes to its own.
pub(crate) async fn answered(response: http::Response<Body>) -> Result<(StatusCode, Bytes), Error> {
    let status = response.status();
    match body::collect_start(response.into_body(), MAX_ANSWER).await? {
        (answer, false) => Ok((status, answer)),
        (_, true) => Ok((status, Bytes::new())),
    }
}
