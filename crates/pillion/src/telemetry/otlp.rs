//! Sends spans to an OpenTelemetry collector over HTTP, from a thread of its own.

use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanProcessor},
};
use std::{collections::HashMap, fmt, time::Duration};
use tokio::runtime::Runtime;

/// Spans that wait for the collector; more are dropped, so that a call never waits.
const QUEUE: usize = 4096;
/// Spans of one request to the collector.
const BATCH: usize = 512;
/// A span waits at most so long for company.
const DELAY: Duration = Duration::from_secs(1);
/// The collector has so long to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a collector's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Where spans go, as `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_HEADERS` say.
#[derive(Clone)]
pub(crate) struct OtlpSettings {
    /// The collector's base address; `/v1/traces` is added.
    pub(crate) endpoint: String,
    /// Headers of each request, such as a collector's key.
    pub(crate) headers: HashMap<String, String>,
    /// The `service.name` of the process.
    pub(crate) service_name: String,
}

impl fmt::Debug for OtlpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may hold a key.
        f.debug_struct("OtlpSettings").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Why no exporter could be made.
#[derive(Debug)]
pub(crate) enum OtlpError {
    /// The endpoint is no `http://` address.
    Endpoint(String),
    /// The exporter's own reason.
    Build(String),
}

impl fmt::Display for OtlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => {
                write!(
                    f,
                    "OTLP endpoint `{endpoint}`: only `http://host:port` is spoken; put a collector on this machine before an `https` one"
                )
            }
            Self::Build(why) => write!(f, "the OTLP exporter can't be made: {why}"),
        }
    }
}

impl std::error::Error for OtlpError {}

/// A bounded queue of spans, and the thread that empties it.
#[derive(Debug)]
pub(crate) struct Exporter(BatchSpanProcessor);

impl Exporter {
    /// An exporter with a thread of its own.
    ///
    /// # Errors
    /// [`OtlpError`] where the settings can't be used; a collector that doesn't answer is only logged, later.
    pub(crate) fn new(settings: &OtlpSettings) -> Result<Self, OtlpError> {
        let base = settings.endpoint.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| OtlpError::Endpoint(settings.endpoint.clone()))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            return Err(OtlpError::Endpoint(settings.endpoint.clone()));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Transport::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_headers(settings.headers.clone())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| OtlpError::Build(error.to_string()))?;
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let name = KeyValue::new("service.name", settings.service_name.clone());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        processor.set_resource(&Resource::builder_empty().with_attributes([name, version]).build());
        Ok(Self(processor))
    }

    pub(super) fn end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    pub(super) fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            tracing::warn!(%error, "spans could not be handed to the collector");
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // What waits was flushed by whoever cares; a collector that hangs must not hold up the end.
        let _ = self.0.shutdown_with_timeout(Duration::ZERO);
    }
}

/// Sends from the exporter's thread with a reactor of its own, so that an end that waits for the last spans never
/// waits for a reactor that it holds up itself.
#[derive(Debug)]
struct Transport {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Only none while it is dropped.
    runtime: Option<Runtime>,
}

impl Transport {
    fn new() -> Result<Self, OtlpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| OtlpError::Build(error.to_string()))?;
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), runtime: Some(runtime) })
    }
}

#[async_trait::async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let response = self.client.request(request.map(Full::new)).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        // The exporter's thread has nothing else to do.
        let Some(runtime) = &self.runtime else { return Err("the exporter has ended".into()) };
        runtime.block_on(async { tokio::time::timeout(TIMEOUT, exchange).await })?
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // Whoever drops an exporter may be on a reactor, where a runtime must not wait for its own end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
