//! Publishing: from what an app hands over to what the broker gets.

use super::{Broker, Message, cloud_event, cloud_event::Envelope, errors, scopes::Scopes};
use crate::hops;
use pillion_api::{
    Error, Metadata, Result,
    pubsub::{BulkEntry, FailedEntry, Publish},
};
use std::{collections::HashSet, sync::Arc, time::SystemTime};

/// Who publishes through what.
pub(crate) struct Publisher<'a> {
    pub(crate) app_id: &'a str,
    pub(crate) pubsub: &'a str,
    pub(crate) broker: &'a Arc<dyn Broker>,
    pub(crate) scopes: &'a Scopes,
    pub(crate) now: SystemTime,
}

impl Publisher<'_> {
    /// Publishes one message.
    pub(crate) async fn publish(&self, topic: &str, event: Publish) -> Result<()> {
        self.check_topic(topic)?;
        let raw =
            cloud_event::is_raw(&event.metadata).map_err(|why| errors::metadata(self.pubsub, &event.metadata, &why))?;
        let message = self.message(topic, event, raw)?;
        let sent = self.broker.publish(message).await;
        sent.map_err(|why| errors::publish(self.pubsub, topic, &why))
    }

    /// Publishes messages in their order, each on its own.
    pub(crate) async fn publish_bulk(
        &self,
        topic: &str,
        entries: Vec<BulkEntry>,
        metadata: Metadata,
    ) -> Result<Vec<FailedEntry>> {
        let raw = cloud_event::is_raw(&metadata).map_err(|why| errors::metadata(self.pubsub, &metadata, &why))?;
        let mut ids = HashSet::new();
        if !entries.iter().all(|entry| !entry.entry_id.is_empty() && ids.insert(entry.entry_id.as_str())) {
            return Err(errors::duplicate_entry(self.pubsub, topic, self.app_id));
        }
        self.check_topic(topic)?;
        let messages = entries.into_iter().map(|entry| {
            let BulkEntry { entry_id, mut event } = entry;
            for (key, value) in &metadata {
                event.metadata.entry(key.clone()).or_insert_with(|| value.clone());
            }
            self.message(topic, event, raw).map(|message| (entry_id, message))
        });
        let messages: Vec<(String, Message)> = messages.collect::<Result<_>>()?;
        let mut failed = Vec::new();
        for (entry_id, message) in messages {
            if let Err(error) = self.broker.publish(message).await {
                failed.push(FailedEntry { entry_id, error });
            }
        }
        Ok(failed)
    }

    fn check_topic(&self, topic: &str) -> Result<()> {
        if topic.is_empty() {
            return Err(errors::topic_empty(self.pubsub));
        }
        if !self.scopes.may_publish(topic) {
            return Err(errors::forbidden(self.pubsub, topic, self.app_id));
        }
        Ok(())
    }

    fn message(&self, topic: &str, event: Publish, raw: bool) -> Result<Message> {
        let hops = hops::of_message(&event.metadata);
        if hops >= hops::MAX {
            return Err(self.circle(topic));
        }
        let data = match raw {
            true => event.data,
            false => {
                let Self { app_id, pubsub, now, .. } = *self;
                let envelope = Envelope { app_id, pubsub, topic, now, broker_has_ttl: self.broker.has_ttl() };
                envelope.wrap(&event).map_err(|why| errors::cloud_event(pubsub, app_id, &why))?
            }
        };
        Ok(Message { topic: topic.to_owned(), data, metadata: event.metadata, hops })
    }

    fn circle(&self, topic: &str) -> Error {
        let why = format!("the message went through {} apps: they publish to each other in a circle", hops::MAX);
        errors::publish(self.pubsub, topic, &why).hint("let one of the apps answer without publishing again")
    }
}
