//! Keys and values.

pub use crate::bindings::service::pillion::dapr::state::{
    BulkItem, Concurrency, Consistency, Entry, Found, FoundItem, Item, Operation, ReadOptions, Removal, WriteOptions,
    delete, get, get_bulk, query, set, transact,
};

use crate::Result;

impl Default for ReadOptions {
    fn default() -> Self {
        Self { consistency: Consistency::Unspecified, metadata: Vec::new() }
    }
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            etag: None,
            concurrency: Concurrency::LastWrite,
            consistency: Consistency::Unspecified,
            metadata: Vec::new(),
        }
    }
}

impl Entry {
    /// A write without conditions.
    #[must_use]
    pub fn new(key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.to_owned(), value: value.into(), ttl: None, options: WriteOptions::default() }
    }

    /// The same, that succeeds only if nobody wrote the key since it was read; `None` if there was no such key.
    #[must_use]
    pub fn unchanged_since(mut self, item: Option<&Item>) -> Self {
        self.options.concurrency = Concurrency::FirstWrite;
        self.options.etag = item.map(|item| item.etag.clone());
        self
    }

    /// The same, that is gone after so many seconds.
    #[must_use]
    pub fn for_seconds(mut self, ttl: u32) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// A state store by its name.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a>(&'a str);

impl<'a> Store<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn open(name: &'a str) -> Self {
        Self(name)
    }

    /// Reads a key with its ETag.
    ///
    /// # Errors
    /// The store's, or what `allow.state` doesn't grant.
    pub fn get(&self, key: &str) -> Result<Option<Item>> {
        get(self.0, key, &ReadOptions::default())
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn set(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<()> {
        self.write(Entry::new(key, value))
    }

    /// Writes a key, under the entry's conditions.
    ///
    /// # Errors
    /// As [`get`](Self::get); status 409 where another writer came first.
    pub fn write(&self, entry: Entry) -> Result<()> {
        set(self.0, &[entry])
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, key: &str) -> Result<()> {
        delete(self.0, key, &WriteOptions::default())
    }
}
