//! The one place that configures Wasmtime.

use crate::Options;
use std::path::Path;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Stack of a guest's own frames. Go and Python guests recurse deeper than Wasmtime's default of half of it.
const MAX_WASM_STACK: usize = 1 << 20;
/// Stack of a guest and of the host functions that it calls.
const ASYNC_STACK: usize = 2 << 20;
/// Most of a memory that stays mapped between two instances where only dirty pages are reset.
const KEEP_RESIDENT: usize = 4 << 20;
/// The same where the whole kept window must be cleared each time.
const KEEP_RESIDENT_CLEARED: usize = 64 << 10;
/// Memories that stay mapped while no instance uses them.
const WARM_SLOTS: u32 = 64;
/// The part of the memory budget that such memories may take: one in so many.
const WARM_SHARE: u64 = 4;
/// Memories, tables and core instances that a component has beside its main module.
const CORE_INSTANCES_PER_INSTANCE: u32 = 8;
/// Stacks of an instance that serves one call. Each takes two microseconds at the start, for its guard page.
const STACKS: u32 = 1;
/// The same of one that serves several: a task of the guest that waits holds its own.
const STACKS_OF_SERVICES: u32 = 2;
/// Room of one table in the pool, in elements; `limits.tableElements` can't go past it.
pub(crate) const POOL_TABLE_ELEMENTS: usize = 1 << 20;
/// Room of one memory in the pool; `limits.memory` can't go past it.
pub(crate) const POOL_MEMORY: usize = 1 << 32;
/// Memories, tables and instances that one file may declare; `limits.memories` and its like can't go past it. The pool
/// walks over as many places when a module is dropped.
const MOST_OF_EACH: u32 = 100;
/// Frames of a trap that an error shows come from the first ones; more would cost on every deep recursion.
const BACKTRACE_FRAMES: usize = 16;

/// How memories are cleaned between two instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// Only the dirty pages, found by `PAGEMAP_SCAN`.
    DirtyPages,
    /// All of the kept window.
    Window,
}

impl Reset {
    fn name(self) -> &'static str {
        match self {
            Self::DirtyPages => "dirty pages are cleared in place",
            Self::Window => "a window is cleared in place, the rest unmapped",
        }
    }

    /// A dirty page that was swapped out is not found by `PAGEMAP_SCAN`, and the next guest could read it. So it is
    /// used only where nothing can be swapped out.
    fn detect() -> Self {
        let available = PoolingAllocationConfig::is_pagemap_scan_available();
        if available && !swap_is_active(Path::new("/proc/swaps")) { Self::DirtyPages } else { Self::Window }
    }
}

/// Whether the kernel lists an area to swap to; unreadable counts as yes.
fn swap_is_active(swaps: &Path) -> bool {
    std::fs::read_to_string(swaps).map_or(true, |text| text.lines().skip(1).any(|line| !line.trim().is_empty()))
}

/// What memories keep mapped between two calls, and how they are cleared for the next: the same for every engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    reset: Reset,
    /// Bytes of each memory.
    keep: usize,
    memories: u32,
}

impl Idle {
    /// As the kernel and the memory budget allow.
    pub(crate) fn of(options: &Options) -> Self {
        Self::with(options, Reset::detect())
    }

    /// What all memories keep together is a share of the memory budget.
    fn with(options: &Options, reset: Reset) -> Self {
        let memories = options.max_instances.clamp(1, WARM_SLOTS);
        let share = options.memory_budget / WARM_SHARE / u64::from(memories);
        let most = if reset == Reset::DirtyPages { KEEP_RESIDENT } else { KEEP_RESIDENT_CLEARED };
        Self { reset, keep: most.min(usize::try_from(share).unwrap_or(most)), memories }
    }

    /// Bytes that the memories of one engine keep at most.
    pub(crate) fn bytes(self) -> u64 {
        self.keep as u64 * u64::from(self.memories)
    }
}

/// An engine for core modules and components of WASI 0.2.
pub(crate) fn engine(options: &Options, idle: Idle) -> wasmtime::Result<Engine> {
    tracing::debug!(
        reset = idle.reset.name(),
        instances = options.max_instances,
        kept = idle.bytes(),
        "memories between two calls"
    );
    Engine::new(&config(options, idle, STACKS))
}

/// An engine for components of WASI 0.3. Its memories stay mapped between two calls only where the budget has room for
/// that: the other engine's do already.
pub(crate) fn of_services(options: &Options, idle: Idle, keeps: bool) -> wasmtime::Result<Engine> {
    let mut config = config(options, if keeps { idle } else { Idle { keep: 0, ..idle } }, STACKS_OF_SERVICES);
    config.concurrency_support(true).wasm_component_model_async(true);
    Engine::new(&config)
}

fn config(options: &Options, idle: Idle, stacks: u32) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, idle, stacks)))
        .memory_init_cow(true)
        // A full reservation with its guard lets compiled code do without bounds checks.
        .memory_reservation(POOL_MEMORY as u64)
        .memory_guard_size(32 << 20)
        .epoch_interruption(true)
        // Costs 20 % on the paths of 0.2, which don't need it.
        .concurrency_support(false)
        .max_wasm_stack(MAX_WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES))
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(false);
    config
}

fn pool(options: &Options, idle: Idle, stacks: u32) -> PoolingAllocationConfig {
    let instances = options.max_instances.max(1);
    let core = instances.saturating_mul(CORE_INSTANCES_PER_INSTANCE);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(core)
        .total_component_instances(instances)
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances.saturating_mul(stacks))
        .max_core_instances_per_component(MOST_OF_EACH)
        .max_memories_per_component(MOST_OF_EACH)
        .max_tables_per_component(MOST_OF_EACH)
        .max_memories_per_module(MOST_OF_EACH)
        .max_tables_per_module(MOST_OF_EACH)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .max_memory_size(POOL_MEMORY)
        .table_elements(POOL_TABLE_ELEMENTS)
        .max_unused_warm_slots(idle.memories)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(32 << 10)
        .linear_memory_keep_resident(idle.keep);
    if idle.reset == Reset::DirtyPages {
        pool.pagemap_scan(Enabled::Yes);
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_counts_unless_the_list_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |text: &str, active| {
            let file = folder.path().join("swaps");
            std::fs::write(&file, text).expect("written");
            assert_eq!(swap_is_active(&file), active, "{text:?}");
        };
        check("Filename\tType\tSize\tUsed\tPriority\n", false);
        check("Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 1 0 100\n", true);
        assert!(swap_is_active(&folder.path().join("missing")));
    }

    /// Writes to every second page, and answers how many bytes of all pages were not zero before.
    const SECRETS: &str = r#"(module
        (memory 200)
        (data (i32.const 1048576) "initial")
        (func (export "run") (result i32) (local $at i32) (local $seen i32)
            (loop $next
                (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0))
                    (then (local.set $seen (i32.add (local.get $seen) (i32.const 1)))))
                (i32.store8 (local.get $at) (i32.const 0x5e))
                (local.set $at (i32.add (local.get $at) (i32.const 8192)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 13107200))))
            local.get $seen))"#;

    /// One `initial` lies on such a page; every other byte must be zero, however many pages were dirty.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn the_next_instance_sees_nothing_of_the_last_ones_memory() {
        let mut resets = vec![Reset::Window];
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            resets.push(Reset::DirtyPages);
        }
        // One slot, so that every instance gets the memory of the one before.
        let options = Options { max_instances: 1, ..Options::default() };
        for reset in resets {
            let mut config = config(&options, Idle::with(&options, reset), STACKS);
            config.epoch_interruption(false);
            let engine = Engine::new(&config).expect("an engine");
            let binary = wat::parse_str(SECRETS).expect("text");
            let module = wasmtime::Module::from_binary(&engine, &binary).expect("a module");
            for round in 0..5 {
                let mut store = wasmtime::Store::new(&engine, ());
                let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("an instance");
                let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("exported");
                assert_eq!(run.call(&mut store, ()).expect("no trap"), 1, "{reset:?}, round {round}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_a_share_of_the_budget() {
        for (instances, budget) in [(1, 64 << 20), (256, 1 << 30), (10_000, 256 << 20)] {
            let options = Options { max_instances: instances, memory_budget: budget, ..Options::default() };
            assert!(Idle::of(&options).bytes() <= budget / WARM_SHARE, "{instances} {budget}");
        }
    }

    #[test]
    fn an_engine_can_be_made_with_the_defaults() {
        let options = Options::default();
        engine(&options, Idle::of(&options)).expect("an engine");
    }
}
