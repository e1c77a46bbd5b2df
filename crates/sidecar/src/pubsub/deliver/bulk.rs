//! Delivering several messages at once: each has its own status, and those that are to come again do so together.

use super::{Message, Refusal, Subscriber};
use crate::{channel::caught, hops};
use pillion_api::{
    Metadata,
    pubsub::{BulkDelivery, BulkDeliveryEntry, Delivery, Destination, TopicStatus},
};

/// The media type of what is delivered.
const CLOUD_EVENT: &str = "application/cloudevents+json";

/// A message on its way.
struct Pending {
    message: Message,
    delivery: Delivery,
}

impl Subscriber {
    /// Delivers messages until the app has handled or refused each. Those for different destinations go separately, in the
    /// order of their first messages.
    pub(in crate::pubsub) async fn handle_bulk(&self, messages: Vec<Message>) {
        let mut bulks: Vec<(Destination, Vec<Pending>)> = Vec::new();
        for message in messages {
            let delivery = self.event(&message).map(|(event, to)| (self.delivery(&message, event, to), to.clone()));
            match delivery {
                Ok((delivery, to)) => {
                    let pending = Pending { message, delivery };
                    match bulks.iter_mut().find(|(other, _)| *other == to) {
                        Some((_, bulk)) => bulk.push(pending),
                        None => bulks.push((to, vec![pending])),
                    }
                }
                Err(refusal) => self.refuse(message, refusal).await,
            }
        }
        for (destination, bulk) in bulks {
            self.try_bulk(&destination, bulk).await;
        }
    }

    async fn try_bulk(&self, destination: &Destination, mut bulk: Vec<Pending>) {
        let mut retry = 0;
        loop {
            let (again, why) = self.deliver_bulk(destination, bulk).await;
            if again.is_empty() {
                return;
            }
            let Some(pause) = self.redelivery.pause(retry) else {
                return self.refuse_all(again, || Refusal::Failed(why.clone())).await;
            };
            let (app, topic, left) = (&self.app_id, &self.subscription.topic, again.len());
            tracing::debug!(app, topic, retry, left, why, "messages are delivered again");
            if self.stops_within(pause).await {
                return self.refuse_all(again, || Refusal::Stopping).await;
            }
            (bulk, retry) = (again, retry + 1);
        }
    }

    /// Those that are to come again, and why.
    async fn deliver_bulk(&self, destination: &Destination, bulk: Vec<Pending>) -> (Vec<Pending>, String) {
        let hops = bulk.iter().map(|pending| pending.message.hops).max().unwrap_or_default() + 1;
        let delivery = self.bulk_delivery(destination, &bulk, hops);
        let (statuses, why) = match hops::scope(hops, caught(self.channel.deliver_bulk(delivery))).await {
            Ok(statuses) => (statuses, "the app asked for a retry".to_owned()),
            Err(error) => (Vec::new(), error.to_string()),
        };
        let statuses = statuses.into_iter().chain(std::iter::repeat(TopicStatus::Retry));
        let mut again = Vec::new();
        for (pending, status) in bulk.into_iter().zip(statuses) {
            match status {
                TopicStatus::Success => {}
                TopicStatus::Retry => again.push(pending),
                TopicStatus::Drop => self.refuse(pending.message, Refusal::Unwanted).await,
            }
        }
        (again, why)
    }

    fn bulk_delivery(&self, destination: &Destination, bulk: &[Pending], hops: u32) -> BulkDelivery {
        let entry = |(number, pending): (usize, &Pending)| BulkDeliveryEntry {
            entry_id: (number + 1).to_string(),
            delivery: pending.delivery.clone(),
            content_type: Some(CLOUD_EVENT.to_owned()),
        };
        BulkDelivery {
            id: uuid::Uuid::new_v4().to_string(),
            pubsub: self.subscription.pubsub.clone(),
            topic: bulk.first().map_or(&self.subscription.topic, |pending| &pending.message.topic).clone(),
            destination: destination.clone(),
            entries: bulk.iter().enumerate().map(entry).collect(),
            metadata: self.metadata(Metadata::new(), hops),
        }
    }

    async fn refuse_all(&self, bulk: Vec<Pending>, refusal: impl Fn() -> Refusal) {
        for pending in bulk {
            self.refuse(pending.message, refusal()).await;
        }
    }
}
