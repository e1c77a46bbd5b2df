//! The interfaces of messages and of changes that a component may export, with the types that this host calls them with.

use crate::Inspection;
use crate::kind::shape;
use pillion_api::Error;
use wasmtime::component::Component;

/// An interface that takes messages or changes.
pub(super) struct Handler {
    /// What its name begins with, up to the part of the version that changes nothing.
    prefix: &'static str,
    pub(super) shape: Shape,
}

/// How a handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A handle of a message, of that package.
    Resource(&'static str),
    /// A record with the whole body.
    Record,
    /// A record whose body is a stream.
    Streaming,
    /// The body alone.
    Payload,
    /// The body alone, of a handler of WASI 0.3.
    AsyncPayload,
    /// Changes in a bucket, of that interface.
    Changes(&'static str),
    /// Changes in a bucket, of a handler of WASI 0.3.
    AsyncChanges(&'static str),
}

/// Those of WASI 0.3 come first: who exports one runs on the engine of 0.3. Messages come before changes.
const HANDLERS: [Handler; 8] = [
    Handler { prefix: "wasmcloud:messaging/handler@0.3.", shape: Shape::Streaming },
    Handler { prefix: "spin:redis/inbound-redis@3.", shape: Shape::AsyncPayload },
    Handler { prefix: "wasmcloud:keyvalue/watcher@0.2.", shape: Shape::AsyncChanges("wasmcloud:keyvalue/types") },
    Handler { prefix: "wasi:messaging/incoming-handler@0.2.0-draft", shape: Shape::Resource("wasi:messaging") },
    Handler { prefix: "wasmcloud:messaging/incoming-handler@0.3.", shape: Shape::Resource("wasmcloud:messaging") },
    Handler { prefix: "wasmcloud:messaging/handler@0.2.", shape: Shape::Record },
    Handler { prefix: "fermyon:spin/inbound-redis", shape: Shape::Payload },
    Handler { prefix: "wasi:keyvalue/watcher@0.2.0-draft", shape: Shape::Changes("wasi:keyvalue/store") },
];

impl Shape {
    /// Whether it is of WASI 0.3.
    pub(super) fn is_async(self) -> bool {
        matches!(self, Self::Streaming | Self::AsyncPayload | Self::AsyncChanges(_))
    }

    /// Whether it takes changes, and no messages.
    pub(super) fn takes_changes(self) -> bool {
        matches!(self, Self::Changes(_) | Self::AsyncChanges(_))
    }

    /// Its functions with their types written out.
    pub(super) fn functions(self) -> Vec<(&'static str, String)> {
        const RECORD: &str = "record { subject: string, body: BODY, reply-to: option<string> }";
        const SPIN: &str = "variant { invalid-address, too-many-connections, type-error, other(string) }";
        let changes = |interface: &str, word: &str| {
            let head = format!("{word}func(bucket: own<{interface}.bucket>, key: string");
            vec![("on-set", format!("{head}, value: list<u8>)")), ("on-delete", format!("{head})"))]
        };
        match self {
            Self::Resource(package) => vec![(
                "handle",
                format!(
                    "func(message: own<{package}/types.message>) -> \
                     result<_, variant {{ timeout, connection(string), permission-denied(string), other(string) }}>"
                ),
            )],
            Self::Record => {
                let message = RECORD.replace("BODY", "list<u8>");
                vec![("handle-message", format!("func(msg: {message}) -> result<_, string>"))]
            }
            Self::Streaming => {
                let message = RECORD.replace("BODY", "stream<u8>");
                let error = "variant { reject, retry, other(string) }";
                vec![("handle-message", format!("async func(msg: {message}) -> result<_, {error}>"))]
            }
            Self::Payload => {
                vec![("handle-message", "func(message: list<u8>) -> result<_, enum { success, error }>".to_owned())]
            }
            Self::AsyncPayload => {
                vec![("handle-message", format!("async func(message: list<u8>) -> result<_, {SPIN}>"))]
            }
            Self::Changes(interface) => changes(interface, ""),
            Self::AsyncChanges(interface) => changes(interface, "async "),
        }
    }
}

/// The handler that a component is called by, with the name that it exports it under.
pub(super) fn exported(inspection: &Inspection) -> Option<(&str, Shape)> {
    HANDLERS.iter().find_map(|handler| {
        let export = inspection.exports.iter().find(|export| export.name.starts_with(handler.prefix))?;
        Some((export.name.as_str(), handler.shape))
    })
}

/// Whether the types of a handler are those that this host calls.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] that says what it has instead.
pub(super) fn check(component: &Component, interface: &str, shape: Shape) -> Result<(), Error> {
    shape::check(component, interface, &format!("`{interface}`"), &shape.functions())
        .map_err(|error| error.hint("build it against the text of the interface that its name and version stand for"))
}
