//! The counters of guests and of the runtime, as Prometheus asks for them.

use crate::telemetry::metrics::{Collect, Kind, Metric, Sample};
use pillion_runtime::{App, DURATION_BUCKETS_MS, GuestStats, Runtime};
use std::sync::Arc;

/// Reads the counters of all Wasm apps when somebody asks.
pub(crate) struct Guests {
    pub(crate) runtime: Runtime,
    pub(crate) apps: Vec<Arc<App>>,
}

// Counts are far below 2^52.
#[allow(clippy::cast_precision_loss)]
impl Collect for Guests {
    fn collect(&self) -> Vec<Metric> {
        let of_apps = self.apps.iter().flat_map(|app| app.stats());
        let stats: Vec<GuestStats> = of_apps.chain(self.runtime.program_stats()).collect();
        let (used, budget) = self.runtime.memory();
        let code = self.runtime.code();
        let models = self.runtime.models().stats();
        let counter = Kind::Counter;
        vec![
            actors(&self.apps),
            of_guests("pillion_guest_calls", "Calls of a guest, those that were shed included", counter, &stats, |s| {
                s.calls as f64
            }),
            of_guests("pillion_guest_in_flight", "Calls of a guest that run or wait", Kind::Gauge, &stats, |s| {
                s.in_flight as f64
            }),
            of_guests("pillion_guest_queue_waits", "Calls that waited for their turn", counter, &stats, |s| {
                s.queue_waits as f64
            }),
            of_guests("pillion_guest_queue_wait_seconds", "What calls waited for their turn", counter, &stats, |s| {
                s.queue_wait.as_secs_f64()
            }),
            of_guests("pillion_guest_duration_seconds", "What calls took", counter, &stats, |s| {
                s.duration.as_secs_f64()
            }),
            of_guests(
                "pillion_guest_memory_peak_bytes",
                "Most memory that one instance had",
                Kind::Gauge,
                &stats,
                |s| s.memory_peak as f64,
            ),
            errors(&stats),
            durations(&stats),
            alone("pillion_guest_memory_bytes", "Memory of all instances", Kind::Gauge, used as f64),
            alone(
                "pillion_guest_memory_budget_bytes",
                "Most memory that all instances may have",
                Kind::Gauge,
                budget as f64,
            ),
            alone("pillion_code_resident", "Files whose code is in memory", Kind::Gauge, code.resident as f64),
            alone("pillion_code_bound", "Most files whose code is in memory", Kind::Gauge, code.bound as f64),
            alone("pillion_code_evictions", "Code that left memory", counter, code.evicted as f64),
            alone("pillion_code_returns", "Code that came back for a call", counter, code.returned as f64),
            alone("pillion_model_loads", "Models that were read and packed", counter, models.loads as f64),
            alone("pillion_model_hits", "Models that were found packed", counter, models.hits as f64),
            alone("pillion_model_bytes", "Packed models", Kind::Gauge, models.bytes as f64),
        ]
    }
}

/// Active actors of each type.
#[allow(clippy::cast_precision_loss)]
fn actors(apps: &[Arc<App>]) -> Metric {
    let of = |app: &Arc<App>| {
        let id = app.id().to_owned();
        let sample = move |(kind, count): (String, usize)| Sample {
            labels: vec![("app", id.clone()), ("type", kind)],
            value: count as f64,
        };
        app.active_actors().into_iter().map(sample).collect::<Vec<_>>()
    };
    let samples = apps.iter().flat_map(of).collect();
    Metric { name: "pillion_actors_active", help: "Active actors", kind: Kind::Gauge, samples }
}

fn alone(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Metric {
    Metric { name, help, kind, samples: vec![Sample { labels: Vec::new(), value }] }
}

fn of_guests(
    name: &'static str,
    help: &'static str,
    kind: Kind,
    stats: &[GuestStats],
    value: impl Fn(&GuestStats) -> f64,
) -> Metric {
    let samples = stats.iter().map(|stats| Sample { labels: labels(stats), value: value(stats) }).collect();
    Metric { name, help, kind, samples }
}

fn labels(stats: &GuestStats) -> Vec<(&'static str, String)> {
    vec![("app", stats.app.clone()), ("guest", stats.guest.clone())]
}

#[allow(clippy::cast_precision_loss)]
fn errors(stats: &[GuestStats]) -> Metric {
    let of = |stats: &GuestStats| {
        let labels = labels(stats);
        let sample = move |(code, count): (&&'static str, &u64)| {
            let labels = labels.iter().cloned().chain([("code", (*code).to_owned())]).collect();
            Sample { labels, value: *count as f64 }
        };
        stats.errors.iter().map(sample).collect::<Vec<_>>()
    };
    let samples = stats.iter().flat_map(of).collect();
    Metric { name: "pillion_guest_errors", help: "Failed calls by code", kind: Kind::Counter, samples }
}

/// How many calls took at most so long: cumulative, as Prometheus' own buckets are.
#[allow(clippy::cast_precision_loss)]
fn durations(stats: &[GuestStats]) -> Metric {
    let of = |stats: &GuestStats| {
        let bounds = DURATION_BUCKETS_MS.iter().map(|ms| (*ms as f64 / 1e3).to_string()).chain(["+Inf".to_owned()]);
        let mut below = 0;
        let labels = labels(stats);
        let sample = move |(bound, count): (String, &u64)| {
            below += count;
            Sample { labels: labels.iter().cloned().chain([("le", bound)]).collect(), value: below as f64 }
        };
        bounds.zip(&stats.durations).map(sample).collect::<Vec<_>>()
    };
    let help = "Calls that took at most so many seconds";
    Metric {
        name: "pillion_guest_calls_within",
        help,
        kind: Kind::Counter,
        samples: stats.iter().flat_map(of).collect(),
    }
}
