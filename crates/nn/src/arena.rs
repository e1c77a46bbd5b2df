//! Activation memory: aligned byte buffers, and a bounded pool of them shared by all models of a registry.

use std::sync::{Arc, Mutex, PoisonError};

/// Every tensor starts at a multiple of this, which is a cache line.
pub(crate) const ALIGNMENT: usize = 64;

/// Bytes that the pool keeps for reuse; what exceeds it is given back to the system.
const POOLED_BYTES: usize = 64 << 20;

/// Buffers that the pool keeps at most.
const POOLED_BUFFERS: usize = 64;

/// Rounds up to [`ALIGNMENT`]; saturates, so that a limit check after it still refuses.
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX)
}

/// A buffer that starts at a cache line.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    words: Vec<u64>,
    start: usize,
    bytes: usize,
}

impl Arena {
    fn new(bytes: usize) -> Self {
        let words = vec![0u64; bytes.div_ceil(8) + ALIGNMENT / 8];
        let start = words.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT / 8);
        Self { words, start, bytes }
    }

    /// The whole buffer. It may hold what an earlier user left: whoever reads must have written first.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words[self.start..])[..self.bytes]
    }

    /// The whole buffer, to read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words[self.start..])[..self.bytes]
    }

    fn capacity(&self) -> usize {
        (self.words.len() - ALIGNMENT / 8) * 8
    }
}

/// Idle arenas of all the models of one registry.
#[derive(Debug, Default)]
pub(crate) struct ArenaPool(Mutex<Vec<Arena>>);

impl ArenaPool {
    /// An arena of this size: an idle one that isn't much larger, else a new one.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Arena {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |arena: &Arena| arena.capacity() >= bytes && arena.capacity() / 2 <= bytes;
        match idle.iter().position(fits) {
            Some(at) => Arena { bytes, ..idle.swap_remove(at) },
            None => Arena::new(bytes),
        }
    }

    /// Keeps the arena for the next caller, if there is room.
    pub(crate) fn give(&self, arena: Arena) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = idle.iter().map(Arena::capacity).sum();
        if idle.len() < POOLED_BUFFERS && held + arena.capacity() <= POOLED_BYTES {
            idle.push(arena);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_aligned_and_comes_back_from_the_pool() {
        let pool = Arc::new(ArenaPool::default());
        let mut arena = pool.take(1000);
        let address = arena.bytes_mut().as_ptr() as usize;
        assert_eq!((address % ALIGNMENT, arena.bytes().len()), (0, 1000));
        pool.give(arena);
        assert_eq!(pool.take(900).bytes().as_ptr() as usize, address);
    }

    #[test]
    fn the_pool_keeps_no_more_than_its_bound() {
        let pool = Arc::new(ArenaPool::default());
        pool.give(Arena::new(POOLED_BYTES + 8));
        pool.give(Arena::new(8));
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }
}
