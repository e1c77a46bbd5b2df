//! Prometheus metrics: the edge's own numbers, and whatever a [`Collect`] adds when asked.

use http::StatusCode;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// Bounds of the duration histogram in seconds: from a cached answer in process to a guest's longest deadline.
const DURATION_BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Which of an app's ports a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    /// The app's own port.
    App,
    /// The app's Dapr HTTP port.
    Dapr,
    /// Health and metrics.
    Admin,
}

impl PortKind {
    const fn label(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Dapr => "dapr",
            Self::Admin => "admin",
        }
    }
}

/// Whether a number may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows; `_total` is added to its name.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric with all of its samples at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    /// Its name in Prometheus' form, with unit, without `_total`.
    pub(crate) name: &'static str,
    /// What it says, in a sentence without a full stop.
    pub(crate) help: &'static str,
    /// Whether it may fall.
    pub(crate) kind: Kind,
    /// One value for each set of labels.
    pub(crate) samples: Vec<Sample>,
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Label names and values.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// The value in the unit that the name says.
    pub(crate) value: f64,
}

/// Adds metrics that are looked up only when somebody asks.
pub(crate) trait Collect: Send + Sync + 'static {
    /// The metrics at this moment. Must not wait for anything.
    fn collect(&self) -> Vec<Metric>;
}

type Labels = [(&'static str, String); 2];
type StatusLabels = [(&'static str, String); 3];

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: RwLock<Registry>,
    connections: Family<Labels, Gauge>,
    connections_total: Family<Labels, Counter>,
    in_flight: Family<Labels, Gauge>,
    requests: Family<StatusLabels, Counter>,
    duration: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Metrics with the process's own numbers in them.
    pub(crate) fn new() -> Arc<Self> {
        let duration: fn() -> Histogram = || Histogram::new(DURATION_BOUNDS);
        let metrics = Self {
            registry: RwLock::default(),
            connections: Family::default(),
            connections_total: Family::default(),
            in_flight: Family::default(),
            requests: Family::default(),
            duration: Family::new_with_constructor(duration),
        };
        metrics.register();
        metrics.add(Arc::new(super::process::ProcessCollector::new()));
        Arc::new(metrics)
    }

    fn register(&self) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register("pillion_edge_connections", "Open connections", self.connections.clone());
        let help = "Connections accepted since the start";
        registry.register("pillion_edge_connections_accepted", help, self.connections_total.clone());
        let help = "Requests whose answer is not wholly sent";
        registry.register("pillion_edge_requests_in_flight", help, self.in_flight.clone());
        let help = "Requests answered, by class of status; `gone` where the client went first";
        registry.register("pillion_edge_requests", help, self.requests.clone());
        let help = "Time from a request's head to its answer's head";
        registry.register("pillion_edge_request_duration_seconds", help, self.duration.clone());
    }

    /// Adds what `collect` gives to each answer from here on.
    pub(crate) fn add(&self, collect: Arc<dyn Collect>) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(Adapter(collect)));
    }

    /// The counters of one port, looked up once.
    pub(crate) fn port(&self, app: &str, kind: PortKind) -> PortMetrics {
        let labels = [("app", app.to_owned()), ("port", kind.label().to_owned())];
        let status = |class: &str| {
            let [app, port] = labels.clone();
            self.requests.get_or_create(&[app, port, ("status", class.to_owned())]).clone()
        };
        PortMetrics(Arc::new(Port {
            connections: self.connections.get_or_create(&labels).clone(),
            connections_total: self.connections_total.get_or_create(&labels).clone(),
            in_flight: self.in_flight.get_or_create(&labels).clone(),
            duration: self.duration.get_or_create(&labels).clone(),
            classes: CLASSES.map(status),
            gone: status("gone"),
        }))
    }

    /// The text that Prometheus scrapes (OpenMetrics 1.0).
    pub(crate) fn encode(&self) -> String {
        let mut out = String::new();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String doesn't fail; a collector's name that is no metric name would.
        if let Err(error) = text::encode(&mut out, &registry) {
            tracing::error!(%error, "metrics can't be written");
        }
        out
    }
}

struct Port {
    connections: Gauge,
    connections_total: Counter,
    in_flight: Gauge,
    duration: Histogram,
    classes: [Counter; 5],
    gone: Counter,
}

/// The counters of one port.
#[derive(Clone)]
pub(crate) struct PortMetrics(Arc<Port>);

impl PortMetrics {
    /// Counts a connection while the answer lives.
    pub(crate) fn connection(&self) -> OpenConnection {
        self.0.connections.inc();
        self.0.connections_total.inc();
        OpenConnection(self.0.clone())
    }

    /// Counts a request while the answer lives.
    pub(crate) fn request(&self) -> RequestTimer {
        self.0.in_flight.inc();
        RequestTimer { port: self.0.clone(), finished: false }
    }
}

/// A connection that is open.
pub(crate) struct OpenConnection(Arc<Port>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// A request that is in flight.
pub(crate) struct RequestTimer {
    port: Arc<Port>,
    finished: bool,
}

impl RequestTimer {
    /// The answer's head is there; its body may still be on the way.
    pub(crate) fn finish(&mut self, status: StatusCode, elapsed: Duration) {
        self.finished = true;
        self.port.duration.observe(elapsed.as_secs_f64());
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len());
        self.port.classes[class - 1].inc();
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        self.port.in_flight.dec();
        if !self.finished {
            self.port.gone.inc();
        }
    }
}

/// A [`Collect`] as the registry wants it.
struct Adapter(Arc<dyn Collect>);

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl Collector for Adapter {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for metric in self.0.collect() {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let help = format!("{}.", metric.help);
            let mut family = encoder.encode_descriptor(metric.name, &help, None, kind)?;
            for sample in &metric.samples {
                match sample.labels.as_slice() {
                    [] => write_value(&mut family, metric.kind, sample.value)?,
                    labels => write_value(&mut family.encode_family(&labels)?, metric.kind, sample.value)?,
                }
            }
        }
        Ok(())
    }
}

fn write_value(encoder: &mut MetricEncoder<'_>, kind: Kind, value: f64) -> fmt::Result {
    match kind {
        Kind::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        Kind::Gauge => encoder.encode_gauge(&value),
    }
}
