//! A span for each call, joined to its caller's W3C trace context, and exported over OTLP where that is set up.
//!
//! Ids are made here whether or not anything is exported: logs and outgoing calls carry them.

use super::guest_spans::GuestSpans;
use super::otlp::Exporter;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use pillion_api::{spans::Spans, trace::TraceContext};
use std::{cell::Cell, str::FromStr, sync::Arc, time::SystemTime};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The specification asks for at least so much to be handed on; more is dropped.
const MAX_TRACESTATE: usize = 512;
/// Longer attribute values are cut.
const MAX_ATTRIBUTE: usize = 1024;

/// Makes the spans of a process.
#[derive(Clone)]
pub(crate) struct Traces {
    exporter: Option<Arc<Exporter>>,
    /// A new trace is recorded where its id's upper half is below.
    threshold: u64,
}

impl Traces {
    /// Spans that nobody records; contexts are handed on all the same.
    pub(crate) fn off() -> Self {
        Self { exporter: None, threshold: 0 }
    }

    /// Spans that go to `exporter`. `ratio` of the traces that begin here are recorded, from 0 to 1;
    /// of a trace that began elsewhere, what its caller decided holds.
    pub(crate) fn new(exporter: Exporter, ratio: f64) -> Self {
        // The cast saturates, so 1 and more is every trace.
        let threshold = (ratio.max(0.0) * u64::MAX as f64) as u64;
        Self { exporter: Some(Arc::new(exporter)), threshold }
    }

    /// The span of a call that came in, as a child of what its headers name.
    pub(crate) fn server_span(&self, name: &str, headers: &HeaderMap) -> Span {
        let parent = caller(headers);
        let state = parent.and_then(|_| headers.get(TRACESTATE)?.to_str().ok());
        let state = state.filter(|state| state.len() <= MAX_TRACESTATE).map(str::to_owned);
        let context = parent.map_or_else(|| self.root(), |parent| parent.child(random()));
        let recorded = self.exporter.as_ref().filter(|_| context.sampled).map(|exporter| {
            Box::new(Recorded {
                exporter: exporter.clone(),
                parent: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span_id)),
                name: cut(name).to_owned(),
                start: SystemTime::now(),
                attributes: Vec::new(),
                status: Status::Unset,
            })
        });
        Span { context, state, recorded }
    }

    /// Who exports the spans that guests make themselves, if somebody does.
    pub(crate) fn of_guests(&self) -> Option<Arc<dyn Spans>> {
        self.exporter.as_ref().map(|exporter| Arc::new(GuestSpans(Arc::clone(exporter))) as Arc<dyn Spans>)
    }

    /// Hands over all spans that wait. Blocks its thread for at most a few seconds; meant for the end of the process.
    pub(crate) fn flush(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.flush();
        }
    }

    fn root(&self) -> TraceContext {
        let high = random();
        let sampled = self.exporter.is_some() && high <= self.threshold && self.threshold > 0;
        TraceContext { trace_id: u128::from(high) << 64 | u128::from(random()), span_id: random(), sampled }
    }
}

/// One call. Its end is where it is dropped.
pub(crate) struct Span {
    context: TraceContext,
    state: Option<String>,
    recorded: Option<Box<Recorded>>,
}

struct Recorded {
    exporter: Arc<Exporter>,
    parent: SpanId,
    name: String,
    start: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// What calls made on behalf of this one hand on.
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    /// Whether somebody will see this span.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Adds an attribute, if the span is recorded at all. Never a secret's value.
    pub(crate) fn set<'a>(&mut self, key: &'static str, value: impl Into<Attribute<'a>>) {
        if let Some(recorded) = &mut self.recorded {
            let value = match value.into() {
                Attribute::Text(text) => cut(text).to_owned().into(),
                Attribute::Number(number) => number.into(),
            };
            recorded.attributes.push(KeyValue::new(key, opentelemetry::Value::clone(&value)));
        }
    }

    /// Marks the call as failed.
    pub(crate) fn fail(&mut self, why: &str) {
        if let Some(recorded) = &mut self.recorded {
            recorded.status = Status::error(cut(why).to_owned());
        }
    }

    /// Writes this span into the headers of a request that is made on its behalf.
    pub(crate) fn propagate(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_bytes(&self.context.to_header()) {
            headers.insert(TRACEPARENT, value);
        }
        match self.state.as_deref().map(HeaderValue::from_str) {
            Some(Ok(state)) => headers.insert(TRACESTATE, state),
            _ => headers.remove(TRACESTATE),
        };
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(recorded) = self.recorded.take() else { return };
        let state = self.state.as_deref().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
        let trace_id = TraceId::from(self.context.trace_id);
        let span_id = SpanId::from(self.context.span_id);
        let exporter = recorded.exporter;
        exporter.end(SpanData {
            span_context: SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state),
            parent_span_id: recorded.parent,
            parent_span_is_remote: recorded.parent != SpanId::INVALID,
            span_kind: SpanKind::Server,
            name: recorded.name.into(),
            start_time: recorded.start,
            end_time: SystemTime::now(),
            attributes: recorded.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: recorded.status,
            instrumentation_scope: InstrumentationScope::builder("pillion").build(),
        });
    }
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    /// A text, cut where it is long.
    Text(&'a str),
    /// A whole number.
    Number(i64),
}

impl<'a> From<&'a str> for Attribute<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Attribute<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// The caller's context. Two `traceparent` headers are none: the specification wants a trace begun anew then.
fn caller(headers: &HeaderMap) -> Option<TraceContext> {
    let mut all = headers.get_all(TRACEPARENT).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => TraceContext::parse(one.to_str().ok()?),
        _ => None,
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ATTRIBUTE)]
}

/// A random number other than 0, for ids. Not for secrets: a seeded SplitMix64 for each thread.
pub(crate) fn random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(seed()));
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    })
}

/// The system's randomness; where it gives none, the standard library's per-process keys.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(std::thread::current().id()))
}
