//! Handlers of messages, of wasi:messaging and of wasmcloud:messaging: a topic event is a message, and what the guest
//! returns says whether it was handled. A request that is no CloudEvent is a message whose topic is its path.

use super::command::preopen_failed;
use crate::Inspection;
use crate::call::Call;
use crate::host::interfaces::messages::{BrokerMessage, Failure, Message};
use crate::inspect::invalid;
use crate::instance::{self, Host, Wasi, in_time};
use crate::trap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, header};
use pillion_api::{Body, Code, Error, body};
use std::pin::pin;
use std::sync::Arc;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Resource};
use wasmtime::{AsContextMut, Store};

/// What a handler exports, and the function in it.
const HANDLERS: [(&str, &str, Shape); 2] = [
    ("wasi:messaging/incoming-handler@0.2.0-draft", "handle", Shape::Wasi),
    ("wasmcloud:messaging/handler@0.2.", "handle-message", Shape::WasmCloud),
];

#[derive(Clone, Copy)]
enum Shape {
    Wasi,
    WasmCloud,
}

/// Whether a component exports a handler of messages.
pub(crate) fn is_handler(inspection: &Inspection) -> bool {
    exported(inspection).is_some()
}

fn exported(inspection: &Inspection) -> Option<(&str, &'static str, Shape)> {
    HANDLERS.iter().find_map(|(prefix, function, shape)| {
        let export = inspection.exports.iter().find(|export| export.name.starts_with(prefix))?;
        Some((export.name.as_str(), *function, *shape))
    })
}

/// A linked handler.
pub(crate) struct MessagesPre {
    pre: InstancePre<Host>,
    function: ComponentExportIndex,
    shape: Shape,
}

impl MessagesPre {
    /// # Errors
    /// [`Code::GuestInvalid`] where the interface lacks its function.
    pub(crate) fn new(pre: InstancePre<Host>, component: &Component, inspection: &Inspection) -> Result<Self, Error> {
        let missing = || invalid("exports an interface of messages without its function");
        let (interface, function, shape) = exported(inspection).ok_or_else(missing)?;
        let interface = component.get_export_index(None, interface).ok_or_else(missing)?;
        let function = component.get_export_index(Some(&interface), function).ok_or_else(missing)?;
        Ok(Self { pre, function, shape })
    }

    /// What its start is run in.
    pub(crate) fn instance_pre(&self) -> &InstancePre<Host> {
        &self.pre
    }

    /// Hands over the message; what the guest says of it.
    async fn run(&self, store: &mut Store<Host>, event: Event) -> wasmtime::Result<Result<(), String>> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        match self.shape {
            Shape::WasmCloud => {
                type Handle = (Result<(), String>,);
                let handle = instance.get_typed_func::<(BrokerMessage,), Handle>(&mut *store, self.function)?;
                let message = BrokerMessage { subject: event.topic, body: event.data, reply_to: None };
                Ok(handle.call_async(store, (message,)).await?.0)
            }
            Shape::Wasi => {
                type Handle = (Result<(), Failure>,);
                let handle = instance.get_typed_func::<(Resource<Message>,), Handle>(&mut *store, self.function)?;
                let call = Arc::clone(&store.data().call);
                let message = Message::incoming(&call, event.topic, event.content_type, event.data)?;
                let message = store.as_context_mut().data_mut().table().push(message)?;
                let (handled,) = handle.call_async(store, (message,)).await?;
                Ok(handled.map_err(|failure| failure.to_string()))
            }
        }
    }
}

/// What a message is made of.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    topic: String,
    content_type: Option<String>,
    data: Vec<u8>,
}

/// One message. An error of the guest asks for another delivery, as an app's status 500 does.
pub(crate) async fn call(
    call: &Arc<Call>,
    handler: &MessagesPre,
    request: Request<Bytes>,
) -> Result<Response<Body>, Error> {
    let event = read(&request)?;
    let wasi = Wasi::handler(call).map_err(|error| preopen_failed(call, &error))?;
    let mut store = instance::store_of(call, wasi);
    let outcome = in_time(call, pin!(handler.run(&mut store, event))).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = store.data_mut().last_line();
    match outcome {
        Ok(Ok(())) => Ok(Response::new(body::empty())),
        Ok(Err(why)) => {
            let why = crate::output::error_text(&why);
            let message = format!("guest `{}` did not handle the message: {why}", call.hosted.name);
            Err(Error::new(Code::GuestExit, message).hint("its stderr is in the log"))
        }
        Err(error) => Err(trap::error(call, store.data(), &error, &last_line)),
    }
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
    Ok(Event { topic: topic.unwrap_or_default(), content_type, data })
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
            assert_eq!(read, Event { topic: "t".into(), content_type, data: data.into() }, "{event}");
        }
        for event in ["", "[]", r#"{"data_base64":"?"}"#] {
            assert!(of_cloud_event(event.as_bytes()).is_err(), "{event}");
        }
    }
}
