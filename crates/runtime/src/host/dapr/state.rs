//! `pillion:dapr/state`.

use super::{Answer, check_items, convert};
use crate::instance::Host;
use pillion_api::{Metadata, state as dapr};
use pillion_wit::pillion::dapr::state::{self as wit};

/// Keys that a store without bulk reads is asked for at the same time.
const PARALLELISM: usize = 10;
/// What ends a time to live, as Dapr has it.
const NO_TTL: &str = "-1";

impl wit::Host for Host {
    async fn get(&mut self, store: String, key: String, options: wit::ReadOptions) -> Answer<Option<wit::Item>> {
        let get = dapr::Get {
            key,
            consistency: consistency(options.consistency),
            metadata: Metadata::from_iter(options.metadata),
        };
        let item = self.sidecar()?.get_state(&store, get).await?;
        self.check_answer(item.iter().map(|item| item.value.len()))?;
        Ok(item.map(of_item))
    }

    async fn get_bulk(
        &mut self,
        store: String,
        keys: Vec<String>,
        metadata: Vec<(String, String)>,
    ) -> Answer<Vec<wit::BulkItem>> {
        check_items(keys.len())?;
        let get = dapr::BulkGet { keys, parallelism: PARALLELISM, metadata: Metadata::from_iter(metadata) };
        let items = self.sidecar()?.get_bulk_state(&store, get).await?;
        let size = |item: &dapr::BulkItem| match &item.item {
            Ok(Some(found)) => item.key.len() + found.value.len(),
            Ok(None) => item.key.len(),
            Err(why) => item.key.len() + why.len(),
        };
        self.check_answer(items.iter().map(size))?;
        let item =
            |item: dapr::BulkItem| wit::BulkItem { key: item.key, item: item.item.map(|item| item.map(of_item)) };
        Ok(items.into_iter().map(item).collect())
    }

    async fn set(&mut self, store: String, entries: Vec<wit::Entry>) -> Answer<()> {
        check_items(entries.len())?;
        let items = entries.into_iter().map(set).collect();
        Ok(self.sidecar()?.save_state(&store, items).await?)
    }

    async fn delete(&mut self, store: String, key: String, options: wit::WriteOptions) -> Answer<()> {
        Ok(self.sidecar()?.delete_state(&store, delete(key, options)).await?)
    }

    async fn transact(
        &mut self,
        store: String,
        operations: Vec<wit::Operation>,
        metadata: Vec<(String, String)>,
    ) -> Answer<()> {
        check_items(operations.len())?;
        let operation = |operation| match operation {
            wit::Operation::Upsert(entry) => dapr::Operation::Upsert(set(entry)),
            wit::Operation::Delete(removal) => dapr::Operation::Delete(delete(removal.key, removal.options)),
        };
        let operations = operations.into_iter().map(operation).collect();
        let transaction = dapr::Transaction { operations, metadata: Metadata::from_iter(metadata) };
        Ok(self.sidecar()?.execute_state_transaction(&store, transaction).await?)
    }

    async fn query(&mut self, store: String, query: String, metadata: Vec<(String, String)>) -> Answer<wit::Found> {
        let query = dapr::Query { query, metadata: Metadata::from_iter(metadata) };
        let found = self.sidecar()?.query_state(&store, query).await?;
        self.check_answer(found.items.iter().map(|item| item.key.len() + item.value.len()))?;
        let item = |item: dapr::FoundItem| wit::FoundItem {
            key: item.key,
            value: item.value.into(),
            etag: item.etag,
            error: item.error,
        };
        Ok(wit::Found { items: found.items.into_iter().map(item).collect(), token: found.token })
    }
}

fn of_item(item: dapr::Item) -> wit::Item {
    wit::Item { value: item.value.into(), etag: item.etag, expires: item.expires.map(convert::timestamp) }
}

fn set(entry: wit::Entry) -> dapr::Set {
    let options = options(&entry.options);
    let mut metadata = Metadata::from_iter(entry.options.metadata);
    match entry.ttl {
        Some(0) => metadata.insert("ttlInSeconds".into(), NO_TTL.into()),
        Some(seconds) => metadata.insert("ttlInSeconds".into(), seconds.to_string()),
        None => None,
    };
    dapr::Set { key: entry.key, value: entry.value.into(), etag: entry.options.etag, metadata, options }
}

fn delete(key: String, given: wit::WriteOptions) -> dapr::Delete {
    dapr::Delete { key, options: options(&given), etag: given.etag, metadata: Metadata::from_iter(given.metadata) }
}

fn options(given: &wit::WriteOptions) -> dapr::Options {
    let concurrency = match given.concurrency {
        wit::Concurrency::LastWrite => dapr::Concurrency::LastWrite,
        wit::Concurrency::FirstWrite => dapr::Concurrency::FirstWrite,
    };
    dapr::Options { concurrency, consistency: consistency(given.consistency) }
}

fn consistency(given: wit::Consistency) -> dapr::Consistency {
    match given {
        wit::Consistency::Unspecified => dapr::Consistency::default(),
        wit::Consistency::Eventual => dapr::Consistency::Eventual,
        wit::Consistency::Strong => dapr::Consistency::Strong,
    }
}
