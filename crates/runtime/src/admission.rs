//! Who may run, who waits, who is sent away. Queues are bounded by time, not by length: a short queue sheds what could
//! have been served, a long one serves what nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One part in so many of a new service time goes into the average.
const SMOOTHING: u64 = 8;

/// A bound on concurrency with a fair queue before it.
#[derive(Debug)]
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    places: usize,
    waiting: AtomicUsize,
    service: Arc<Average>,
}

/// How long something takes, on average.
#[derive(Debug, Default)]
pub(crate) struct Average {
    ns: AtomicU64,
}

impl Average {
    pub(crate) fn took(&self, time: Duration) {
        let held = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let average = self.ns.load(Ordering::Relaxed);
        // Two at once may lose one of the two samples; an average can bear that.
        self.ns.store(average - average / SMOOTHING + held / SMOOTHING, Ordering::Relaxed);
    }

    /// Whether it is known to be less.
    pub(crate) fn is_below(&self, time: Duration) -> bool {
        let average = self.average();
        average < time && !average.is_zero()
    }

    /// Zero before the first.
    fn average(&self) -> Duration {
        Duration::from_nanos(self.ns.load(Ordering::Relaxed))
    }
}

impl Gate {
    pub(crate) fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(places)),
            places,
            waiting: AtomicUsize::new(0),
            service: Arc::default(),
        }
    }

    /// A place, at once or within `wait`; it is `now`.
    ///
    /// # Errors
    /// When to come back.
    pub(crate) async fn enter(&self, wait: Duration, now: Instant) -> Result<Permit, Duration> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(self.permit(Some(permit), false, now));
        }
        let expected = self.expected_wait();
        // Shed before queueing: whoever can't be served in time learns it in microseconds, not after the wait.
        if expected > wait {
            return Err(expected);
        }
        let _waiting = Waiting::new(&self.waiting);
        match tokio::time::timeout(wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(self.permit(Some(permit), true, Instant::now())),
            _ => Err(wait),
        }
    }

    /// A place without a wait; over the bound where there is none. It is `now`.
    pub(crate) fn enter_over(&self, now: Instant) -> Permit {
        self.permit(Arc::clone(&self.permits).try_acquire_owned().ok(), false, now)
    }

    /// Whether places are held for less than `time`, as far as is known.
    pub(crate) fn is_quicker_than(&self, time: Duration) -> bool {
        self.service.is_below(time)
    }

    /// Whether nobody has a place but the one who asks.
    pub(crate) fn has_one_inside(&self) -> bool {
        self.permits.available_permits() + 1 >= self.places
    }

    /// How long a newcomer would wait, by the average time that a place is held.
    fn expected_wait(&self) -> Duration {
        let ahead = self.waiting.load(Ordering::Relaxed) / self.places;
        self.service.average().saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX))
    }

    fn permit(&self, permit: Option<OwnedSemaphorePermit>, queued: bool, since: Instant) -> Permit {
        Permit { _permit: permit, queued, since, service: Arc::clone(&self.service) }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
    /// Whether it had to be waited for.
    pub(crate) queued: bool,
    since: Instant,
    service: Arc<Average>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.service.took(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_gate_lets_in_who_waits_and_sends_away_who_waited_too_long() {
        let gate = Arc::new(Gate::new(1));
        let first = gate.enter(Duration::ZERO, Instant::now()).await.expect("free");
        assert!(!first.queued);
        let wait = Duration::from_millis(20);
        assert_eq!(gate.enter(wait, Instant::now()).await.expect_err("full"), wait);
        let of_task = Arc::clone(&gate);
        let second = tokio::spawn(async move {
            of_task.enter(Duration::from_secs(60), Instant::now()).await.map(|permit| permit.queued)
        });
        while gate.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert_eq!(second.await.expect("no panic"), Ok(true));
    }

    #[tokio::test]
    async fn a_hopeless_queue_is_not_joined() {
        let gate = Gate::new(1);
        let _held = gate.enter(Duration::ZERO, Instant::now()).await.expect("free");
        gate.service.ns.store(10_000_000_000, Ordering::Relaxed);
        gate.waiting.store(1, Ordering::Relaxed);
        let asked = Instant::now();
        assert!(gate.enter(Duration::from_secs(5), Instant::now()).await.is_err());
        assert!(asked.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_gate_is_known_to_be_quick_after_its_first_permit_only() {
        let gate = Gate::new(1);
        let limit = Duration::from_secs(1);
        assert!(!gate.is_quicker_than(limit));
        drop(gate.enter_over(Instant::now()));
        assert!(gate.is_quicker_than(limit));
        gate.service.took(100 * limit);
        assert!(!gate.is_quicker_than(limit));
    }
}
