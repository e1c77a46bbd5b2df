//! Tries after a failure, with pauses that grow, as Dapr's SDKs make them.

use pillion_api::workflow::Failure;
use std::time::{Duration, SystemTime};

/// Tries after a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RetryPolicy {
    /// Tries altogether, the first one included.
    pub(crate) max_attempts: u32,
    pub(crate) first_interval: Duration,
    /// By what each further pause is multiplied.
    pub(crate) backoff_coefficient: f64,
    pub(crate) max_interval: Option<Duration>,
    /// No try begins later than this after the first one.
    pub(crate) timeout: Option<Duration>,
}

impl RetryPolicy {
    /// The pause before the next try, after so many; none where there is no further one.
    pub(crate) fn next(&self, tries: u32, first: SystemTime, now: SystemTime, failure: &Failure) -> Option<Duration> {
        if failure.non_retriable || tries >= self.max_attempts {
            return None;
        }
        let pause = self.pause(tries);
        let late = |timeout: Duration| match first.checked_add(timeout) {
            Some(end) => now.checked_add(pause).is_none_or(|next| next > end),
            None => false,
        };
        if self.timeout.is_some_and(late) { None } else { Some(pause) }
    }

    fn pause(&self, tries: u32) -> Duration {
        let longest = self.max_interval.unwrap_or(Duration::MAX);
        let factor = self.backoff_coefficient.max(1.0).powf(f64::from(tries.saturating_sub(1)));
        let seconds = self.first_interval.as_secs_f64() * factor;
        // What is no number, or too large for a duration, is as long as it may be.
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        first_interval: Duration::from_secs(1),
        backoff_coefficient: 3.0,
        max_interval: Some(Duration::from_secs(5)),
        timeout: Some(Duration::from_secs(20)),
    };

    fn check(tries: u32, elapsed: u64, failure: &Failure, seconds: Option<u64>) {
        let first = SystemTime::UNIX_EPOCH;
        let next = POLICY.next(tries, first, first + Duration::from_secs(elapsed), failure);
        assert_eq!(next, seconds.map(Duration::from_secs), "{tries} tries after {elapsed} s");
    }

    #[test]
    fn pauses_grow_to_a_bound_and_tries_end() {
        let failure = Failure::default();
        check(1, 0, &failure, Some(1));
        check(2, 1, &failure, Some(3));
        check(3, 4, &failure, Some(5));
        check(4, 9, &failure, None);
    }

    #[test]
    fn no_try_begins_after_the_timeout() {
        check(2, 17, &Failure::default(), Some(3));
        check(2, 18, &Failure::default(), None);
    }

    #[test]
    fn a_failure_may_forbid_further_tries() {
        check(1, 0, &Failure { non_retriable: true, ..Failure::default() }, None);
    }

    #[test]
    fn a_pause_beyond_measure_is_the_longest() {
        let policy = RetryPolicy { backoff_coefficient: 1e300, max_interval: None, timeout: None, ..POLICY };
        let (start, failure) = (SystemTime::UNIX_EPOCH, Failure::default());
        assert_eq!(policy.next(3, start, start, &failure), Some(Duration::MAX));
    }
}
