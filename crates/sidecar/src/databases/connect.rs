//! From a file to a connection, with every bound that SQLite itself can hold.

use super::{DatabaseFile, rules};
use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

/// The longest value, and the longest row. Functions of text take time by its square, and can't be interrupted.
const MAX_VALUE: i32 = 1 << 20;
/// The longest statement.
const MAX_STATEMENT: i32 = 1 << 20;
/// The most parameters of a statement.
const MAX_PARAMETERS: i32 = 32_766;
/// The longest pattern of `LIKE` and `GLOB`.
const MAX_PATTERN: i32 = 1000;
/// How deep expressions nest: the parser takes a thread's stack for each level.
const MAX_DEPTH: i32 = 500;
/// Pages of a connection in memory, in KiB.
const CACHE_KIB: u32 = 512;
/// SQLite's smallest page.
const MIN_PAGE: u64 = 512;
/// What the log of writes is cut to when it was copied into the file.
const MAX_IDLE_LOG: u64 = 4 << 20;

/// The connection that makes a file what it has to be, and keeps it open.
pub(super) fn keeper(file: &DatabaseFile) -> rusqlite::Result<Connection> {
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let keeper = Connection::open_with_flags(&file.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Readers and a writer don't wait for each other.
    keeper.pragma_update(None, "journal_mode", "WAL")?;
    // Whatever is no database is found here, and not by a guest.
    keeper.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(keeper)
}

/// One that takes statements of a guest.
pub(super) fn guest(file: &DatabaseFile) -> rusqlite::Result<Connection> {
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&file.path, access)?;
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (file.size / page.unsigned_abs().max(MIN_PAGE)).max(1);
    // FULL, as NORMAL would lose acknowledged writes when the power fails.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA main.max_page_count = {pages}; \
         PRAGMA temp.max_page_count = {pages}; PRAGMA journal_size_limit = {MAX_IDLE_LOG};"
    ))?;
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_STATEMENT),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, MAX_PARAMETERS),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, MAX_DEPTH),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    // No statement can write what makes SQLite itself misread its file.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.authorizer(Some(rules::judge))?;
    Ok(connection)
}
