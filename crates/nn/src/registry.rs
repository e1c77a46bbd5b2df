//! Models by content: the same bytes are parsed and packed once, whoever brings them.

use crate::arena::ArenaPool;
use crate::digest::Digest;
use crate::engine::{Graph, LoadLimits};
use crate::{Error, Kernel, Model};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Bounds of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryLimits {
    /// Bytes of one model file.
    pub model_bytes: usize,
    /// Bytes of activations of one context.
    pub arena_bytes: usize,
    /// Bytes of all packed models together.
    pub total_bytes: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self { model_bytes: 64 << 20, arena_bytes: 256 << 20, total_bytes: 512 << 20 }
    }
}

/// Counters of a [`Registry`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStats {
    /// Files that were parsed and packed, or refused.
    pub loads: u64,
    /// Calls that were answered by a model already there.
    pub hits: u64,
    /// Models that were given up to stay under `total_bytes`.
    pub evictions: u64,
    /// Models held now.
    pub models: usize,
    /// Bytes of packed models held now.
    pub bytes: usize,
}

/// Callers who bring the same bytes at the same time share one cell, and one of them fills it.
type Cell = Arc<OnceLock<Result<Arc<Model>, Error>>>;

#[derive(Debug)]
struct Entry {
    cell: Cell,
    used: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Digest, Entry>,
    clock: u64,
    stats: RegistryStats,
}

/// All the models of a process.
#[derive(Debug)]
pub struct Registry {
    limits: RegistryLimits,
    kernel: Kernel,
    arenas: Arc<ArenaPool>,
    shelf: Mutex<Shelf>,
}

impl Registry {
    /// An empty registry that uses the fastest kernels that this processor has.
    pub fn new(limits: RegistryLimits) -> Self {
        Self::with_kernel(limits, Kernel::detect())
    }

    /// An empty registry with chosen kernels: for tests and comparisons.
    pub fn with_kernel(limits: RegistryLimits, kernel: Kernel) -> Self {
        Self { limits, kernel, arenas: Arc::default(), shelf: Mutex::default() }
    }

    /// The model of these bytes. The first call parses and packs; later ones cost a digest and a look-up.
    ///
    /// # Errors
    /// Whatever is wrong with the file; [`Error::TooLarge`] where it, or all models in use with it, are over a limit.
    /// A failure is not remembered.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Model>, Error> {
        Error::check_limit("model_bytes", self.limits.model_bytes, bytes.len())?;
        let digest = Digest::of(bytes);
        let cell = self.cell(digest);
        let mut packed_here = false;
        let result = cell.get_or_init(|| {
            packed_here = true;
            self.pack(digest, bytes).map(Arc::new)
        });
        if packed_here {
            self.settle(digest, &cell, result)?;
        } else if result.is_ok() {
            self.lock().stats.hits += 1;
        }
        result.clone()
    }

    /// The model of this digest, if it is held.
    pub fn get(&self, digest: Digest) -> Option<Arc<Model>> {
        let mut shelf = self.lock();
        let model = shelf.touch(digest)?.get()?.as_ref().ok().cloned()?;
        shelf.stats.hits += 1;
        Some(model)
    }

    /// Counters since the start.
    pub fn stats(&self) -> RegistryStats {
        let shelf = self.lock();
        RegistryStats { models: shelf.entries.len(), ..shelf.stats }
    }

    fn cell(&self, digest: Digest) -> Cell {
        let mut shelf = self.lock();
        if let Some(cell) = shelf.touch(digest) {
            return cell;
        }
        let entry = Entry { cell: Cell::default(), used: shelf.clock };
        let cell = Arc::clone(&entry.cell);
        shelf.entries.insert(digest, entry);
        cell
    }

    fn pack(&self, digest: Digest, bytes: &[u8]) -> Result<Model, Error> {
        let limits = LoadLimits { arena_bytes: self.limits.arena_bytes, packed_bytes: self.limits.total_bytes };
        let graph = Graph::load(bytes, limits, self.kernel)?;
        Ok(Model { digest, graph, arenas: Arc::clone(&self.arenas), longest_step: AtomicU64::new(u64::MAX) })
    }

    /// Counts a fresh model and makes room for it; a failed one is forgotten, so that it can be tried again.
    fn settle(&self, digest: Digest, cell: &Cell, result: &Result<Arc<Model>, Error>) -> Result<(), Error> {
        let mut shelf = self.lock();
        shelf.stats.loads += 1;
        let outcome = match result {
            Ok(model) => shelf.admit(model.graph.packed_bytes(), digest, self.limits.total_bytes),
            Err(error) => Err(error.clone()),
        };
        if outcome.is_err() && shelf.entries.get(&digest).is_some_and(|entry| Arc::ptr_eq(&entry.cell, cell)) {
            shelf.entries.remove(&digest);
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn touch(&mut self, digest: Digest) -> Option<Cell> {
        self.clock += 1;
        let entry = self.entries.get_mut(&digest)?;
        entry.used = self.clock;
        Some(Arc::clone(&entry.cell))
    }

    /// Evicts models that nobody holds, least recently used first, until `bytes` more fit.
    fn admit(&mut self, bytes: usize, newcomer: Digest, total: usize) -> Result<(), Error> {
        while self.stats.bytes.saturating_add(bytes) > total {
            let Some(victim) = self.least_recently_used_idle(newcomer) else {
                return Error::check_limit("total_bytes", total, self.stats.bytes.saturating_add(bytes));
            };
            if let Some(entry) = self.entries.remove(&victim) {
                self.stats.bytes = self.stats.bytes.saturating_sub(entry.bytes());
                self.stats.evictions += 1;
            }
        }
        self.stats.bytes += bytes;
        Ok(())
    }

    fn least_recently_used_idle(&self, newcomer: Digest) -> Option<Digest> {
        let idle = self.entries.iter().filter(|(digest, entry)| **digest != newcomer && entry.is_idle());
        idle.min_by_key(|(_, entry)| entry.used).map(|(digest, _)| *digest)
    }
}

impl Entry {
    fn model(&self) -> Option<&Arc<Model>> {
        self.cell.get()?.as_ref().ok()
    }

    fn bytes(&self) -> usize {
        self.model().map_or(0, |model| model.graph.packed_bytes())
    }

    /// Held by this entry alone: by no caller, and by no one who is about to take it from the cell.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.cell) == 1 && self.model().is_some_and(|model| Arc::strong_count(model) == 1)
    }
}
