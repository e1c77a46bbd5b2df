//! Spans that guests make themselves, exported beside those of the process, with the names of app and guest.

use super::otlp::Exporter;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use pillion_api::spans::{Attribute, Kind, Span, Spans, Status as Ended};
use pillion_api::trace::TraceContext;
use std::sync::Arc;

/// Hands the spans of guests to the exporter.
pub(super) struct GuestSpans(pub(super) Arc<Exporter>);

impl Spans for GuestSpans {
    fn ended(&self, app: &str, guest: &str, span: Span) {
        let own = [("dapr.app_id", app), ("pillion.guest", guest)];
        let own = own.map(|(name, value)| KeyValue::new(name, value.to_owned()));
        // Whose span it is, the host says: an attribute of the guest by such a name doesn't count.
        let given = attributes(span.attributes).filter(|given| own.iter().all(|own| own.key != given.key));
        let mut events = SpanEvents::default();
        let event = |event: pillion_api::spans::Event| {
            Event::new(event.name, event.time, attributes(event.attributes).collect(), 0)
        };
        (events.events, events.dropped_count) = (span.events.into_iter().map(event).collect(), span.dropped[1]);
        let mut links = SpanLinks::default();
        let link = |(of, given)| Link::new(context(of), attributes(given).collect(), 0);
        (links.links, links.dropped_count) = (span.links.into_iter().map(link).collect(), span.dropped[2]);
        let parent_span_id = SpanId::from(span.parent);
        self.0.end(SpanData {
            span_context: context(TraceContext { sampled: true, ..span.context }),
            parent_span_id,
            parent_span_is_remote: false,
            span_kind: kind(span.kind),
            name: span.name.into(),
            start_time: span.start,
            end_time: span.end,
            attributes: given.chain(own.clone()).collect(),
            dropped_attributes_count: span.dropped[0],
            events,
            links,
            status: match span.status {
                Ended::Unset => Status::Unset,
                Ended::Ok => Status::Ok,
                Ended::Error(why) => Status::error(why),
            },
            instrumentation_scope: InstrumentationScope::builder(span.library).build(),
        });
    }
}

fn context(of: TraceContext) -> SpanContext {
    let flags = if of.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(TraceId::from(of.trace_id), SpanId::from(of.span_id), flags, false, TraceState::default())
}

fn kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Client => SpanKind::Client,
        Kind::Server => SpanKind::Server,
        Kind::Producer => SpanKind::Producer,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Internal => SpanKind::Internal,
    }
}

fn attributes(given: Vec<Attribute>) -> impl Iterator<Item = KeyValue> {
    given.into_iter().map(|(name, json)| KeyValue::new(name, value(&json)))
}

/// A value as wasi:otel writes it. What OpenTelemetry has no type for stays JSON.
fn value(json: &str) -> Value {
    let as_it_is = || Value::String(json.to_owned().into());
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(text)) => Value::String(text.into()),
        Ok(serde_json::Value::Bool(truth)) => Value::Bool(truth),
        Ok(serde_json::Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::I64(whole),
            (None, Some(part)) => Value::F64(part),
            (None, None) => as_it_is(),
        },
        Ok(serde_json::Value::Array(all)) => {
            let texts = all.iter().map(|one| one.as_str().map(|text| StringValue::from(text.to_owned())));
            texts.collect::<Option<Vec<_>>>().map_or_else(as_it_is, |texts| Value::Array(Array::String(texts)))
        }
        _ => as_it_is(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_types_of_their_json() {
        for (json, expected) in [
            ("\"a\"", Value::from("a")),
            ("7", Value::I64(7)),
            ("7.5", Value::F64(7.5)),
            ("true", Value::Bool(true)),
            ("[\"a\"]", Value::Array(Array::String(vec!["a".into()]))),
            ("[1]", Value::from("[1]")),
            ("{}", Value::from("{}")),
            ("a", Value::from("a")),
        ] {
            assert_eq!(value(json), expected, "{json}");
        }
    }
}
