//! The types of a handler, held against those that this host calls when the guest is loaded.

use super::{ACTOR_HANDLER, PACKAGE, VERSION};
use crate::kind::shape;
use pillion_api::Error;
use wasmtime::component::Component;

const EVENT: &str = "record { id: string, source: string, event-type: string, spec-version: string, data-content-type: string, subject: option<string>, time: option<string>, pubsub: string, topic: string, data: list<u8>, extensions: list<tuple<string, string>>, metadata: list<tuple<string, string>> }";
const ACTOR: &str = "record { actor-type: string, actor-id: string }";
const STATUS: &str = "enum { success, retry, drop }";

/// The functions of a handler as `wit/dapr` has them, their types written out.
fn expected(handler: &str) -> Vec<(&'static str, String)> {
    let takes = match handler {
        "invocation-handler" => "func(request: record { method: string, path: string, headers: list<tuple<string, list<u8>>>, body: list<u8> }) -> result<record { status: u16, headers: list<tuple<string, list<u8>>>, body: list<u8> }, string>".to_owned(),
        "topic-handler" => format!("func(event: {EVENT}) -> result<{STATUS}, string>"),
        "bulk-topic-handler" => format!("func(entries: list<record {{ entry-id: string, event: {EVENT} }}>) -> result<list<record {{ entry-id: string, status: {STATUS} }}>, string>"),
        "binding-handler" => "func(event: record { binding: string, data: list<u8>, metadata: list<tuple<string, string>> }) -> result<option<record { data: list<u8>, to: list<string>, parallel: bool }>, string>".to_owned(),
        "job-handler" => "func(event: record { name: string, data: list<u8>, content-type: option<string> }) -> result<_, string>".to_owned(),
        ACTOR_HANDLER => return actor(),
        _ => "func(update: record { store: string, id: string, items: list<tuple<string, record { value: string, version: string, metadata: list<tuple<string, string>> }>> }) -> result<_, string>".to_owned(),
    };
    vec![("handle", takes)]
}

fn actor() -> Vec<(&'static str, String)> {
    [
        ("activate", "", "_"),
        ("invoke", ", method: string, data: list<u8>, metadata: list<tuple<string, string>>", "list<u8>"),
        ("timer", ", name: string, callback: string, data: list<u8>", "_"),
        ("reminder", ", name: string, data: list<u8>", "_"),
        ("deactivate", "", "_"),
    ]
    .map(|(name, more, answer)| (name, format!("func(actor: {ACTOR}{more}) -> result<{answer}, string>")))
    .into()
}

/// Whether a handler has the functions that this host calls.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] that says what it has instead.
pub(super) fn check(component: &Component, handler: &str) -> Result<(), Error> {
    shape::check(component, &format!("{PACKAGE}{handler}@{VERSION}"), handler, &expected(handler))
        .map_err(|error| error.hint("build it against this version's `wit/dapr`"))
}
