//! `state.in-memory`: a map behind a lock, bounded in bytes.

use super::{StateStore, StoreError, etag, expiry, ttl_in_memory};
use crate::{
    clock::Clock,
    components::{Init, Opened, Opening},
};
use async_trait::async_trait;
use bytes::Bytes;
use pillion_api::state::{Concurrency, Item, Operation, Set};
use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// What one entry costs beside its key and value: etag, expiry, and the map's own share, in bytes.
const ENTRY_COST: u64 = 200;

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    let store = InMemory { clock: init.clock, limit: init.limits.state_memory, held: Mutex::default() };
    Box::pin(std::future::ready(Ok(Opened::State(Arc::new(store)))))
}

struct InMemory {
    clock: Arc<dyn Clock>,
    limit: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    items: HashMap<Arc<str>, Item>,
    /// Every key that expires, soonest first, so that each write can drop what is over.
    expiries: BTreeSet<(SystemTime, Arc<str>)>,
    bytes: u64,
}

impl InMemory {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for InMemory {
    fn capabilities(&self) -> &'static [&'static str] {
        &["ETAG", "TRANSACTIONAL", "TTL"]
    }

    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError> {
        let now = self.clock.now();
        let held = self.held();
        let alive = |key: &String| held.items.get(key.as_str()).filter(|item| item.expires.is_none_or(|at| now <= at));
        Ok(keys.iter().map(|key| alive(key).cloned()).collect())
    }

    async fn transact(&self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let expiries: Vec<_> = operations.iter().map(|operation| expires(operation, now)).collect::<Result<_, _>>()?;
        let mut held = self.held();
        held.drop_expired(now);
        // As in Dapr, the ETags of all operations are those from before the first one.
        for operation in &operations {
            held.check_etag(operation)?;
        }
        held.check_room(&operations, self.limit)?;
        for (operation, expires) in operations.into_iter().zip(expiries) {
            held.apply(operation, expires);
        }
        Ok(())
    }

    async fn close(&self) {
        *self.held() = Held::default();
    }
}

fn expires(operation: &Operation, now: SystemTime) -> Result<Option<SystemTime>, StoreError> {
    match operation {
        Operation::Upsert(set) => Ok(expiry(now, ttl_in_memory(&set.metadata)?)),
        Operation::Delete(_) => Ok(None),
    }
}

fn cost(key: &str, value: &Bytes) -> u64 {
    ENTRY_COST + (key.len() + value.len()) as u64
}

impl Held {
    fn drop_expired(&mut self, now: SystemTime) {
        while self.expiries.first().is_some_and(|(at, _)| *at < now) {
            if let Some((_, key)) = self.expiries.pop_first() {
                self.remove(&key);
            }
        }
    }

    fn check_etag(&self, operation: &Operation) -> Result<(), StoreError> {
        let (given, concurrency) = match operation {
            Operation::Upsert(set) => (etag(&set.etag), set.options.concurrency),
            Operation::Delete(delete) => (etag(&delete.etag), delete.options.concurrency),
        };
        let key = operation.key();
        let current = self.items.get(key).map(|item| item.etag.as_str());
        let mismatch = |why: String| Err(StoreError::EtagMismatch(Some(why)));
        match (given, current) {
            (None, Some(_)) if concurrency == Concurrency::FirstWrite => {
                mismatch("item already exists and no etag was passed".to_owned())
            }
            (Some(_), None) => mismatch(format!("state not exist or expired for key={key}")),
            (Some(given), Some(current)) if given != current => {
                mismatch(format!("state etag not match for key={key}: current={current}, expect={given}"))
            }
            _ => Ok(()),
        }
    }

    /// Counts what the writes add, and only what is surely freed, so that the limit holds at every step.
    fn check_room(&self, operations: &[Operation], limit: u64) -> Result<(), StoreError> {
        let added: u64 = operations.iter().map(|operation| self.growth(operation)).sum();
        if added > 0 && self.bytes.saturating_add(added) > limit {
            return Err(StoreError::Full(limit));
        }
        Ok(())
    }

    fn growth(&self, operation: &Operation) -> u64 {
        let Operation::Upsert(Set { key, value, .. }) = operation else { return 0 };
        let before = self.items.get(key.as_str()).map_or(0, |item| cost(key, &item.value));
        cost(key, value).saturating_sub(before)
    }

    fn apply(&mut self, operation: Operation, expires: Option<SystemTime>) {
        self.remove(operation.key());
        if let Operation::Upsert(set) = operation {
            let key: Arc<str> = set.key.into();
            self.bytes += cost(&key, &set.value);
            if let Some(at) = expires {
                self.expiries.insert((at, Arc::clone(&key)));
            }
            self.items.insert(key, Item { value: set.value, etag: uuid::Uuid::new_v4().to_string(), expires });
        }
    }

    fn remove(&mut self, key: &str) {
        let Some((key, item)) = self.items.remove_entry(key) else { return };
        self.bytes = self.bytes.saturating_sub(cost(&key, &item.value));
        if let Some(at) = item.expires {
            self.expiries.remove(&(at, key));
        }
    }
}
