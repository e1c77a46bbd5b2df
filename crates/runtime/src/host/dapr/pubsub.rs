//! `pillion:dapr/pubsub`.

use super::{Answer, check_items, convert};
use crate::call::{Call, random_u64};
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::{Metadata, pubsub as dapr};
use pillion_wit::pillion::dapr::pubsub::{self as wit};

impl wit::Host for Host {
    async fn publish(
        &mut self,
        pubsub: String,
        topic: String,
        data: Vec<u8>,
        content_type: Option<String>,
        metadata: Vec<(String, String)>,
    ) -> Answer<()> {
        let event = event(&self.call, data, content_type, metadata);
        self.ask_sidecar(|sidecar| async move { sidecar.publish(&pubsub, &topic, event).await }).await
    }

    async fn publish_bulk(
        &mut self,
        pubsub: String,
        topic: String,
        entries: Vec<wit::Entry>,
        metadata: Vec<(String, String)>,
    ) -> Answer<Vec<wit::FailedEntry>> {
        check_items(entries.len())?;
        let entry = |entry: wit::Entry| dapr::BulkEntry {
            entry_id: entry.entry_id,
            event: event(&self.call, entry.data, entry.content_type, entry.metadata),
        };
        let entries = entries.into_iter().map(entry).collect();
        let metadata: Metadata = convert::onward(&self.call, metadata);
        let failed = self
            .ask_sidecar(|sidecar| async move { sidecar.publish_bulk(&pubsub, &topic, entries, metadata).await })
            .await?;
        let failed = failed.into_iter();
        Ok(failed.map(|entry| wit::FailedEntry { entry_id: entry.entry_id, error: entry.error }).collect())
    }
}

fn event(call: &Call, data: Vec<u8>, content_type: Option<String>, metadata: Vec<(String, String)>) -> dapr::Publish {
    dapr::Publish {
        data: Bytes::from(data),
        content_type,
        metadata: convert::onward(call, metadata),
        traceparent: Some(call.trace.child(random_u64()).to_string()),
        tracestate: None,
    }
}
