//! wasi:otel.

use crate::unknown;
use crate::wasi::clocks::wall_clock::Datetime;
use crate::wasi::otel::logs::{self, LogRecord};
use crate::wasi::otel::metrics::{self, ResourceMetrics};
use crate::wasi::otel::tracing::{self, Event, Link, SpanContext, SpanData, SpanKind, Status, TraceFlags};
use crate::wasi::otel::types::{InstrumentationScope, KeyValue, Resource};

pub fn run(call: &[&str]) -> String {
    match call {
        ["outer"] => {
            let outer = tracing::outer_span_context();
            let sampled = outer.trace_flags.contains(TraceFlags::SAMPLED);
            format!("{} {} {sampled}", outer.trace_id, outer.span_id)
        }
        ["span", name, id, attributes] => {
            let outer = tracing::outer_span_context();
            span(outer.trace_id, outer.span_id, name, id, attributes.parse().unwrap_or(0))
        }
        ["foreign", name, id] => span("0af7651916cd43dd8448eb211c80319c".into(), String::new(), name, id, 0),
        ["spans", count] => {
            let outer = tracing::outer_span_context();
            for at in 1..=count.parse().unwrap_or(0) {
                span(outer.trace_id.clone(), outer.span_id.clone(), "one", &format!("{at:016x}"), 0);
            }
            "ended".into()
        }
        ["log", severity, body] => {
            logs::on_emit(&LogRecord {
                timestamp: None,
                observed_timestamp: None,
                severity_text: None,
                severity_number: severity.parse().ok(),
                body: Some(format!("{body:?}")),
                attributes: Some(vec![pair("size", "7")]),
                event_name: None,
                resource: None,
                instrumentation_scope: Some(scope()),
                trace_id: None,
                span_id: None,
                trace_flags: None,
            });
            "logged".into()
        }
        ["metrics"] => {
            let resource = Resource { attributes: Vec::new(), schema_url: None };
            format!("{:?}", metrics::export(&ResourceMetrics { resource, scope_metrics: Vec::new() }))
        }
        _ => unknown(call),
    }
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: value.into() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "cases".into(), version: None, schema_url: None, attributes: Vec::new() }
}

fn span(trace_id: String, parent: String, name: &str, id: &str, attributes: usize) -> String {
    let time = |seconds| Datetime { seconds, nanoseconds: 1 };
    let context = |span_id: &str| SpanContext {
        trace_id: trace_id.clone(),
        span_id: span_id.into(),
        trace_flags: TraceFlags::SAMPLED,
        is_remote: false,
        trace_state: Vec::new(),
    };
    tracing::on_start(&context(id));
    tracing::on_end(&SpanData {
        span_context: context(id),
        parent_span_id: parent,
        span_kind: SpanKind::Client,
        name: name.into(),
        start_time: time(1),
        end_time: time(u64::MAX),
        attributes: (0..attributes).map(|at| pair(&format!("a{at}"), "\"v\"")).collect(),
        events: vec![Event { name: "happened".into(), time: time(2), attributes: Vec::new() }],
        links: vec![Link { span_context: context(id), attributes: Vec::new() }],
        status: Status::Error("no good".into()),
        instrumentation_scope: scope(),
        dropped_attributes: 1,
        dropped_events: 0,
        dropped_links: 0,
    });
    "ended".into()
}
