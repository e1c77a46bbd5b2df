//! What daprd says of itself.

use super::status::Call;
use dapr::dapr::proto::runtime::v1::{
    ActorRuntime as WireActors, AppConnectionProperties, GetMetadataResponse, PubsubSubscription,
    PubsubSubscriptionType,
};
use pillion_api::{
    Code,
    metadata::{ActorRuntime, AppConnection, ComponentMetadata, RuleMetadata, SidecarMetadata, SubscriptionMetadata},
    pubsub::Source,
};

pub(super) const METADATA: Call = Call { name: "metadata", rows: &[], failed: Code::Internal };

pub(super) fn metadata(answer: GetMetadataResponse) -> SidecarMetadata {
    let component = |component: dapr::dapr::proto::runtime::v1::RegisteredComponents| ComponentMetadata {
        name: component.name,
        kind: component.r#type,
        version: component.version,
        capabilities: component.capabilities,
    };
    SidecarMetadata {
        id: answer.id,
        runtime_version: answer.runtime_version,
        enabled_features: answer.enabled_features,
        components: answer.registered_components.into_iter().map(component).collect(),
        extended: answer.extended_metadata.into_iter().collect(),
        subscriptions: answer.subscriptions.into_iter().map(subscription).collect(),
        app_connection_properties: answer.app_connection_properties.map(connection).unwrap_or_default(),
        actor_runtime: answer.actor_runtime.map(actors).unwrap_or_default(),
    }
}

fn subscription(subscription: PubsubSubscription) -> SubscriptionMetadata {
    let source = match subscription.r#type() {
        PubsubSubscriptionType::Declarative => Source::Declarative,
        PubsubSubscriptionType::Streaming => Source::Streaming,
        PubsubSubscriptionType::Programmatic | PubsubSubscriptionType::Unknown => Source::Programmatic,
    };
    let rules = subscription.rules.unwrap_or_default().rules.into_iter();
    SubscriptionMetadata {
        pubsub: subscription.pubsub_name,
        topic: subscription.topic,
        metadata: subscription.metadata.into_iter().collect(),
        rules: rules.map(|rule| RuleMetadata { matches: rule.r#match, path: rule.path }).collect(),
        dead_letter_topic: subscription.dead_letter_topic,
        source,
    }
}

fn connection(connection: AppConnectionProperties) -> AppConnection {
    AppConnection {
        port: u16::try_from(connection.port).unwrap_or_default(),
        protocol: connection.protocol,
        channel_address: connection.channel_address,
        max_concurrency: u32::try_from(connection.max_concurrency).unwrap_or_default(),
    }
}

fn actors(actors: WireActors) -> ActorRuntime {
    ActorRuntime {
        runtime_status: actors.runtime_status().as_str_name().to_owned(),
        host_ready: actors.host_ready,
        placement: actors.placement,
    }
}
