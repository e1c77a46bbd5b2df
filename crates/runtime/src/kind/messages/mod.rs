//! Handlers of messages, of wasi:messaging, wasmcloud:messaging and Spin's Redis trigger: a topic event is a message, and what
//! the guest returns says whether it was handled. A request that is no CloudEvent is a message whose topic is its path. A
//! watcher of wasi:keyvalue gets changes of configuration instead.

mod handlers;
mod run;

use super::command::preopen_failed;
use crate::call::Call;
use crate::inspect::invalid;
use crate::instance::{self, Host, Wasi, in_time};
use crate::program::Program;
use crate::spec::{On, Trigger};
use crate::{Inspection, code, trap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use handlers::Shape;
use http::{HeaderValue, Request, Response, header};
use pillion_api::pubsub::TopicStatus;
use pillion_api::{Body, Code, Error, body, configuration};
use run::{Verdict, Work};
use std::pin::pin;
use std::sync::Arc;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

/// Whether a component exports a handler of messages, or of changes.
pub(crate) fn is_handler(inspection: &Inspection) -> bool {
    handlers::exported(inspection).is_some()
}

/// Whether that handler is of WASI 0.3.
pub(crate) fn is_async_handler(inspection: &Inspection) -> bool {
    handlers::exported(inspection).is_some_and(|(_, shape)| shape.is_async())
}

/// Whether it takes changes of configuration, and nothing else.
pub(crate) fn takes_changes(inspection: &Inspection) -> bool {
    handlers::exported(inspection).is_some_and(|(_, shape)| shape.takes_changes())
}

/// What a watcher can be started by.
///
/// # Errors
/// [`Code::GuestInvalid`] where the trigger is none of configuration.
pub(crate) fn check_trigger(trigger: &Trigger, inspection: &Inspection) -> Result<(), Error> {
    if !takes_changes(inspection) || matches!(trigger.on, On::Configuration { .. }) {
        return Ok(());
    }
    Err(only_changes(&trigger.guest))
}

fn only_changes(guest: &str) -> Error {
    Error::new(Code::GuestInvalid, format!("guest `{guest}` is a watcher: it takes changes of configuration alone"))
        .hint("name it under `on:` with `configuration`, or export a handler of messages from it")
}

/// A linked handler.
pub(crate) struct MessagesPre {
    pre: InstancePre<Host>,
    /// Those of its shape, in their order.
    functions: Vec<ComponentExportIndex>,
    shape: Shape,
}

impl MessagesPre {
    /// # Errors
    /// [`Code::GuestInvalid`] where the interface has other functions, or with other types.
    pub(crate) fn new(pre: InstancePre<Host>, component: &Component, inspection: &Inspection) -> Result<Self, Error> {
        let missing = || invalid("exports an interface of messages without its function");
        let (interface, shape) = handlers::exported(inspection).ok_or_else(missing)?;
        handlers::check(component, interface, shape)?;
        let interface = component.get_export_index(None, interface).ok_or_else(missing)?;
        let names = shape.functions().into_iter().map(|(name, _)| name);
        let functions = names.map(|name| component.get_export_index(Some(&interface), name).ok_or_else(missing));
        Ok(Self { pre, functions: functions.collect::<Result<_, _>>()?, shape })
    }

    /// What its start is run in.
    pub(crate) fn instance_pre(&self) -> &InstancePre<Host> {
        &self.pre
    }
}

/// What a message is made of.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    topic: String,
    content_type: Option<String>,
    data: Vec<u8>,
    /// Whether it came by a topic, whose status the answer says.
    of_topic: bool,
}

/// One message. An error of the guest asks for another delivery, as an app's status 500 does.
pub(crate) async fn call(
    call: &Arc<Call>,
    handler: &MessagesPre,
    request: Request<Bytes>,
) -> Result<Response<Body>, Error> {
    let event = read(&request)?;
    if handler.shape.takes_changes() {
        return Err(only_changes(&call.hosted.name));
    }
    let of_topic = event.of_topic;
    match in_instance(call, handler, Work::Message(event)).await? {
        Verdict::Handled => Ok(Response::new(body::empty())),
        Verdict::Said(status, why) if of_topic => {
            if let Some(why) = why {
                let ((app, guest, request_id), why) = (call.names(), crate::output::error_text(&why));
                tracing::warn!(app, guest, request_id, "the guest drops a message: {why}");
            }
            Ok(answer(status))
        }
        Verdict::Said(TopicStatus::Retry, _) => Err(not_handled(call, "it asks for another delivery")),
        Verdict::Said(_, why) => Err(not_handled(call, why.as_deref().unwrap_or("it rejects it"))),
        Verdict::Failed(why) => Err(not_handled(call, &why)),
    }
}

/// Changes of configuration for a watcher, one after the other in one instance.
pub(crate) async fn changed(call: &Arc<Call>, update: configuration::Update) -> Result<(), Error> {
    code::touch(call);
    match &*code::program(call).await? {
        Program::Messages(handler) => in_instance(call, handler, Work::Changes(update)).await.map(|_| ()),
        _ => Err(Error::new(Code::Internal, "the guest is no watcher")),
    }
}

async fn in_instance(call: &Arc<Call>, handler: &MessagesPre, work: Work) -> Result<Verdict, Error> {
    let wasi = Wasi::handler(call).map_err(|error| preopen_failed(call, &error))?;
    let mut store = instance::store_of(call, wasi);
    let outcome = in_time(call, pin!(handler.run(&mut store, work))).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = store.data_mut().last_line();
    outcome.map_err(|error| trap::error(call, store.data(), &error, &last_line))
}

fn not_handled(call: &Call, why: &str) -> Error {
    let why = crate::output::error_text(why);
    let message = format!("guest `{}` did not handle the message: {why}", call.hosted.name);
    Error::new(Code::GuestExit, message).hint("its stderr is in the log")
}

/// What an app answers over HTTP to say more than that it took a message.
fn answer(status: TopicStatus) -> Response<Body> {
    let text = match status {
        TopicStatus::Success => r#"{"status":"SUCCESS"}"#,
        TopicStatus::Retry => r#"{"status":"RETRY"}"#,
        TopicStatus::Drop => r#"{"status":"DROP"}"#,
    };
    let mut response = Response::new(body::full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn read(request: &Request<Bytes>) -> Result<Event, Error> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/cloudevents+json")) {
        return of_cloud_event(request.body());
    }
    Ok(Event {
        topic: request.uri().path().trim_start_matches('/').to_owned(),
        content_type: content_type.map(str::to_owned),
        data: request.body().to_vec(),
        of_topic: false,
    })
}

fn of_cloud_event(event: &[u8]) -> Result<Event, Error> {
    let malformed = |why: String| Error::new(Code::BadRequest, format!("the CloudEvent can't be read: {why}"));
    let mut event: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(event).map_err(|error| malformed(error.to_string()))?;
    let mut text = |name: &str| match event.remove(name) {
        Some(serde_json::Value::String(text)) => Some(text),
        _ => None,
    };
    let (topic, content_type, encoded) = (text("topic"), text("datacontenttype"), text("data_base64"));
    let is_json = content_type.as_deref().is_none_or(|value| value.contains("json"));
    let data = match (encoded, event.remove("data")) {
        (Some(encoded), _) => STANDARD.decode(encoded).map_err(|error| malformed(error.to_string()))?,
        (None, None) => Vec::new(),
        (None, Some(serde_json::Value::String(text))) if !is_json => text.into_bytes(),
        (None, Some(data)) => serde_json::to_vec(&data).map_err(|error| malformed(error.to_string()))?,
    };
    Ok(Event { topic: topic.unwrap_or_default(), content_type, data, of_topic: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_bytes_that_were_published() {
        for (event, content_type, data) in [
            (r#"{"topic":"t","datacontenttype":"text/plain","data":"a b"}"#, Some("text/plain"), "a b"),
            (r#"{"topic":"t","datacontenttype":"application/json","data":"a"}"#, Some("application/json"), "\"a\""),
            (r#"{"topic":"t","data":{"a":1}}"#, None, r#"{"a":1}"#),
            (r#"{"topic":"t","datacontenttype":"x/y","data_base64":"YWI="}"#, Some("x/y"), "ab"),
            (r#"{"topic":"t"}"#, None, ""),
        ] {
            let read = of_cloud_event(event.as_bytes()).expect(event);
            let content_type = content_type.map(str::to_owned);
            assert_eq!(read, Event { topic: "t".into(), content_type, data: data.into(), of_topic: true }, "{event}");
        }
        for event in ["", "[]", r#"{"data_base64":"?"}"#] {
            assert!(of_cloud_event(event.as_bytes()).is_err(), "{event}");
        }
    }
}
