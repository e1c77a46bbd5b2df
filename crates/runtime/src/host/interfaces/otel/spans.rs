//! `tracing` of wasi:otel: spans below that of the call, in its trace and no other.

use super::{DateTime, KeyValue, Library, TraceFlags};
use crate::call::Call;
use crate::host::interfaces::asking::{call_of, shown};
use crate::instance::Host;
use pillion_api::spans as api;
use pillion_api::trace::TraceContext;
use std::sync::atomic::Ordering;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};

/// Spans of one call that are exported.
const MAX_SPANS: u64 = 128;
/// Attributes of a span, of an event, of a link.
const MAX_ATTRIBUTES: usize = 64;
/// Events of a span, and its links.
const MAX_EVENTS: usize = 64;
/// Longer names and values are cut, in bytes.
const MAX_TEXT: usize = 1024;

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct SpanContext {
    #[component(name = "trace-id")]
    trace_id: String,
    #[component(name = "span-id")]
    span_id: String,
    #[component(name = "trace-flags")]
    trace_flags: TraceFlags,
    #[component(name = "is-remote")]
    is_remote: bool,
    #[component(name = "trace-state")]
    trace_state: Vec<(String, String)>,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Guests make them.
enum SpanKind {
    #[component(name = "client")]
    Client,
    #[component(name = "server")]
    Server,
    #[component(name = "producer")]
    Producer,
    #[component(name = "consumer")]
    Consumer,
    #[component(name = "internal")]
    Internal,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct Event {
    name: String,
    time: DateTime,
    attributes: Vec<KeyValue>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct Link {
    #[component(name = "span-context")]
    span_context: SpanContext,
    attributes: Vec<KeyValue>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
enum Status {
    #[component(name = "unset")]
    Unset,
    #[component(name = "ok")]
    Ok,
    #[component(name = "error")]
    Error(String),
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct SpanData {
    #[component(name = "span-context")]
    span_context: SpanContext,
    #[component(name = "parent-span-id")]
    parent_span_id: String,
    #[component(name = "span-kind")]
    span_kind: SpanKind,
    name: String,
    #[component(name = "start-time")]
    start_time: DateTime,
    #[component(name = "end-time")]
    end_time: DateTime,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    links: Vec<Link>,
    status: Status,
    #[component(name = "instrumentation-scope")]
    library: Library,
    #[component(name = "dropped-attributes")]
    dropped_attributes: u32,
    #[component(name = "dropped-events")]
    dropped_events: u32,
    #[component(name = "dropped-links")]
    dropped_links: u32,
}

impl SpanContext {
    /// None where the ids are none of W3C's.
    fn read(&self) -> Option<TraceContext> {
        let sampled = u8::from(self.trace_flags.contains(TraceFlags::SAMPLED));
        // What isn't as long as W3C's ids is not even written out.
        if self.trace_id.len() != 32 || self.span_id.len() != 16 {
            return None;
        }
        TraceContext::parse(&format!("00-{}-{}-{sampled:02x}", self.trace_id, self.span_id))
    }
}

/// `on-start`, `on-end` and `outer-span-context`. A span is known when it has ended.
pub(in super::super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap("on-start", |_: StoreContextMut<'_, Host>, (_,): (SpanContext,)| Ok(()))?;
    instance.func_wrap("on-end", |mut store: StoreContextMut<'_, Host>, (span,): (SpanData,)| {
        let call = call_of(&mut store)?;
        call.count_host_call()?;
        export(&call, span);
        Ok(())
    })?;
    instance.func_wrap("outer-span-context", |mut store: StoreContextMut<'_, Host>, (): ()| {
        let call = call_of(&mut store)?;
        call.count_host_call()?;
        let outer = call.outer_span();
        let trace_flags = if outer.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let context = SpanContext {
            trace_id: format!("{:032x}", outer.trace_id),
            span_id: format!("{:016x}", outer.span_id),
            trace_flags,
            is_remote: true,
            trace_state: Vec::new(),
        };
        Ok((context,))
    })
}

/// Whether a trace is recorded is its begin's decision, and a guest is in the trace of its call.
fn export(call: &Call, span: SpanData) {
    let Some(spans) = call.hosted.shared.spans.get().filter(|_| call.trace.sampled) else { return };
    let (app, guest, request_id) = call.names();
    let context = span.span_context.read().filter(|context| context.trace_id == call.trace.trace_id);
    let Some(context) = context else {
        let name = shown(&span.name);
        tracing::debug!(app, guest, request_id, "the span `{name}` is of another trace than its call, and left out");
        return;
    };
    let count = call.spans.fetch_add(1, Ordering::Relaxed);
    if count >= MAX_SPANS {
        if count == MAX_SPANS {
            tracing::warn!(app, guest, request_id, "more than {MAX_SPANS} spans of one call are left out");
        }
        return;
    }
    spans.ended(app, guest, read(context, span));
}

fn read(context: TraceContext, span: SpanData) -> api::Span {
    let over = |count: usize, most: usize| u32::try_from(count.saturating_sub(most)).unwrap_or(u32::MAX);
    let dropped = [
        span.dropped_attributes.saturating_add(over(span.attributes.len(), MAX_ATTRIBUTES)),
        span.dropped_events.saturating_add(over(span.events.len(), MAX_EVENTS)),
        span.dropped_links.saturating_add(over(span.links.len(), MAX_EVENTS)),
    ];
    let event = |event: Event| api::Event {
        name: cut(event.name),
        time: event.time.time(),
        attributes: attributes(event.attributes),
    };
    let link = |link: Link| Some((link.span_context.read()?, attributes(link.attributes)));
    api::Span {
        context,
        parent: u64::from_str_radix(&span.parent_span_id, 16).unwrap_or(0),
        kind: match span.span_kind {
            SpanKind::Client => api::Kind::Client,
            SpanKind::Server => api::Kind::Server,
            SpanKind::Producer => api::Kind::Producer,
            SpanKind::Consumer => api::Kind::Consumer,
            SpanKind::Internal => api::Kind::Internal,
        },
        name: cut(span.name),
        start: span.start_time.time(),
        end: span.end_time.time(),
        attributes: attributes(span.attributes),
        events: span.events.into_iter().take(MAX_EVENTS).map(event).collect(),
        links: span.links.into_iter().take(MAX_EVENTS).filter_map(link).collect(),
        status: match span.status {
            Status::Unset => api::Status::Unset,
            Status::Ok => api::Status::Ok,
            Status::Error(why) => api::Status::Error(cut(why)),
        },
        library: cut(span.library.name),
        dropped,
    }
}

fn attributes(pairs: Vec<KeyValue>) -> Vec<api::Attribute> {
    pairs.into_iter().take(MAX_ATTRIBUTES).map(|pair| (cut(pair.key), cut(pair.value))).collect()
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
