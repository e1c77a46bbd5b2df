//! Rows of the state table: reading and writing them in daprd's layout.

use super::connect::Settings;
use crate::state::{StoreError, etag, expiry, ttl};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use pillion_api::state::{Concurrency, Delete, Item, Operation, Set};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use std::time::SystemTime;

/// How SQLite's `DATETIME` writes a time.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// Makes the tables, and says so in the metadata table as daprd does.
pub(super) fn migrate(connection: &mut Connection, settings: &Settings) -> rusqlite::Result<()> {
    let (table, metadata) = (&settings.table, &settings.metadata_table);
    let exists = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?";
    let found: i64 = connection.query_row(exists, [table], |row| row.get(0))?;
    if found == 1 {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {metadata} (key text NOT NULL PRIMARY KEY, value text NOT NULL);
         CREATE TABLE IF NOT EXISTS {table} (
             key TEXT NOT NULL PRIMARY KEY,
             value TEXT NOT NULL,
             is_binary BOOLEAN NOT NULL,
             etag TEXT NOT NULL,
             expiration_time TIMESTAMP DEFAULT NULL,
             update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
         );
         REPLACE INTO {metadata} (key, value) VALUES ('migrations', '1');"
    ))?;
    transaction.commit()
}

pub(super) fn sql_time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format(TIME).to_string()
}

/// daprd writes either form, depending on its driver.
fn parse_time(text: &str) -> Option<SystemTime> {
    let plain = NaiveDateTime::parse_from_str(text, TIME).ok().map(|time| time.and_utc().into());
    plain.or_else(|| crate::clock::parse_rfc3339(text))
}

pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// Reads a key that has not expired.
pub(super) fn get(
    connection: &Connection,
    table: &str,
    key: &str,
    now: SystemTime,
) -> Result<Option<Item>, StoreError> {
    let select = format!(
        "SELECT value, is_binary, etag, expiration_time FROM {table}
         WHERE key = ? AND (expiration_time IS NULL OR expiration_time > ?)"
    );
    let mut statement = connection.prepare_cached(&select).map_err(failed)?;
    let found = statement.query_row(params![key, sql_time(now)], |row| Ok(item(row))).optional().map_err(failed)?;
    found.transpose()
}

fn item(row: &Row<'_>) -> Result<Item, StoreError> {
    let value = row.get_ref(0).map_err(failed)?;
    let value = value.as_bytes().map_err(|error| StoreError::Failed(error.to_string()))?;
    let value = match row.get(1).map_err(failed)? {
        true => STANDARD
            .decode(value)
            .map_err(|error| StoreError::Failed(format!("failed to decode binary data: {error}")))?,
        false => value.to_vec(),
    };
    let expires: Option<String> = row.get(3).map_err(failed)?;
    Ok(Item {
        value: Bytes::from(value),
        etag: row.get(2).map_err(failed)?,
        expires: expires.as_deref().and_then(parse_time),
    })
}

/// Does one operation inside a transaction of the caller's.
pub(super) fn apply(
    connection: &Connection,
    table: &str,
    operation: &Operation,
    now: SystemTime,
) -> Result<(), StoreError> {
    match operation {
        Operation::Upsert(set) => write(connection, table, set, now),
        Operation::Delete(delete) => remove(connection, table, delete),
    }
}

fn write(connection: &Connection, table: &str, set: &Set, now: SystemTime) -> Result<(), StoreError> {
    let expires = expiry(now, ttl(&set.metadata)?).map(sql_time);
    let (value, is_binary) = encode(&set.value);
    let (new_etag, now_text) = (uuid::Uuid::new_v4().to_string(), sql_time(now));
    let Some(etag) = etag(&set.etag) else {
        if set.options.concurrency == Concurrency::FirstWrite && get(connection, table, &set.key, now)?.is_some() {
            return Err(StoreError::EtagMismatch(None));
        }
        let insert = format!(
            "INSERT OR REPLACE INTO {table} (key, value, is_binary, etag, update_time, expiration_time)
             VALUES (?, ?, ?, ?, ?, ?)"
        );
        let mut statement = connection.prepare_cached(&insert).map_err(failed)?;
        let values = params![set.key, value, is_binary, new_etag, now_text, expires];
        return statement.execute(values).map(drop).map_err(failed);
    };
    let update = format!(
        "UPDATE {table} SET value = ?, etag = ?, is_binary = ?, update_time = ?, expiration_time = ?
         WHERE key = ? AND etag = ? AND (expiration_time IS NULL OR expiration_time > ?)"
    );
    let mut statement = connection.prepare_cached(&update).map_err(failed)?;
    let values = params![value, new_etag, is_binary, now_text, expires, set.key, etag, now_text];
    changed_one(statement.execute(values).map_err(failed)?)
}

fn remove(connection: &Connection, table: &str, delete: &Delete) -> Result<(), StoreError> {
    let Some(etag) = etag(&delete.etag) else {
        let mut statement = connection.prepare_cached(&format!("DELETE FROM {table} WHERE key = ?")).map_err(failed)?;
        return statement.execute([&delete.key]).map(drop).map_err(failed);
    };
    let sql = format!("DELETE FROM {table} WHERE key = ? AND etag = ?");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    changed_one(statement.execute([delete.key.as_str(), etag]).map_err(failed)?)
}

fn changed_one(rows: usize) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::EtagMismatch(None)) } else { Ok(()) }
}

/// Text as it is; what is no text, or would end early in C, as base64.
fn encode(value: &Bytes) -> (String, bool) {
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => (text.to_owned(), false),
        _ => (STANDARD.encode(value), true),
    }
}

/// Deletes what has expired, unless another sidecar did within the interval.
pub(super) fn clean(connection: &Connection, settings: &Settings, now: SystemTime) -> rusqlite::Result<()> {
    let (table, metadata) = (&settings.table, &settings.metadata_table);
    let interval = i64::try_from(settings.cleanup_interval.as_millis()).unwrap_or(i64::MAX);
    let claim = format!(
        "INSERT INTO {metadata} (key, value) VALUES ('last-cleanup', ?1)
         ON CONFLICT (key) DO UPDATE SET value = ?1 WHERE (unixepoch(?1) - unixepoch(value)) * 1000 > ?2"
    );
    let now = sql_time(now);
    if connection.execute(&claim, params![now, interval])? == 0 {
        return Ok(());
    }
    let delete = format!("DELETE FROM {table} WHERE expiration_time IS NOT NULL AND expiration_time < ?");
    connection.execute(&delete, [now]).map(drop)
}
