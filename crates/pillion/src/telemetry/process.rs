//! The process's own numbers, from `/proc`; on systems without it, only its start time.

use super::metrics::{Collect, Kind, Metric, Sample};
use std::time::{SystemTime, UNIX_EPOCH};

/// Start time, memory, descriptors and threads of this process.
#[derive(Debug)]
pub(crate) struct ProcessCollector {
    started: f64,
}

impl ProcessCollector {
    /// The process counts as started at this call.
    pub(crate) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { started }
    }
}

impl Default for ProcessCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collect for ProcessCollector {
    fn collect(&self) -> Vec<Metric> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let descriptors = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        let found = [
            ("process_start_time_seconds", "When the process started, in seconds since 1970", Some(self.started)),
            (
                "process_resident_memory_bytes",
                "Memory of the process that is in RAM",
                field(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024.0),
            ),
            ("process_threads", "Threads of the process", field(&status, "Threads:")),
            ("process_open_fds", "Open file descriptors", descriptors.map(|count| count as f64)),
        ];
        found.into_iter().filter_map(|(name, help, value)| Some(gauge(name, help, value?))).collect()
    }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, kind: Kind::Gauge, samples: vec![Sample { labels: Vec::new(), value }] }
}

/// The number behind a name at a line's beginning.
fn field(status: &str, name: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
