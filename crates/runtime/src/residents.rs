//! Which code is in memory. The same file loaded twice is one [`Code`]; code that was not called for a while leaves, and
//! so does the least recently used where there is more than the kernel's bound on mappings bears.

use crate::code::Code;
use crate::runtime::Shared;
use crate::{LoadOptions, Mode, Options};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a process may have where the kernel doesn't say: Linux's own default.
const MAPPINGS: usize = 65_530;
/// Code may take one in so many of the mappings: instances, stacks and the allocator need theirs.
const MAPPINGS_SHARE: usize = 2;
/// Mappings of one file's code: what is only read, what is executed, and their neighbours.
const MAPPINGS_OF_CODE: usize = 4;
/// One in so many leaves where there are too many, so that not every load looks for somebody.
const LEAVING_SHARE: usize = 8;
/// Files that are known before those that nobody has any more are forgotten.
const FORGET_AT: usize = 64;

/// What [`Runtime::code`](crate::Runtime::code) says of the code in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeStats {
    /// Files whose code is in memory.
    pub resident: usize,
    /// The most that should be.
    pub bound: usize,
    /// How often code left memory because nobody called it.
    pub evicted: u64,
    /// How often code came back for a call.
    pub returned: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    resident: AtomicUsize,
    evicted: AtomicU64,
    returned: AtomicU64,
}

impl Counts {
    pub(crate) fn came(&self, count: usize) {
        self.resident.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn left(&self, count: usize) {
        self.resident.fetch_sub(count, Ordering::Relaxed);
        self.evicted.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, count: usize) {
        self.resident.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn returned(&self) {
        self.returned.fetch_add(1, Ordering::Relaxed);
    }
}

/// What decides that two loads give the same code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn of(bytes: &[u8], call: Option<&str>, options: &LoadOptions) -> Self {
        let start = if let Mode::Reset { init } = &options.mode { Some(init) } else { None };
        let mut hasher = blake3::Hasher::new();
        hasher.update(blake3::hash(bytes).as_bytes());
        hasher.update(format!("{call:?} {start:?} {}", options.trust_precompiled).as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

/// Locked while the code of a file is made, so that it is made once.
#[derive(Default)]
pub(crate) struct Known(Mutex<Weak<Code>>);

impl Known {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Weak<Code>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All code of a runtime.
pub(crate) struct Residents {
    bound: usize,
    /// Moves with each load, and with each look for who is idle.
    clock: AtomicU64,
    known: Mutex<HashMap<Key, Arc<Known>>>,
    forget_at: AtomicUsize,
    returns: Arc<Semaphore>,
    pub(crate) counts: Arc<Counts>,
}

impl Residents {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            bound: options.resident_code.unwrap_or_else(by_mappings).max(1),
            // Zero is the time of code that was never called.
            clock: AtomicU64::new(1),
            known: Mutex::default(),
            forget_at: AtomicUsize::new(FORGET_AT),
            returns: Arc::new(Semaphore::new(options.guest_threads.max(1))),
            counts: Arc::default(),
        }
    }

    pub(crate) fn stats(&self) -> CodeStats {
        CodeStats {
            resident: self.counts.resident.load(Ordering::Relaxed),
            bound: self.bound,
            evicted: self.counts.evicted.load(Ordering::Relaxed),
            returned: self.counts.returned.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Arc<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a file, made where there is none.
    pub(crate) fn find(&self, key: Key) -> Arc<Known> {
        let mut known = self.known();
        if known.len() >= self.forget_at.load(Ordering::Relaxed) {
            // An entry that only the table has, without code, is nobody's.
            known.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.lock().strong_count() > 0);
            self.forget_at.store(FORGET_AT.max(known.len() * 2), Ordering::Relaxed);
        }
        Arc::clone(known.entry(key).or_default())
    }

    /// A place among those who bring code back.
    pub(crate) async fn returns(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.returns).acquire_owned().await.ok()
    }

    /// Code came into memory: it is the last that was used, and others may have to leave.
    pub(crate) fn came(&self, shared: &Shared, code: &Code) {
        code.touch(self.clock.fetch_add(1, Ordering::Relaxed) + 1);
        if self.stats().resident > self.bound {
            let left = self.leave(shared, u64::MAX, self.bound - self.bound / LEAVING_SHARE);
            tracing::debug!(left, bound = self.bound, "the least recently used code left memory");
        }
    }

    /// Code that was not used since `before` leaves, the least recently used first, until `target` are in memory.
    fn leave(&self, shared: &Shared, before: u64, target: usize) -> usize {
        let mut list: Vec<(u64, Arc<Code>)> = self.evictable().map(|code| (code.last_use(), code)).collect();
        list.retain(|(used, _)| *used < before);
        list.sort_unstable_by_key(|(used, _)| *used);
        let mut left = 0;
        for (_, code) in list {
            if self.stats().resident <= target {
                break;
            }
            left += usize::from(shared.has_cached(&code.inspection) && code.leave());
        }
        left
    }

    /// Code in memory that may leave. Who is being loaded is busy, and stays.
    fn evictable(&self) -> impl Iterator<Item = Arc<Code>> {
        let entries: Vec<Arc<Known>> = self.known().values().cloned().collect();
        let codes = entries.into_iter().filter_map(|entry| entry.0.try_lock().ok()?.upgrade());
        codes.filter(|code| code.again.is_some() && code.resident().is_some())
    }
}

/// How many files' code the kernel's bound on mappings bears.
fn by_mappings() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    text.trim().parse().unwrap_or(MAPPINGS) / MAPPINGS_SHARE / MAPPINGS_OF_CODE
}

/// Lets idle code leave, as long as the runtime is there: whoever wasn't called between two looks is idle.
pub(crate) async fn sweep(shared: Weak<Shared>, idle: Duration) {
    let mut before = 0;
    loop {
        tokio::time::sleep(idle).await;
        let Some(shared) = shared.upgrade() else { return };
        let since = before;
        before = shared.residents.clock.fetch_add(1, Ordering::Relaxed) + 1;
        // Unmapping is no work for a thread that runs guests.
        let left = tokio::task::spawn_blocking(move || shared.residents.leave(&shared, since, 0)).await;
        if let Ok(left @ 1..) = left {
            tracing::info!(left, "code that nobody called left memory");
        }
    }
}
