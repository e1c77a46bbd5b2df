//! What comes in: a request, or an event as Dapr hands it over.

use super::{answer::headers, content::Content};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method};
use pillion_api::{
    Metadata, bindings, configuration, jobs,
    pubsub::{Delivery, Destination},
};
use pillion_sidecar::yaml::{Fields, Findings, Node, Place, Unknown, shown};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// The kinds of input, by their key.
const KINDS: [&str; 5] = ["request", "topic", "binding", "job", "configuration"];

/// One input.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Request(Request),
    Topic(Topic),
    Binding(bindings::Event),
    Job(jobs::Event),
    Configuration(configuration::Update),
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A message; without a destination, it goes to who subscribes.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) pubsub: String,
    pub(super) topic: String,
    pub(super) destination: Option<Destination>,
    event: Bytes,
    metadata: Metadata,
}

impl Input {
    /// The one input of a case.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let given: Vec<(&str, Place, &Node)> =
            KINDS.iter().filter_map(|kind| fields.entry(kind).map(|entry| (*kind, entry.at, &entry.value))).collect();
        if let Some((kind, at, _)) = given.get(1) {
            findings.error(*at, format!("{}: `{kind}` is a second input", fields.owner()));
        }
        let Some((kind, _, node)) = given.first() else {
            let why = format!("{}: nothing comes in", fields.owner());
            findings.error_hint(fields.at(), why, format!("add one of {}", KINDS.join(", ")));
            return None;
        };
        let mut fields = Fields::open(node, format!("{}: `{kind}`", fields.owner()), findings)?;
        let content = Content::read(&mut fields, folder, findings);
        let input = match *kind {
            "request" => request(&mut fields, content, findings).map(Self::Request),
            "topic" => topic(&mut fields, content.unwrap_or_default(), findings).map(Self::Topic),
            "binding" => {
                let data = content.unwrap_or_default().bytes;
                let name = fields.required_text("name", findings).map(str::to_owned);
                let metadata = fields.text_map("metadata", findings);
                name.map(|binding| Self::Binding(bindings::Event { binding, data, metadata }))
            }
            "job" => {
                let content_type = fields.text("contentType", findings).map(str::to_owned);
                let data = content.unwrap_or_default().bytes;
                let name = fields.required_text("name", findings).map(str::to_owned);
                name.map(|name| Self::Job(jobs::Event { name, data, content_type }))
            }
            _ => update(&mut fields, findings).map(Self::Configuration),
        };
        fields.close(Unknown::Error, findings);
        input
    }
}

fn request(fields: &mut Fields<'_>, content: Option<Content>, findings: &mut Findings) -> Option<Request> {
    let usual = if content.is_some() { Method::POST } else { Method::GET };
    let read = |text: &str| Method::from_bytes(text.as_bytes()).map_err(|_| "that is no method".to_owned());
    let method = fields.parsed("method", read, findings).unwrap_or(usual);
    let rooted = |text: &str| match text.starts_with('/') && text.parse::<http::Uri>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err("a path begins with `/`, and what is no ASCII in it is encoded".to_owned()),
    };
    fields.required("path", findings);
    let path = fields.parsed("path", rooted, findings);
    let mut headers = headers(fields, findings);
    let content = content.unwrap_or_default();
    if let Some(kind) = content.media_type {
        headers.entry(http::header::CONTENT_TYPE).or_insert(http::HeaderValue::from_static(kind));
    }
    Some(Request { method, path: path?, headers, body: content.bytes })
}

fn topic(fields: &mut Fields<'_>, content: Content, findings: &mut Findings) -> Option<Topic> {
    let pubsub = fields.required_text("pubsub", findings).map(str::to_owned);
    let topic = fields.required_text("topic", findings).map(str::to_owned);
    let guest = fields.text("guest", findings).map(|name| Destination::Guest(name.to_owned()));
    let path = fields.text("path", findings).map(|path| Destination::Path(path.to_owned()));
    let metadata = fields.text_map("metadata", findings);
    let content_type = fields.text("contentType", findings).map(str::to_owned);
    let attributes = fields.text_map("attributes", findings);
    let (pubsub, topic) = (pubsub?, topic?);
    let mut event = Map::new();
    event.insert("id".into(), "1".into());
    event.insert("specversion".into(), "1.0".into());
    event.insert("source".into(), "pillion-test".into());
    event.insert("type".into(), "com.dapr.event.sent".into());
    event.insert("topic".into(), topic.as_str().into());
    event.insert("pubsubname".into(), pubsub.as_str().into());
    let kind = content_type.as_deref().or(content.media_type);
    event.extend(kind.map(|kind| ("datacontenttype".to_owned(), kind.into())));
    event.extend(payload(&content, kind.unwrap_or_default()));
    event.extend(attributes.into_iter().map(|(name, text)| (name, text.into())));
    let event = Json::Object(event).to_string().into();
    Some(Topic { pubsub, topic, destination: guest.or(path), event, metadata })
}

/// The data of an event, as daprd writes it.
fn payload(content: &Content, kind: &str) -> Option<(String, Json)> {
    content.media_type?;
    let json = kind.starts_with("application/json") || kind.contains("+json");
    let parsed = json.then(|| serde_json::from_slice(&content.bytes).ok()).flatten();
    Some(match (parsed, std::str::from_utf8(&content.bytes)) {
        (Some(value), _) => ("data".to_owned(), value),
        (None, Ok(text)) => ("data".to_owned(), json!(text)),
        (None, Err(_)) => ("data_base64".to_owned(), json!(STANDARD.encode(&content.bytes))),
    })
}

impl Topic {
    /// The message on its way to a destination.
    pub(super) fn delivery(&self, destination: Destination) -> Delivery {
        Delivery {
            pubsub: self.pubsub.clone(),
            topic: self.topic.clone(),
            destination,
            event: self.event.clone(),
            metadata: self.metadata.clone(),
            traceparent: None,
        }
    }
}

fn update(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<configuration::Update> {
    let store = fields.required_text("store", findings).map(str::to_owned);
    let at = fields.at();
    let items = fields.text_map("items", findings);
    if items.is_empty() {
        findings.error(at, format!("{}: `items` names nothing that changed", fields.owner()));
    }
    let item = |(key, value)| (key, configuration::Item { value, version: "2".into(), metadata: Metadata::new() });
    Some(configuration::Update { store: store?, id: "1".into(), items: items.into_iter().map(item).collect() })
}

/// A path of a message, for a message.
pub(super) fn named(topic: &Topic) -> String {
    format!("`{}` of `{}`", shown(&topic.topic), shown(&topic.pubsub))
}
