//! The publish API over HTTP, one message or many.

use super::{Call, data, json, no_content};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use pillion_api::{
    Body, Code, Error, Metadata, Result, Sidecar, body,
    error::Details,
    pubsub::{BulkEntry, FailedEntry, Publish},
    trace::TraceContext,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson {
    #[serde(default)]
    entry_id: String,
    event: Option<Box<RawValue>>,
    #[serde(default)]
    content_type: String,
    #[serde(default, deserialize_with = "json::metadata")]
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureJson {
    failed_entries: Vec<FailedEntry>,
    error_code: &'static str,
}

pub(super) async fn publish(sidecar: &dyn Sidecar, pubsub: &str, topic: &str, call: Call) -> Result<Response<Body>> {
    let content_type = call.header(header::CONTENT_TYPE).map(str::to_owned);
    let (traceparent, tracestate) = trace(&call);
    let metadata = call.query.metadata();
    let data = body::collect(call.body, call.max_body).await?;
    let event = Publish { data, content_type, metadata, traceparent, tracestate };
    sidecar.publish(pubsub, topic, event).await?;
    Ok(no_content())
}

pub(super) async fn publish_bulk(
    sidecar: &dyn Sidecar,
    pubsub: &str,
    topic: &str,
    call: Call,
) -> Result<Response<Body>> {
    let (traceparent, tracestate) = trace(&call);
    let metadata = call.query.metadata();
    let bytes = body::collect(call.body, call.max_body).await?;
    let entries: Option<Vec<EntryJson>> =
        json::parse(&bytes).map_err(|why| unreadable(sidecar.app_id(), pubsub, topic, &why))?;
    let entry = |entry: EntryJson| {
        let data = event_bytes(entry.event.as_deref(), &entry.content_type)
            .ok_or_else(|| mismatch(sidecar.app_id(), pubsub, topic))?;
        // The entry's own metadata wins over that of the request.
        let mut merged = metadata.clone();
        merged.extend(entry.metadata);
        let content_type = (!entry.content_type.is_empty()).then_some(entry.content_type);
        let (traceparent, tracestate) = (traceparent.clone(), tracestate.clone());
        let event = Publish { data, content_type, metadata: merged, traceparent, tracestate };
        Ok(BulkEntry { entry_id: entry.entry_id, event })
    };
    let entries = entries.unwrap_or_default().into_iter().map(entry).collect::<Result<_>>()?;
    let failed_entries = sidecar.publish_bulk(pubsub, topic, entries, metadata.clone()).await?;
    if failed_entries.is_empty() {
        return Ok(no_content());
    }
    let code = Code::PubsubPublishMessage;
    let failure = serde_json::to_vec(&FailureJson { failed_entries, error_code: code.name() }).unwrap_or_default();
    let mut response = data(failure);
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    Ok(response)
}

/// The call's own span if it has one, else what the publisher sent.
fn trace(call: &Call) -> (Option<String>, Option<String>) {
    let own = call.extensions.get::<TraceContext>().map(ToString::to_string);
    let traceparent = own.or_else(|| call.header("traceparent").map(str::to_owned));
    (traceparent, call.header("tracestate").map(str::to_owned))
}

/// An entry's event as bytes: text types want a string, binary ones base64, the rest is JSON. None where they differ.
fn event_bytes(event: Option<&RawValue>, content_type: &str) -> Option<Bytes> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = event.and_then(|event| serde_json::from_str::<String>(event.get()).ok());
    match media_type.as_str() {
        "application/octet-stream" => BASE64_STANDARD.decode(text?).ok().map(Bytes::from),
        "application/xml" => text.map(Bytes::from),
        media_type if media_type.starts_with("text/") => text.map(Bytes::from),
        // Without a type a string is text, as for a single message.
        "" if text.is_some() => text.map(Bytes::from),
        _ => Some(json::compact(event).into()),
    }
}

fn unreadable(app_id: &str, pubsub: &str, topic: &str, why: &str) -> Error {
    let message = format!("error when unmarshaling the request for topic {topic} pubsub {pubsub}: {why}");
    detailed(Code::PubsubEventsSer, message, "DAPR_PUBSUB_UNMARSHAL_EVENTS", app_id, pubsub)
}

fn mismatch(app_id: &str, pubsub: &str, topic: &str) -> Error {
    let message = format!("error when marshalling cloud event envelope for topic {topic} pubsub {pubsub}");
    detailed(Code::PubsubCloudEventsSer, message, "DAPR_PUBSUB_MARSHAL_ENVELOPE", app_id, pubsub)
        .hint("text types want a string as event, `application/octet-stream` wants base64")
}

fn detailed(code: Code, message: String, reason: &'static str, app_id: &str, pubsub: &str) -> Error {
    let metadata = Metadata::from([("appID".to_owned(), app_id.to_owned())]);
    let resource = Some(("pubsub".into(), pubsub.to_owned()));
    Error::new(code, message).details(Details { reason: reason.into(), metadata, resource })
}
