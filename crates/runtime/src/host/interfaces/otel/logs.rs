//! `logs` of wasi:otel: a record in the guest's log, with its severity.

use super::{DateTime, KeyValue, Library, TraceFlags};
use crate::host::interfaces::asking::call_of;
use crate::instance::Host;
use crate::output::record;
use std::fmt::Write;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance};

#[derive(ComponentType, Lift)]
#[component(record)]
#[allow(dead_code)] // Not all of it is for a log that says guest, request and trace by itself.
struct Resource {
    attributes: Vec<KeyValue>,
    #[component(name = "schema-url")]
    schema_url: Option<String>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
#[allow(dead_code)] // As above.
struct Record {
    timestamp: Option<DateTime>,
    #[component(name = "observed-timestamp")]
    observed_timestamp: Option<DateTime>,
    #[component(name = "severity-text")]
    severity_text: Option<String>,
    #[component(name = "severity-number")]
    severity_number: Option<u8>,
    body: Option<String>,
    attributes: Option<Vec<KeyValue>>,
    #[component(name = "event-name")]
    event_name: Option<String>,
    resource: Option<Resource>,
    #[component(name = "instrumentation-scope")]
    library: Option<Library>,
    #[component(name = "trace-id")]
    trace_id: Option<String>,
    #[component(name = "span-id")]
    span_id: Option<String>,
    #[component(name = "trace-flags")]
    trace_flags: Option<TraceFlags>,
}

/// The ranges of OpenTelemetry's severity numbers.
fn level(severity: Option<u8>) -> tracing::Level {
    match severity {
        Some(1..=4) => tracing::Level::TRACE,
        Some(5..=8) => tracing::Level::DEBUG,
        Some(13..=16) => tracing::Level::WARN,
        Some(17..) => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    }
}

/// What stands in quotes stands without them.
fn plain(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())
}

/// `on-emit`. No host call is counted, as none is for a line on stderr: `limits.log` bounds both.
pub(in super::super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap("on-emit", |mut store: StoreContextMut<'_, Host>, (emitted,): (Record,)| {
        let mut text = emitted.body.as_deref().map(plain).unwrap_or_default();
        for KeyValue { key, value } in emitted.attributes.unwrap_or_default() {
            // A string takes whatever is written.
            let _ = write!(text, " {key}={value}");
        }
        let context = emitted.event_name.or(emitted.library.map(|library| library.name)).unwrap_or_default();
        record(&*call_of(&mut store)?, level(emitted.severity_number), &context, text.trim_start());
        Ok(())
    })
}
