//! The answer to `GET /dapr/subscribe`: what `on:` names, and what an http guest names itself.

use super::reserved::topic_route;
use pillion_api::{
    Code, Error, Metadata, Result,
    pubsub::{Bulk, Destination, Subscription},
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    pubsubname: String,
    topic: String,
    routes: Routes,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_subscribe: Option<BulkJson>,
}

#[derive(Serialize)]
struct Routes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

#[derive(Serialize)]
struct RuleJson {
    #[serde(rename = "match")]
    matches: String,
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkJson {
    enabled: bool,
    max_messages_count: usize,
    max_await_duration_ms: u64,
}

/// The path by which daprd reaches a destination.
pub(super) fn route(destination: Destination) -> String {
    match destination {
        Destination::Path(path) => path,
        Destination::Guest(name) => topic_route(&name),
    }
}

/// The body of the answer.
pub(super) fn to_json(subscriptions: Vec<Subscription>) -> Result<Vec<u8>> {
    let entries: Vec<Entry> = subscriptions.into_iter().map(entry).collect();
    serde_json::to_vec(&entries).map_err(|error| Error::new(Code::Internal, error.to_string()))
}

fn entry(subscription: Subscription) -> Entry {
    let rules = subscription.rules.into_iter().map(|rule| RuleJson { matches: rule.matches, path: rule.path });
    Entry {
        pubsubname: subscription.pubsub,
        topic: subscription.topic,
        routes: Routes { rules: rules.collect(), default: subscription.default.map(route) },
        metadata: subscription.metadata,
        dead_letter_topic: subscription.dead_letter_topic,
        bulk_subscribe: subscription.bulk.map(bulk),
    }
}

fn bulk(bulk: Bulk) -> BulkJson {
    BulkJson { enabled: true, max_messages_count: bulk.max_messages, max_await_duration_ms: bulk.max_await_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::{pubsub::Source, subscribe};

    #[test]
    fn what_is_written_is_read_back_as_the_same() {
        let answer = br#"[{"pubsubname":"p","topic":"a","deadLetterTopic":"dead","metadata":{"rawPayload":"true"},
            "routes":{"rules":[{"match":"event.type == \"x\"","path":"/x"}],"default":"/a"},
            "bulkSubscribe":{"enabled":true,"maxMessagesCount":7,"maxAwaitDurationMs":10}}]"#;
        let read = subscribe::parse(answer).expect("a list");
        assert_eq!(subscribe::parse(&to_json(read.clone()).expect("JSON")).expect("a list"), read);
    }

    #[test]
    fn a_guest_of_on_is_reached_by_a_route_of_its_own() {
        let subscription = Subscription {
            pubsub: "p".into(),
            topic: "t".into(),
            rules: Vec::new(),
            default: Some(Destination::Guest("listener".into())),
            metadata: Metadata::new(),
            dead_letter_topic: None,
            bulk: None,
            source: Source::Declarative,
        };
        let text = String::from_utf8(to_json(vec![subscription]).expect("JSON")).expect("UTF-8");
        assert_eq!(text, r#"[{"pubsubname":"p","topic":"t","routes":{"default":"/dapr/on/listener"}}]"#);
    }
}
