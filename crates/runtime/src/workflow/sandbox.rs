//! WASI of a workflow: the history's time, random numbers that each replay draws again, and nothing of this machine.

use crate::call::Call;
use crate::output::{Lines, Stream};
use rand_core::TryRng;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// What a workflow may know of the present; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Present>);

#[derive(Debug, Default)]
struct Present {
    /// Nanoseconds since 1970.
    now: AtomicU64,
    /// Whether the code does what it did before.
    replaying: AtomicBool,
}

impl Clock {
    pub(crate) fn set(&self, at: SystemTime) {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.0.now.store(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn nanos(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.nanos())
    }

    pub(crate) fn millis(&self) -> u64 {
        self.nanos() / 1_000_000
    }

    pub(crate) fn set_replaying(&self, replaying: bool) {
        self.0.replaying.store(replaying, Ordering::Relaxed);
    }

    pub(crate) fn is_replaying(&self) -> bool {
        self.0.replaying.load(Ordering::Relaxed)
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.nanos()
    }
}

/// Numbers that hang on a seed alone.
struct Seeded(blake3::OutputReader);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

fn numbers(seed: &[u8; 32], what: &str) -> Seeded {
    Seeded(blake3::Hasher::new_keyed(seed).update(what.as_bytes()).finalize_xof())
}

/// WASI of a workflow: not the guest's environment, arguments or directories, which another version may change. What it writes
/// goes to the log, once: not in a replay.
pub(crate) fn wasi(call: &Arc<Call>, clock: &Clock, seed: &[u8; 32], out: &[Stream<Lines>; 2]) -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.max_random_size(call.hosted.limits().random);
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone());
    wasi.secure_random(numbers(seed, "random")).insecure_random(numbers(seed, "insecure"));
    let mut first = [0; 16];
    first.copy_from_slice(&seed[..16]);
    wasi.insecure_random_seed(u128::from_le_bytes(first));
    wasi.arg(&*call.hosted.name);
    wasi.stderr(out[0].clone());
    wasi.stdout(out[1].clone());
    wasi
}
