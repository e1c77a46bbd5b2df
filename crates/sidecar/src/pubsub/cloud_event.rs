//! CloudEvents as daprd makes and reads them: the envelope of what is published, and the event that is delivered.

use crate::{clock, json};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use pillion_api::{Metadata, pubsub::Publish};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// What daprd gives an event without a type.
const TYPE: &str = "com.dapr.event.sent";
/// What daprd gives an event without a source.
const SOURCE: &str = "Dapr";
const SPEC_VERSION: &str = "1.0";

/// Where and by whom something is published.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) app_id: &'a str,
    pub(super) pubsub: &'a str,
    pub(super) topic: &'a str,
    pub(super) now: SystemTime,
    /// Whether the broker drops expired messages by itself.
    pub(super) broker_has_ttl: bool,
}

/// Whether a media type is this one, with or without parameters.
fn is_type(content_type: &str, expected: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

impl Envelope<'_> {
    /// The message that the broker gets. The error says why a body that calls itself a CloudEvent is none.
    pub(super) fn wrap(self, event: &Publish) -> Result<Bytes, String> {
        let content_type = event.content_type.as_deref().unwrap_or_default();
        let mut members = match is_type(content_type, "application/cloudevents+json") {
            true => self.complete(event)?,
            false => self.make(event, content_type),
        };
        if let Some(ttl) = ttl(&event.metadata).filter(|_| !self.broker_has_ttl) {
            // A time that no calendar holds never comes.
            let expiration = self.now.checked_add(ttl).filter(|_| ttl < MAX_TTL);
            members.extend(expiration.map(|at| ("expiration".to_owned(), json::string(&clock::rfc3339(at)))));
        }
        Ok(json::object(&members).into())
    }

    fn make(self, event: &Publish, content_type: &str) -> BTreeMap<String, String> {
        let over = |name: &str| override_of(&event.metadata, name);
        let trace_id = over("traceid").or(event.traceparent.as_deref()).unwrap_or_default();
        let trace = over("traceparent").unwrap_or(trace_id);
        let content_type = if content_type.is_empty() { "text/plain" } else { content_type };
        let id = over("id").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        let mut members: BTreeMap<String, String> = [
            ("id", id.as_str()),
            ("specversion", SPEC_VERSION),
            ("datacontenttype", content_type),
            ("source", over("source").unwrap_or(self.app_id)),
            ("type", over("type").unwrap_or(TYPE)),
            ("topic", self.topic),
            ("pubsubname", self.pubsub),
            ("traceid", trace),
            ("traceparent", trace),
            ("tracestate", over("tracestate").or(event.tracestate.as_deref()).unwrap_or_default()),
            ("time", clock::rfc3339(self.now).as_str()),
        ]
        .into_iter()
        .chain(over("subject").map(|subject| ("subject", subject)))
        .map(|(name, value)| (name.to_owned(), json::string(value)))
        .collect();
        let (name, data) = data(content_type, &event.data);
        members.insert(name.to_owned(), data);
        members
    }

    /// A CloudEvent of the publisher's own: only what it lacks is added.
    fn complete(self, event: &Publish) -> Result<BTreeMap<String, String>, String> {
        let mut members = json::members(&event.data).ok_or("the body is not a JSON object")?;
        let text = |value: &str| json::string(value);
        let trace = text(event.traceparent.as_deref().unwrap_or_default());
        members.entry("time".to_owned()).or_insert_with(|| text(&clock::rfc3339(self.now)));
        if !members.contains_key("traceid") {
            members.insert("traceid".to_owned(), trace.clone());
            members.insert("traceparent".to_owned(), trace);
        }
        let state = event.tracestate.as_deref().unwrap_or_default();
        members.entry("tracestate".to_owned()).or_insert_with(|| text(state));
        members.insert("topic".to_owned(), text(self.topic));
        members.insert("pubsubname".to_owned(), text(self.pubsub));
        for (name, value) in [("source", SOURCE), ("type", TYPE), ("specversion", SPEC_VERSION)] {
            let member = members.entry(name.to_owned()).or_insert_with(|| text(value));
            if member == "null" {
                *member = text(value);
            }
        }
        Ok(members)
    }
}

/// Longer times to live are no limit at all: a thousand years.
const MAX_TTL: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

/// The name and value of the member that holds the payload.
fn data(content_type: &str, data: &Bytes) -> (&'static str, String) {
    let text = || json::string(&String::from_utf8_lossy(data));
    if is_type(content_type, "application/json") {
        return ("data", json::canonical(data).unwrap_or_else(text));
    }
    if is_type(content_type, "application/octet-stream") || is_type(content_type, "application/cloudevents+protobuf") {
        return ("data_base64", json::string(&STANDARD.encode(data)));
    }
    ("data", text())
}

/// What `cloudevent.<name>` of the metadata says; daprd reads it without regard to case, and an empty one as none.
fn override_of<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a str> {
    let is = |key: &str| {
        key.get(..11).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cloudevent."))
            && key[11..].eq_ignore_ascii_case(name)
    };
    metadata.iter().find(|(key, value)| is(key) && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// The time to live that a publisher asks for. As in daprd, one that can't be read is none.
fn ttl(metadata: &Metadata) -> Option<Duration> {
    let key = |wanted: &str| metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
    let text = key("ttl").or_else(|| key("ttlInSeconds")).filter(|text| !text.is_empty())?;
    match text.parse::<i64>() {
        Ok(seconds) => u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs),
        Err(_) => clock::parse_go_duration(text),
    }
}

/// Whether metadata ask for the bare payload.
pub(super) fn is_raw(metadata: &Metadata) -> Result<bool, String> {
    match metadata.get("rawPayload").map(String::as_str) {
        None | Some("") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(format!("rawPayload value must be a valid boolean: actual is '{other}'")),
    }
}

/// An event on its way to an app.
pub(super) struct Event {
    /// As the app gets it.
    pub(super) json: Bytes,
    /// As rules see it.
    pub(super) value: serde_json::Value,
}

impl Event {
    /// The event of a message that was published as one; none where it is no JSON object.
    pub(super) fn read(data: &Bytes) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(data).ok()?;
        value.is_object().then(|| Self { json: data.clone(), value })
    }

    /// The event around a bare payload.
    pub(super) fn around(data: &Bytes, topic: &str, pubsub: &str, metadata: &Metadata) -> Self {
        let mut value = serde_json::json!({
            "id": uuid::Uuid::new_v4().to_string(),
            "specversion": SPEC_VERSION,
            "datacontenttype": "application/octet-stream",
            "source": SOURCE,
            "type": TYPE,
            "topic": topic,
            "pubsubname": pubsub,
            "data_base64": STANDARD.encode(data),
        });
        for (from, to) in [
            ("traceid", "traceid"),
            ("traceparent", "traceparent"),
            ("traceparent", "traceid"),
            ("tracestate", "tracestate"),
        ] {
            if let Some(text) = metadata.get(from) {
                value[to] = text.as_str().into();
            }
        }
        let text = json::canonical(value.to_string().as_bytes()).unwrap_or_default();
        Self { json: text.into(), value }
    }

    /// Whether it says that its time is over.
    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.text("expiration").and_then(clock::parse_rfc3339).is_some_and(|at| at < now)
    }

    /// A member, if it is a string: publishers may put anything there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name).and_then(serde_json::Value::as_str)
    }

    /// The publisher's trace context, if it is one.
    pub(super) fn traceparent(&self) -> Option<String> {
        let text = self.text("traceparent").or_else(|| self.text("traceid"))?;
        pillion_api::trace::TraceContext::parse(text).map(|_| text.to_owned())
    }
}

#[cfg(test)]
mod tests;
