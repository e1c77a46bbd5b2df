//! `pillion:dapr/sidecar-metadata`.

use super::{Answer, convert};
use crate::instance::Host;
use pillion_api::metadata as dapr;
use pillion_wit::pillion::dapr::sidecar_metadata::{self as wit};

impl wit::Host for Host {
    async fn get(&mut self) -> Answer<wit::Information> {
        let own = self.sidecar()?.metadata().await?;
        let component = |component: dapr::ComponentMetadata| wit::Component {
            name: component.name,
            component_type: component.kind,
            version: component.version,
            capabilities: component.capabilities,
        };
        let subscription = |subscription: dapr::SubscriptionMetadata| wit::Subscription {
            pubsub: subscription.pubsub,
            topic: subscription.topic,
            dead_letter_topic: subscription.dead_letter_topic,
        };
        Ok(wit::Information {
            app_id: own.id,
            runtime_version: own.runtime_version,
            enabled_features: own.enabled_features,
            components: own.components.into_iter().map(component).collect(),
            subscriptions: own.subscriptions.into_iter().map(subscription).collect(),
            extended: convert::metadata(own.extended),
        })
    }
}
