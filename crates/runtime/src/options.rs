//! What the program decides once for all guests.

use pillion_nn::RegistryLimits;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a [`Runtime`](crate::Runtime).
#[derive(Clone, Debug)]
pub struct Options {
    /// Where compiled code is kept; none compiles at every start.
    pub cache_dir: Option<PathBuf>,
    /// Bytes of the files in `cache_dir`; the least recently used ones go first.
    pub cache_bytes: u64,
    /// Files whose code is in memory at the same time, where there is a cache to load them from another time; the least
    /// recently used ones leave first. None takes what the kernel's bound on mappings bears.
    pub resident_code: Option<usize>,
    /// Code that nobody called so long leaves memory, after twice that time at the latest.
    pub code_idle: Duration,
    /// Threads that run guests; never the ones that accept and answer.
    pub guest_threads: usize,
    /// Those threads don't interrupt who runs on their core (Linux's `SCHED_BATCH`): for a process beside a sidecar that hands over its
    /// requests one by one. Beside what never rests a call then waits for the end of that one's turn, some milliseconds.
    pub gives_way: bool,
    /// Instances at the same time; they cost address space until they are used.
    pub max_instances: u32,
    /// Bytes of guest memory over all instances. Past it a call is answered 503.
    pub memory_budget: u64,
    /// Calls at the same time over all guests; one of each guest may come on top.
    pub process_concurrency: usize,
    /// Inferences and picture decodings at the same time.
    pub inference_threads: usize,
    /// Bytes of a guest's file.
    pub wasm_bytes: u64,
    /// Runs every answer of an http guest by Wasmtime's own implementation of wasi:http, small ones too: to compare with.
    pub stock_http: bool,
    /// Bounds of the models.
    pub models: RegistryLimits,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache_dir: None,
            cache_bytes: 1 << 30,
            resident_code: None,
            code_idle: Duration::from_secs(300),
            guest_threads: cores,
            gives_way: false,
            // More than calls at once: a guest's only call gets in when all places are taken.
            max_instances: 320,
            memory_budget: 1 << 30,
            process_concurrency: 256,
            inference_threads: cores,
            wasm_bytes: 128 << 20,
            stock_http: false,
            models: RegistryLimits::default(),
        }
    }
}
