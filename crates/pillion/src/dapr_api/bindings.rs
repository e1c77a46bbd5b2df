//! The bindings API over HTTP.

use super::{Call, data, json};
use http::{HeaderName, HeaderValue, Response};
use pillion_api::{
    Body, Metadata, Result, Sidecar,
    bindings::{Answer, Request},
    body,
    trace::TraceContext,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Stands before the names of a binding's metadata in the answer's headers.
const METADATA: &str = "metadata.";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Json {
    operation: Option<String>,
    data: Option<Box<RawValue>>,
    #[serde(deserialize_with = "json::metadata")]
    metadata: Metadata,
}

pub(super) async fn invoke(sidecar: &dyn Sidecar, binding: &str, call: Call) -> Result<Response<Body>> {
    let trace = trace(&call);
    let bytes = body::collect(call.body, call.max_body).await?;
    // Derived readers take an array for the fields in their order; daprd's doesn't.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(json::malformed("an array is no request of a binding"));
    }
    let asked: Option<Json> = json::body(&bytes)?;
    let Json { operation, data, mut metadata } = asked.unwrap_or_default();
    metadata.extend(trace);
    // As in daprd the data stays JSON: a string keeps its quotes.
    let data = json::compact(data.as_deref()).into();
    let request = Request { operation: operation.unwrap_or_default(), data, metadata };
    Ok(answer(sidecar.invoke_binding(binding, request).await?))
}

/// The call's own span if it has one, else what the caller sent.
fn trace(call: &Call) -> Metadata {
    let own = call.extensions.get::<TraceContext>().map(ToString::to_string);
    let traceparent = own.or_else(|| call.header("traceparent").map(str::to_owned));
    let tracestate = call.header("tracestate").map(str::to_owned);
    let pairs = [("traceparent", traceparent), ("tracestate", tracestate)];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn answer(answer: Answer) -> Response<Body> {
    let mut response = data(answer.data);
    for (name, value) in &answer.metadata {
        let name = HeaderName::from_bytes(format!("{METADATA}{name}").as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
