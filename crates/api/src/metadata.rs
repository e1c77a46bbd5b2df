//! The metadata building block: what a sidecar says of itself at `/v1.0/metadata`.

use crate::pubsub::Source;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer to `GET /v1.0/metadata`, field by field as daprd names it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SidecarMetadata {
    pub id: String,
    pub runtime_version: String,
    pub enabled_features: Vec<String>,
    pub components: Vec<ComponentMetadata>,
    pub extended: BTreeMap<String, String>,
    pub subscriptions: Vec<SubscriptionMetadata>,
    pub app_connection_properties: AppConnection,
    pub actor_runtime: ActorRuntime,
}

/// One loaded component.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ComponentMetadata {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: String,
    pub capabilities: Vec<String>,
}

/// One subscription of the app.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SubscriptionMetadata {
    #[serde(rename = "pubsubname")]
    pub pubsub: String,
    pub topic: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    pub rules: Vec<RuleMetadata>,
    pub dead_letter_topic: String,
    #[serde(rename = "type")]
    pub source: Source,
}

/// One route of a subscription.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct RuleMetadata {
    #[serde(rename = "match", skip_serializing_if = "String::is_empty")]
    pub matches: String,
    pub path: String,
}

/// How the sidecar reaches its app.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AppConnection {
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_address: String,
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub max_concurrency: u32,
}

/// The state of the actor runtime. The embedded sidecar says `DISABLED` while it has no actors.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ActorRuntime {
    pub runtime_status: String,
    pub host_ready: bool,
    pub placement: String,
}

impl Default for ActorRuntime {
    fn default() -> Self {
        Self { runtime_status: "DISABLED".into(), host_ready: false, placement: String::new() }
    }
}

// serde hands the field over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero_u32(count: &u32) -> bool {
    *count == 0
}
