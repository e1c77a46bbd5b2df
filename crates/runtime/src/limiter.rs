//! Memory and tables of one instance, and of all instances together.

use crate::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::ResourceLimiter;

/// What an element of a table takes on the host.
const TABLE_ELEMENT: u64 = 8;

/// Guest memory over all instances of the process.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    total: u64,
}

impl Budget {
    pub(crate) fn new(total: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), total })
    }

    fn take(&self, bytes: u64) -> bool {
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= self.total)
        });
        taken.is_ok()
    }

    fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes in use now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

/// A share of the budget that grows and is given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

impl Share {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: AtomicU64::new(0) }
    }

    /// Takes more, unless the budget is used up.
    pub(crate) fn grow(&self, bytes: u64) -> bool {
        let granted = self.budget.take(bytes);
        self.bytes.fetch_add(if granted { bytes } else { 0 }, Ordering::Relaxed);
        granted
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give(*self.bytes.get_mut());
    }
}

/// Which bound refused a growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    TableElements,
    Budget,
}

/// Counts what one instance uses, and refuses what goes over.
#[derive(Debug)]
pub(crate) struct Limiter {
    budget: Arc<Budget>,
    bytes: u64,
    elements: usize,
    max_bytes: u64,
    max_elements: usize,
    max_memories: usize,
    max_tables: usize,
    max_instances: usize,
    refused: Option<Refused>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, budget: Arc<Budget>) -> Self {
        Self {
            budget,
            bytes: 0,
            elements: 0,
            max_bytes: limits.memory,
            max_elements: limits.table_elements,
            max_memories: limits.memories,
            max_tables: limits.tables,
            max_instances: limits.instances,
            refused: None,
        }
    }

    /// The bound that refused something, if one did.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Whether the machine had no room for what the instance may have.
    pub(crate) fn refused_budget(&self) -> bool {
        self.refused == Some(Refused::Budget)
    }

    /// Bytes of memories and tables. They never shrink, so this is the peak too.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn grow(&mut self, bytes: u64) -> bool {
        let within = self.bytes.checked_add(bytes).is_some_and(|sum| sum <= self.max_bytes);
        if !within {
            self.refused = Some(Refused::Memory);
        } else if !self.budget.take(bytes) {
            self.refused = Some(Refused::Budget);
        } else {
            self.bytes += bytes;
            return true;
        }
        false
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current) as u64))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current);
        if self.elements.checked_add(more).is_none_or(|sum| sum > self.max_elements) {
            self.refused = Some(Refused::TableElements);
            return Ok(false);
        }
        let granted = self.grow((more as u64).saturating_mul(TABLE_ELEMENT));
        self.elements += if granted { more } else { 0 };
        Ok(granted)
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        self.max_memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(budget: &Arc<Budget>) -> Limiter {
        let limits = Limits { memory: 1000, table_elements: 10, ..Limits::default() };
        Limiter::new(&limits, Arc::clone(budget))
    }

    #[test]
    fn memories_and_tables_share_one_bound() {
        let budget = Budget::new(10_000);
        let mut limiter = limiter(&budget);
        assert!(limiter.memory_growing(0, 600, None).expect("answer"));
        assert!(limiter.table_growing(0, 10, None).expect("answer"));
        assert!(!limiter.memory_growing(0, 400, None).expect("answer"));
        assert_eq!(limiter.refused(), Some(Refused::Memory));
        assert!(!limiter.table_growing(10, 11, None).expect("answer"));
        assert_eq!(limiter.refused(), Some(Refused::TableElements));
        assert_eq!(budget.used(), 680);
        drop(limiter);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_budget_of_the_process_refuses_what_the_instance_may_have() {
        let budget = Budget::new(900);
        let (mut first, mut second) = (limiter(&budget), limiter(&budget));
        assert!(first.memory_growing(0, 800, None).expect("answer"));
        assert!(!second.memory_growing(0, 200, None).expect("answer"));
        assert_eq!(second.refused(), Some(Refused::Budget));
    }
}
