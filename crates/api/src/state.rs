//! The state building block: key and value, with ETags, time to live and transactions.

use crate::Metadata;
use bytes::Bytes;
use std::time::SystemTime;

/// How two writers of one key get along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// The last one wins, unless it names an ETag.
    #[default]
    LastWrite,
    /// A write needs the current ETag, or a key that doesn't exist yet.
    FirstWrite,
}

/// How soon a write is seen by all readers. The embedded stores are always strong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The store's own default.
    #[default]
    Unspecified,
    /// Eventually.
    Eventual,
    /// At once.
    Strong,
}

/// Options of a write or a delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How two writers of one key get along.
    pub concurrency: Concurrency,
    /// How soon the write is seen.
    pub consistency: Consistency,
}

/// Asks for one key.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// The app's key, without Dapr's prefix.
    pub key: String,
    /// How fresh the answer must be.
    pub consistency: Consistency,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// A key's value. A value exists even if it has no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The stored bytes.
    pub value: Bytes,
    /// Changes with each write.
    pub etag: String,
    /// When it will be gone, if ever.
    pub expires: Option<SystemTime>,
}

/// Asks for several keys.
#[derive(Clone, Debug, Default)]
pub struct BulkGet {
    /// The app's keys.
    pub keys: Vec<String>,
    /// Keys read at the same time, where the store reads one at a time.
    pub parallelism: usize,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// One key's share of the answer to a [`BulkGet`]; in the order of the keys.
#[derive(Clone, Debug)]
pub struct BulkItem {
    /// The app's key.
    pub key: String,
    /// Its value, none where there is none, or why it could not be read.
    pub item: Result<Option<Item>, String>,
}

/// Writes one key.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// The app's key.
    pub key: String,
    /// The bytes to store.
    pub value: Bytes,
    /// Must be the current one, if given.
    pub etag: Option<String>,
    /// `ttlInSeconds` and store-specific extras.
    pub metadata: Metadata,
    /// Concurrency and consistency.
    pub options: Options,
}

/// Deletes one key.
#[derive(Clone, Debug, Default)]
pub struct Delete {
    /// The app's key.
    pub key: String,
    /// Must be the current one, if given.
    pub etag: Option<String>,
    /// Store-specific extras.
    pub metadata: Metadata,
    /// Concurrency and consistency.
    pub options: Options,
}

/// One step of a transaction.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Writes a key.
    Upsert(Set),
    /// Deletes a key.
    Delete(Delete),
}

impl Operation {
    /// The app's key that the step works on.
    pub fn key(&self) -> &str {
        match self {
            Self::Upsert(set) => &set.key,
            Self::Delete(delete) => &delete.key,
        }
    }
}

/// Steps that all happen, in order, or none.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// The steps.
    pub operations: Vec<Operation>,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// A query over a store's JSON values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Dapr's query as JSON text: `filter`, `sort` and `page`.
    pub query: String,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// A page of what a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of the query's `sort`.
    pub items: Vec<FoundItem>,
    /// Asks for the next page; empty at the end.
    pub token: String,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// A key that a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundItem {
    /// The app's key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
    /// The value's ETag.
    pub etag: String,
    /// Why the value could not be read; empty if it could.
    pub error: String,
}
