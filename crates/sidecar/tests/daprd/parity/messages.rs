//! Publishing: what is taken, and what is refused.

use super::shown::Log;
use pillion_api::{
    Metadata, Sidecar,
    pubsub::{BulkEntry, Publish},
};

fn event(data: &'static str, content_type: Option<&str>, metadata: &[(&str, &str)]) -> Publish {
    Publish {
        data: data.into(),
        content_type: content_type.map(str::to_owned),
        metadata: metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Publish::default()
    }
}

fn entry(id: &str) -> BulkEntry {
    BulkEntry { entry_id: id.to_owned(), event: event("x", Some("text/plain"), &[]) }
}

pub(super) async fn script(sidecar: &dyn Sidecar, log: &mut Log) {
    let json = Some("application/json");
    let cloud = Some("application/cloudevents+json");
    for (name, topic, event) in [
        ("publish text", "allowed", event("hello", None, &[])),
        ("publish JSON", "allowed", event(r#"{"a":1}"#, json, &[])),
        ("publish bad JSON", "allowed", event("{", json, &[])),
        ("publish nothing", "allowed", event("", None, &[])),
        (
            "publish a CloudEvent",
            "other",
            event(r#"{"specversion":"1.0","id":"1","type":"t","source":"s","data":1}"#, cloud, &[]),
        ),
        ("publish what is no CloudEvent", "allowed", event("{", cloud, &[])),
        ("publish an array as a CloudEvent", "allowed", event("[1]", cloud, &[])),
        ("publish raw", "allowed", event("raw", None, &[("rawPayload", "true")])),
        ("publish neither raw nor not", "allowed", event("raw", None, &[("rawPayload", "perhaps")])),
        ("publish with a ttl", "allowed", event("x", None, &[("ttlInSeconds", "10")])),
        ("publish with a bad ttl", "allowed", event("x", None, &[("ttlInSeconds", "soon")])),
        ("publish to a topic out of scope", "secret", event("x", None, &[])),
        ("publish to no topic", "", event("x", None, &[])),
    ] {
        log.say(name, sidecar.publish("bus", topic, event).await);
    }
    for (name, topic, ids) in [
        ("bulk publish", "allowed", &["1", "2"][..]),
        ("bulk publish nothing", "allowed", &[]),
        ("bulk publish twice the same id", "allowed", &["1", "1"]),
        ("bulk publish without an id", "allowed", &[""]),
        ("bulk publish out of scope", "secret", &["1"]),
        ("bulk publish to no topic", "", &["1"]),
    ] {
        let entries = ids.iter().map(|id| entry(id)).collect();
        log.say(name, sidecar.publish_bulk("bus", topic, entries, Metadata::new()).await);
    }
    without_a_broker(sidecar, log).await;
}

pub(super) async fn without_a_broker(sidecar: &dyn Sidecar, log: &mut Log) {
    log.say("publish to no broker", sidecar.publish("nobus", "t", event("x", None, &[])).await);
    log.say("publish to a broker without a name", sidecar.publish("", "t", event("x", None, &[])).await);
    log.say("bulk publish to no broker", sidecar.publish_bulk("nobus", "t", vec![entry("1")], Metadata::new()).await);
}
