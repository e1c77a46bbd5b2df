//! Counters of one guest: what the program exports as metrics.

use pillion_api::Code;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets of a call's duration, in milliseconds.
pub const DURATION_BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

/// Counters of one guest since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: Mutex<BTreeMap<&'static str, u64>>,
    in_flight: AtomicU64,
    queue_waits: AtomicU64,
    queue_wait_us: AtomicU64,
    buckets: [AtomicU64; DURATION_BUCKETS_MS.len() + 1],
    duration_us: AtomicU64,
    memory_peak: AtomicU64,
}

/// What [`App::stats`](crate::App::stats) says of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GuestStats {
    /// The app.
    pub app: String,
    /// The guest.
    pub guest: String,
    /// Calls that came, those that were shed included.
    pub calls: u64,
    /// Failed calls by the code of the error table.
    pub errors: BTreeMap<&'static str, u64>,
    /// Calls that run or wait now.
    pub in_flight: u64,
    /// Calls that had to wait for their turn.
    pub queue_waits: u64,
    /// What they waited together.
    pub queue_wait: Duration,
    /// Calls by duration: one count a bound of [`DURATION_BUCKETS_MS`], and one for the rest; not cumulative.
    pub durations: Vec<u64>,
    /// The durations together.
    pub duration: Duration,
    /// The most bytes of memory that one instance had.
    pub memory_peak: u64,
}

impl GuestStats {
    /// The same name once: two sidecars of a process may have loaded the same program.
    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
        self.in_flight += other.in_flight;
        self.queue_waits += other.queue_waits;
        self.queue_wait += other.queue_wait;
        self.durations.iter_mut().zip(other.durations).for_each(|(sum, count)| *sum += count);
        self.duration += other.duration;
        self.memory_peak = self.memory_peak.max(other.memory_peak);
    }
}

impl Counters {
    /// Counts a call until the answer is dropped.
    pub(crate) fn start(&self) -> Started<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Started { counters: self, at: Instant::now() }
    }

    pub(crate) fn failed(&self, code: Code) {
        let mut errors = self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *errors.entry(code.name()).or_default() += 1;
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.queue_waits.fetch_add(1, Ordering::Relaxed);
        self.queue_wait_us.fetch_add(micros(time), Ordering::Relaxed);
    }

    pub(crate) fn memory(&self, bytes: u64) {
        self.memory_peak.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, app: &str, guest: &str) -> GuestStats {
        GuestStats {
            app: app.into(),
            guest: guest.into(),
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            queue_waits: self.queue_waits.load(Ordering::Relaxed),
            queue_wait: Duration::from_micros(self.queue_wait_us.load(Ordering::Relaxed)),
            durations: self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            duration: Duration::from_micros(self.duration_us.load(Ordering::Relaxed)),
            memory_peak: self.memory_peak.load(Ordering::Relaxed),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A call that runs.
#[derive(Debug)]
pub(crate) struct Started<'a> {
    counters: &'a Counters,
    at: Instant,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let time = self.at.elapsed();
        let bucket = DURATION_BUCKETS_MS.partition_point(|bound| Duration::from_millis(*bound) < time);
        self.counters.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.counters.duration_us.fetch_add(micros(time), Ordering::Relaxed);
        self.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes a second.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: u64,
    start: Instant,
    second: AtomicU64,
    used: AtomicU64,
}

impl Rate {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, start: Instant::now(), second: AtomicU64::new(0), used: AtomicU64::new(0) }
    }

    /// Takes bytes of the running second. Races let through a line too many at worst.
    pub(crate) fn allows(&self, bytes: u64) -> bool {
        let second = self.start.elapsed().as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.used.store(0, Ordering::Relaxed);
        }
        self.used.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_where_it_belongs() {
        let counters = Counters::default();
        let started = counters.start();
        assert_eq!(counters.snapshot("a", "g").in_flight, 1);
        drop(started);
        counters.failed(Code::GuestTrap);
        let stats = counters.snapshot("a", "g");
        assert_eq!((stats.calls, stats.in_flight, stats.durations.iter().sum::<u64>()), (1, 0, 1));
        assert_eq!(stats.errors["PILLION_GUEST_TRAP"], 1);
    }

    #[test]
    fn the_counters_of_one_name_are_added() {
        let (one, other) = (Counters::default(), Counters::default());
        for counters in [&one, &other, &other] {
            drop(counters.start());
        }
        other.failed(Code::GuestTrap);
        other.memory(7);
        let mut sum = one.snapshot("", "g");
        sum.add(other.snapshot("", "g"));
        assert_eq!((sum.calls, sum.durations.iter().sum::<u64>(), sum.memory_peak), (3, 3, 7));
        assert_eq!(sum.errors["PILLION_GUEST_TRAP"], 1);
    }

    #[test]
    fn a_rate_ends_with_its_second() {
        let rate = Rate::new(10);
        assert!(rate.allows(10));
        assert!(!rate.allows(1));
    }
}
