//! The state building block as key-value interfaces want it: bytes by key, counting, comparing.

use crate::host::interfaces::asking::{Asking, shown};
use pillion_api::state::{BulkGet, Concurrency, Delete, Get, Item, Options, Query, Set};
use pillion_api::{Code, Error, Metadata};
use std::ops::RangeInclusive;

/// Keys of one call: more of them are no batch but a dump.
const MAX_KEYS: usize = 1000;
/// Keys that a store without bulk reads reads at the same time.
const PARALLELISM: usize = 10;
/// Keys of one page of a listing.
const PAGE: usize = 1000;
/// How often a counter is read again because another writer was faster.
const MAX_ATTEMPTS: usize = 100;

/// Of a key: its item, none where there is none.
pub(super) async fn read(asking: &Asking, store: &str, key: String) -> Result<Option<Item>, Error> {
    let item = asking.sidecar().get_state(store, Get { key, ..Get::default() }).await?;
    asking.fits(item.as_ref().map_or(0, |item| item.value.len()))?;
    Ok(item)
}

/// Of a key: its bytes.
pub(super) async fn get(asking: &Asking, store: &str, key: String) -> Result<Option<Vec<u8>>, Error> {
    Ok(read(asking, store, key).await?.map(|item| item.value.into()))
}

pub(super) async fn exists(asking: &Asking, store: &str, key: String) -> Result<bool, Error> {
    Ok(read(asking, store, key).await?.is_some())
}

pub(super) async fn set(asking: &Asking, store: &str, key: String, value: Vec<u8>) -> Result<(), Error> {
    asking.sidecar().save_state(store, vec![Set { key, value: value.into(), ..Set::default() }]).await
}

/// With metadata of the store.
pub(super) async fn set_with(
    asking: &Asking,
    store: &str,
    key: String,
    value: Vec<u8>,
    only_first: bool,
    metadata: Metadata,
) -> Result<(), Error> {
    let concurrency = if only_first { Concurrency::FirstWrite } else { Concurrency::default() };
    let options = Options { concurrency, ..Options::default() };
    let item = Set { key, value: value.into(), options, metadata, ..Set::default() };
    asking.sidecar().save_state(store, vec![item]).await
}

/// One that doesn't exist is a success.
pub(super) async fn delete(asking: &Asking, store: &str, key: String) -> Result<(), Error> {
    asking.sidecar().delete_state(store, Delete { key, ..Delete::default() }).await
}

fn few(count: usize) -> Result<(), Error> {
    if count <= MAX_KEYS {
        return Ok(());
    }
    Err(Error::new(Code::BadRequest, format!("{count} keys at once: at most {MAX_KEYS}")).hint("ask in parts"))
}

/// The keys with what they hold, in their order.
pub(super) async fn get_many(
    asking: &Asking,
    store: &str,
    keys: Vec<String>,
) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
    few(keys.len())?;
    let get = BulkGet { keys, parallelism: PARALLELISM, ..BulkGet::default() };
    let items = asking.sidecar().get_bulk_state(store, get).await?;
    let mut found = Vec::with_capacity(items.len());
    let mut bytes = 0_usize;
    for item in items {
        let value = item.item.map_err(|why| Error::new(Code::StateBulkGet, why))?;
        bytes = bytes.saturating_add(value.as_ref().map_or(0, |value| value.value.len()));
        asking.fits(bytes)?;
        found.push((item.key, value.map(|value| value.value.into())));
    }
    Ok(found)
}

pub(super) async fn set_many(asking: &Asking, store: &str, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    few(pairs.len())?;
    let items = pairs.into_iter().map(|(key, value)| Set { key, value: value.into(), ..Set::default() });
    asking.sidecar().save_state(store, items.collect()).await
}

/// One after the other, each counted: Dapr deletes one at a time outside of transactions.
pub(super) async fn delete_many(asking: &Asking, store: &str, keys: Vec<String>) -> Result<(), Error> {
    few(keys.len())?;
    for key in keys {
        asking.call.count_host_call()?;
        delete(asking, store, key).await?;
    }
    Ok(())
}

/// A page of the keys, and what asks for the next one. Dapr lists keys by a query that matches all of them.
pub(super) async fn keys(
    asking: &Asking,
    store: &str,
    cursor: Option<String>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let mut page = serde_json::json!({ "limit": PAGE });
    if let Some(cursor) = cursor {
        page["token"] = cursor.into();
    }
    let query = serde_json::json!({ "filter": {}, "page": page }).to_string();
    let found = asking.sidecar().query_state(store, Query { query, ..Query::default() }).await;
    let found = found.map_err(|error| match error.code() {
        Code::ApiUnimplemented | Code::StateStoreNotSupported => {
            let what = format!("state store `{store}` can't list its keys: {}", error.message());
            Error::new(error.code(), what).hint("keep an index of the keys under a key of its own")
        }
        _ => error,
    })?;
    let keys: Vec<String> = found.items.into_iter().map(|item| item.key).collect();
    asking.fits(keys.iter().map(String::len).sum())?;
    Ok((keys, (!found.token.is_empty()).then_some(found.token)))
}

/// All keys, for interfaces that know no pages; each page is counted as a host call.
pub(super) async fn all_keys(asking: &Asking, store: &str) -> Result<Vec<String>, Error> {
    let (mut all, mut cursor) = keys(asking, store, None).await?;
    let mut bytes: usize = all.iter().map(String::len).sum();
    while let Some(token) = cursor.take() {
        asking.call.count_host_call()?;
        let (more, next) = keys(asking, store, Some(token)).await?;
        bytes = bytes.saturating_add(more.iter().map(|key| key.len() + size_of::<String>()).sum());
        asking.fits(bytes)?;
        // A page that is empty ends the listing, whatever its token promises.
        cursor = next.filter(|_| !more.is_empty());
        all.extend(more);
    }
    Ok(all)
}

/// Adds to a number that is kept as decimal text, as Redis keeps its own and JSON reads it; a missing key is 0. Answers
/// the sum.
pub(super) async fn increment(
    asking: &Asking,
    store: &str,
    key: String,
    delta: i128,
    range: RangeInclusive<i128>,
) -> Result<i128, Error> {
    for _ in 0..MAX_ATTEMPTS {
        let item = read(asking, store, key.clone()).await?;
        let before = item.as_ref().map_or(Ok(0), |item| number(&key, &item.value))?;
        let sum = before.checked_add(delta).filter(|sum| range.contains(sum));
        let Some(sum) = sum else {
            return Err(Error::new(Code::BadRequest, format!("`{}` would leave its range", shown(&key))));
        };
        let value = sum.to_string().into_bytes();
        match swap(asking, store, key.clone(), value, item.map(|item| item.etag)).await {
            Err(error) if is_conflict(&error) => {}
            outcome => return outcome.map(|()| sum),
        }
    }
    Err(Error::new(
        Code::StateSaveEtagMismatch,
        format!("`{}` was changed {MAX_ATTEMPTS} times meanwhile", shown(&key)),
    )
    .hint("spread the count over several keys"))
}

fn number(key: &str, value: &[u8]) -> Result<i128, Error> {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| Error::new(Code::BadRequest, format!("`{}` holds no whole number", shown(key))))
}

/// Writes a key if it is as it was read: with that ETag, or not there.
pub(super) async fn swap(
    asking: &Asking,
    store: &str,
    key: String,
    value: Vec<u8>,
    etag: Option<String>,
) -> Result<(), Error> {
    let options = Options { concurrency: Concurrency::FirstWrite, ..Options::default() };
    asking.sidecar().save_state(store, vec![Set { key, value: value.into(), etag, options, ..Set::default() }]).await
}

/// Whether another writer was faster.
pub(super) fn is_conflict(error: &Error) -> bool {
    error.code() == Code::StateSaveEtagMismatch
}
