//! Dapr's strict sandbox: clocks that move by the same step whenever they are read, and random numbers that are the same in
//! every call, so that a guest can measure nothing and learn nothing by chance.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// What a clock moves by when it is read.
const STEP: Duration = Duration::from_millis(1);
/// Random numbers repeat after so many bytes.
const RANDOM: usize = 4096;
/// Steele's and Vigna's SplitMix64, which needs no more state than a number.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes real time and chance away.
pub(crate) fn make(wasi: &mut WasiCtxBuilder) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // As in Dapr, the day is known to the second, and nothing else.
    wasi.wall_clock(Steps::from(Duration::from_secs(now.as_secs()))).monotonic_clock(Steps::from(Duration::ZERO));
    wasi.secure_random(Deterministic::new(sequence())).insecure_random(Deterministic::new(sequence()));
    wasi.insecure_random_seed(u128::from(GOLDEN));
}

fn sequence() -> Vec<u8> {
    let number = |index: u64| {
        let mut number = index.wrapping_mul(GOLDEN);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)).to_le_bytes()
    };
    (1..).flat_map(number).take(RANDOM).collect()
}

/// Time that passes by being looked at.
struct Steps {
    beginning: Duration,
    read: AtomicU64,
}

impl Steps {
    fn from(beginning: Duration) -> Self {
        Self { beginning, read: AtomicU64::new(0) }
    }

    fn next(&self) -> Duration {
        let steps = u32::try_from(self.read.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX);
        self.beginning + STEP.saturating_mul(steps)
    }
}

impl HostWallClock for Steps {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        self.next()
    }
}

impl HostMonotonicClock for Steps {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.next().as_nanos()).unwrap_or(u64::MAX)
    }
}
