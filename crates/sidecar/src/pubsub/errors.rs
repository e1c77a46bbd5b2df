//! Pub/sub errors in daprd's words.

use pillion_api::{Code, Error, Metadata, error::Details};

fn with(error: Error, reason: &'static str, metadata: Metadata, pubsub: Option<&str>) -> Error {
    let resource = pubsub.map(|name| ("pubsub".into(), name.to_owned()));
    error.details(Details { reason: reason.into(), metadata, resource })
}

fn of_topic(topic: &str, why: &str) -> Metadata {
    [("topic".to_owned(), topic.to_owned()), ("error".to_owned(), why.to_owned())].into()
}

pub(crate) fn not_found(pubsub: &str) -> Error {
    let error = Error::new(Code::PubsubNotFound, format!("pubsub {pubsub} is not found"));
    with(error, "DAPR_PUBSUB_NOT_FOUND", Metadata::new(), None)
}

pub(crate) fn name_empty() -> Error {
    with(Error::new(Code::PubsubEmpty, "pubsub name is empty"), "DAPR_PUBSUB_NAME_EMPTY", Metadata::new(), Some(""))
}

pub(crate) fn topic_empty(pubsub: &str) -> Error {
    let error = Error::new(Code::TopicNameEmpty, format!("topic is empty in pubsub {pubsub}"));
    with(error, "DAPR_PUBSUB_TOPIC_NAME_EMPTY", Metadata::new(), Some(pubsub))
}

pub(crate) fn forbidden(pubsub: &str, topic: &str, app_id: &str) -> Error {
    let why = format!("topic {topic} is not allowed for app id {app_id}");
    let metadata = of_topic(topic, &why);
    with(Error::new(Code::PubsubForbidden, why), "DAPR_PUBSUB_FORBIDDEN", metadata, Some(pubsub))
}

pub(crate) fn publish(pubsub: &str, topic: &str, why: &str) -> Error {
    let message = format!("error when publishing to topic {topic} in pubsub {pubsub}: {why}");
    let error = Error::new(Code::PubsubPublishMessage, message);
    with(error, "DAPR_PUBSUB_PUBLISH_MESSAGE", of_topic(topic, why), Some(pubsub))
}

pub(crate) fn metadata(pubsub: &str, metadata: &Metadata, why: &str) -> Error {
    let error = Error::new(Code::PubsubRequestMetadata, format!("failed deserializing metadata. Error: {why}"));
    with(error, "DAPR_PUBSUB_METADATA_DESERIALIZATION", metadata.clone(), Some(pubsub))
}

pub(crate) fn cloud_event(pubsub: &str, app_id: &str, why: &str) -> Error {
    let metadata = [("appID".to_owned(), app_id.to_owned()), ("error".to_owned(), why.to_owned())].into();
    let error = Error::new(Code::PubsubCloudEventsSer, "cannot create cloudevent");
    with(error, "DAPR_PUBSUB_CLOUD_EVENT_CREATION", metadata, Some(pubsub))
}

pub(crate) fn duplicate_entry(pubsub: &str, topic: &str, app_id: &str) -> Error {
    let why = "entryId is duplicated or not present for entry";
    let metadata = [("appID".to_owned(), app_id.to_owned()), ("error".to_owned(), why.to_owned())].into();
    let message = format!("error marshaling events to bytes for topic {topic} pubsub {pubsub}. error: {why}");
    with(Error::new(Code::PubsubEventsSer, message), "DAPR_PUBSUB_MARSHAL_EVENTS", metadata, Some(pubsub))
}
