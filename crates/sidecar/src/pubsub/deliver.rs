//! Delivering one message: its event, its route, tries with growing pauses, and the dead-letter topic.

mod bulk;

use super::{Broker, Message, cloud_event, cloud_event::Event, routes::Routes};
use crate::{channel::caught, clock::Clock, hops};
use pillion_api::{
    AppChannel, Metadata,
    pubsub::{Delivery, Destination, Subscription, TopicStatus},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often, and after which pauses, a message is delivered again that the app could not handle.
///
/// Dapr's own in-memory broker delivers once, and without a Resiliency policy a refused message goes to the dead-letter
/// topic at once; this is more, so that an app that is just starting loses nothing. When the tries are over, the message
/// goes to the dead-letter topic, or is dropped with an error in the log. Messages behind it wait, so order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redelivery {
    /// Deliveries after the first.
    pub retries: u32,
    /// The pause before the first of them; each later one is twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Redelivery {
    fn default() -> Self {
        Self { retries: 5, first_pause: Duration::from_millis(100), longest_pause: Duration::from_secs(5) }
    }
}

impl Redelivery {
    /// The pause before retry number `retry`, from 0; none where there is none.
    fn pause(&self, retry: u32) -> Option<Duration> {
        let factor = 2u32.checked_pow(retry).unwrap_or(u32::MAX);
        (retry < self.retries).then(|| self.first_pause.saturating_mul(factor).min(self.longest_pause))
    }
}

/// Everything that one subscription of one app needs to hand on a message.
pub(super) struct Subscriber {
    pub(super) app_id: String,
    pub(super) subscription: Subscription,
    pub(super) routes: Routes,
    pub(super) channel: Arc<dyn AppChannel>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) redelivery: Redelivery,
    /// Turns true when the sidecar stops.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Why a message was not handled by the app.
enum Refusal {
    /// The app, or a rule, did not want it.
    Unwanted,
    /// It is past its time.
    Expired,
    /// The app could not handle it, or nobody could read it.
    Failed(String),
    /// The sidecar stopped before the app could handle it.
    Stopping,
}

impl Subscriber {
    /// Delivers a message until the app has handled or refused it.
    pub(super) async fn handle(&self, message: Message) {
        let refusal = match self.event(&message) {
            Ok((event, destination)) => self.try_all(&message, event, destination).await,
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = refusal {
            self.refuse(message, refusal).await;
        }
    }

    fn event(&self, message: &Message) -> Result<(Event, &Destination), Refusal> {
        let raw = cloud_event::is_raw(&self.subscription.metadata).map_err(Refusal::Failed)?;
        let event = match raw {
            true => Event::around(&message.data, &message.topic, &self.subscription.pubsub, &message.metadata),
            false => Event::read(&message.data).ok_or_else(|| Refusal::Failed("it is no CloudEvent".to_owned()))?,
        };
        if event.is_expired(self.clock.now()) {
            return Err(Refusal::Expired);
        }
        let destination = self.routes.find(&event.value).map_err(Refusal::Failed)?;
        destination.map(|destination| (event, destination)).ok_or(Refusal::Unwanted)
    }

    async fn try_all(&self, message: &Message, event: Event, destination: &Destination) -> Option<Refusal> {
        let delivery = self.delivery(message, event, destination);
        let mut retry = 0;
        loop {
            // The count is that of the task, too: a guest in process hands on nothing.
            let answer = hops::scope(message.hops + 1, caught(self.channel.deliver(delivery.clone()))).await;
            let why = match answer {
                Ok(TopicStatus::Success) => return None,
                Ok(TopicStatus::Drop) => return Some(Refusal::Unwanted),
                Ok(TopicStatus::Retry) => "the app asked for a retry".to_owned(),
                Err(error) => error.to_string(),
            };
            let Some(pause) = self.redelivery.pause(retry) else { return Some(Refusal::Failed(why)) };
            tracing::debug!(app = self.app_id, topic = message.topic, retry, why, "a message is delivered again");
            if self.stops_within(pause).await {
                return Some(Refusal::Stopping);
            }
            retry += 1;
        }
    }

    async fn stops_within(&self, pause: Duration) -> bool {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => false,
            stopped = stopping.wait_for(|stopping| *stopping) => stopped.is_ok(),
        }
    }

    fn delivery(&self, message: &Message, event: Event, destination: &Destination) -> Delivery {
        let metadata = self.metadata(message.metadata.clone(), message.hops + 1);
        Delivery {
            pubsub: self.subscription.pubsub.clone(),
            topic: message.topic.clone(),
            destination: destination.clone(),
            traceparent: event.traceparent(),
            event: event.json,
            metadata,
        }
    }

    /// What goes with a delivery: the subscription's own, what the message brings, and what the sidecar says.
    fn metadata(&self, of_message: Metadata, hops: u32) -> Metadata {
        let mut metadata = self.subscription.metadata.clone();
        metadata.extend(of_message);
        metadata.insert("pubsubName".to_owned(), self.subscription.pubsub.clone());
        metadata.insert(hops::HEADER.to_owned(), hops.to_string());
        metadata
    }

    async fn refuse(&self, message: Message, refusal: Refusal) {
        let (app, topic) = (&self.app_id, message.topic.clone());
        let dead_letter = self.subscription.dead_letter_topic.as_deref().filter(|topic| !topic.is_empty());
        match (&refusal, dead_letter) {
            (Refusal::Stopping, _) => tracing::warn!(app, topic, "a message is dropped, because the sidecar stops"),
            (_, Some(dead_letter)) => self.bury(message, dead_letter).await,
            (Refusal::Unwanted, None) => tracing::debug!(app, topic, "a message was not wanted"),
            (Refusal::Expired, None) => tracing::warn!(app, topic, "an expired message is dropped"),
            (Refusal::Failed(why), None) => {
                tracing::error!(app, topic, why, "a message could not be delivered and is dropped")
            }
        }
    }

    /// The dead-letter topic gets the message as it was published.
    async fn bury(&self, message: Message, dead_letter: &str) {
        let (app, topic, hops) = (&self.app_id, message.topic.clone(), message.hops + 1);
        if hops >= hops::MAX {
            return tracing::error!(app, topic, dead_letter, "a dead letter went in a circle and is dropped");
        }
        let letter = Message { topic: dead_letter.to_owned(), hops, ..message };
        if let Err(why) = self.broker.publish(letter).await {
            tracing::error!(app, topic, dead_letter, why, "a dead letter could not be published and is dropped");
        }
    }
}
