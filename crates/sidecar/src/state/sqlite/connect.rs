//! From a component's metadata to a connection: the forms of connection string that Dapr takes.

use crate::components::Init;
use percent_encoding::percent_decode_str;
use rusqlite::{Connection, OpenFlags};
use std::{path::PathBuf, time::Duration};

/// Dapr's defaults.
const TIMEOUT: Duration = Duration::from_secs(20);
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Prepared statements that a connection keeps: there are fewer kinds.
const STATEMENTS: usize = 16;

/// What a `state.sqlite` component asks for.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) table: String,
    pub(super) metadata_table: String,
    pub(super) timeout: Duration,
    pub(super) cleanup_interval: Duration,
    busy_timeout: Duration,
    wal: bool,
    read_only: bool,
    path: Option<PathBuf>,
    pragmas: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn read(init: &Init) -> Result<Self, String> {
        let text = init.get("connectionString").ok_or("missing connection string")?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let options: Vec<(String, String)> = query.split('&').filter_map(option).collect();
        let timeout = init.duration("timeout", TIMEOUT)?;
        if timeout < Duration::from_secs(1) {
            return Err("invalid value for 'timeout': must be greater than 1s".to_owned());
        }
        let read_only = options
            .iter()
            .any(|(key, value)| matches!((key.as_str(), value.as_str()), ("mode", "ro") | ("immutable", "1")));
        let in_memory = is_in_memory(text) || options.iter().any(|(key, value)| key == "mode" && value == "memory");
        Ok(Self {
            table: identifier(init.get("tableName").unwrap_or("state"))?,
            metadata_table: identifier(init.get("metadataTableName").unwrap_or("metadata"))?,
            timeout,
            cleanup_interval: init.duration("cleanupInterval", Duration::ZERO)?,
            busy_timeout: init.duration("busyTimeout", BUSY_TIMEOUT)?,
            wal: !init.flag("disableWAL") && !read_only && !in_memory,
            read_only,
            path: (!in_memory).then(|| init.directory.join(file_path(path))),
            pragmas: pragmas(&options)?,
        })
    }

    /// Whether readers must share the writer's connection: without WAL they would only wait for each other.
    pub(super) fn one_connection(&self) -> bool {
        !self.wal
    }

    pub(super) fn connect(&self) -> Result<Connection, String> {
        self.open().map_err(|error| match &self.path {
            Some(path) => format!("failed to open `{}`: {error}", path.display()),
            None => error.to_string(),
        })
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let access = match self.read_only {
            true => OpenFlags::SQLITE_OPEN_READ_ONLY,
            false => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection = match &self.path {
            Some(path) => Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(self.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        if self.path.is_some() && !self.read_only {
            connection.pragma_update(None, "journal_mode", if self.wal { "WAL" } else { "DELETE" })?;
        }
        // NORMAL would lose acknowledged writes when the power fails.
        connection.pragma_update(None, "synchronous", "FULL")?;
        for (name, value) in &self.pragmas {
            connection.pragma_update(None, name, value)?;
        }
        Ok(connection)
    }
}

fn is_in_memory(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with(":memory:") || lower.starts_with("file::memory:")
}

fn option(pair: &str) -> Option<(String, String)> {
    let (key, value) = pair.split_once('=')?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(key), decoded(value)))
}

/// The path of a `file:` URI, or the text itself.
fn file_path(text: &str) -> PathBuf {
    if !text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:")) {
        return PathBuf::from(text);
    }
    let rest = &text[5..];
    let path = rest.strip_prefix("//localhost/").map(|path| format!("/{path}"));
    let path = path.unwrap_or_else(|| rest.strip_prefix("//").unwrap_or(rest).to_owned());
    PathBuf::from(percent_decode_str(&path).decode_utf8_lossy().into_owned())
}

/// Each `_pragma=name(value)`; those that metadata keys decide are refused in daprd's words.
fn pragmas(options: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let mut pragmas = Vec::new();
    for (_, pragma) in options.iter().filter(|(key, _)| key == "_pragma") {
        let (name, value) = pragma.trim_end_matches(')').split_once('(').unwrap_or((pragma, ""));
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "busy_timeout" | "journal_mode" | "foreign_keys") {
            return Err(format!("found forbidden option '_pragma={name}' in the connection string"));
        }
        pragmas.push((identifier(&name)?, identifier(value)?));
    }
    Ok(pragmas)
}

/// Names of tables can't be bound, so only harmless ones are let through.
fn identifier(text: &str) -> Result<String, String> {
    let legal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    legal.then(|| text.to_owned()).ok_or_else(|| format!("invalid identifier: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_from_every_form() {
        for (text, path) in [
            ("data.db", "data.db"),
            ("file:data.db", "data.db"),
            ("file:/tmp/data.db", "/tmp/data.db"),
            ("file:///tmp/da%20ta.db", "/tmp/da ta.db"),
            ("FILE://localhost/tmp/data.db", "/tmp/data.db"),
        ] {
            assert_eq!(file_path(text), PathBuf::from(path), "{text}");
        }
        assert!(is_in_memory(":memory:") && is_in_memory("file::memory:?cache=shared") && !is_in_memory("memory"));
    }

    #[test]
    fn pragmas_that_metadata_decides_are_refused() {
        let pragma = |text: &str| pragmas(&[("_pragma".to_owned(), text.to_owned())]);
        assert_eq!(pragma("cache_size(100)"), Ok(vec![("cache_size".to_owned(), "100".to_owned())]));
        pragma("journal_mode(OFF)").expect_err("forbidden");
        pragma("x; DROP TABLE state").expect_err("no identifier");
    }
}
