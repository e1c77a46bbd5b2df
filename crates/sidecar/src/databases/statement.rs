//! Runs one statement within its bounds.

use pillion_api::sql::{Answer, Bounds, Failure, Value};
use rusqlite::{
    Connection, Error, ErrorCode, Row, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a statement waits for a writer before it, if its deadline is not sooner.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Instructions of SQLite's machine between two looks at the clock: some microseconds.
const PACE: i32 = 1000;
/// Bytes of an error's text that are told.
const MAX_TEXT: usize = 1000;

/// Runs it until its end, its deadline, or until the connection is closed. Blocks.
pub(super) fn run(
    connection: &mut Connection,
    statement: &str,
    values: &[Value],
    bounds: Bounds,
    closed: &Arc<AtomicBool>,
) -> Result<Answer, Failure> {
    let deadline = bounds.deadline;
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::Late);
    }
    let (told, length) = (Arc::clone(closed), statement.len());
    let ends = move || told.load(Ordering::Acquire) || Instant::now() >= deadline;
    let prepared = connection
        .busy_timeout(left.min(BUSY_TIMEOUT))
        .and_then(|()| connection.progress_handler(PACE, Some(ends)))
        .map_err(|error| failure(&error, length));
    prepared.and_then(|()| answer(connection, statement, values, bounds.bytes)).map_err(|why| match why {
        // Whoever waited for a writer until the deadline was not refused, but late.
        Failure::Failed(_) if Instant::now() >= deadline => Failure::Late,
        other => other,
    })
}

fn answer(connection: &Connection, text: &str, values: &[Value], bytes: u64) -> Result<Answer, Failure> {
    let failed = |error: Error| failure(&error, text.len());
    let mut statement = connection.prepare(text).map_err(failed)?;
    if statement.parameter_count() != values.len() {
        return Err(failed(Error::InvalidParameterCount(values.len(), statement.parameter_count())));
    }
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Bound(value)).map_err(failed)?;
    }
    let mut room = Room { left: bytes };
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    columns.iter().try_for_each(|name| room.take(size_of::<String>() + name.len()))?;
    let (mut answer, mut rows) = (Answer { columns, ..Answer::default() }, statement.raw_query());
    while let Some(row) = rows.next().map_err(failed)? {
        answer.rows.push(values_of(row, answer.columns.len(), &mut room)?);
    }
    answer.bytes = usize::try_from(bytes - room.left).unwrap_or(usize::MAX);
    Ok(answer)
}

/// What the answer may still take.
struct Room {
    left: u64,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        self.left = self.left.checked_sub(bytes as u64).ok_or(Failure::TooLarge)?;
        Ok(())
    }
}

fn values_of(row: &Row<'_>, columns: usize, room: &mut Room) -> Result<Vec<Value>, Failure> {
    room.take(size_of::<Vec<Value>>() + columns * size_of::<Value>())?;
    let mut values = Vec::with_capacity(columns);
    for column in 0..columns {
        let value = row.get_ref(column).map_err(|error| failure(&error, 0))?;
        values.push(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => {
                room.take(text.len())?;
                let text = std::str::from_utf8(text);
                let text =
                    text.map_err(|_| Failure::Failed(format!("column {column} holds text that is not UTF-8")))?;
                Value::Text(text.to_owned())
            }
            ValueRef::Blob(bytes) => {
                room.take(bytes.len())?;
                Value::Blob(bytes.to_vec())
            }
        });
    }
    Ok(values)
}

/// A parameter, as SQLite takes it.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// SQLite's own words, without the statement, which whoever asked has.
pub(super) fn failure(error: &Error, length: usize) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => return Failure::Full(0),
        Some(ErrorCode::OperationInterrupted) => return Failure::Late,
        _ => {}
    }
    let text = match error {
        Error::SqliteFailure(_, Some(text)) => text.clone(),
        Error::SqlInputError { msg, offset, .. } if *offset > 0 => format!("{msg}, at byte {offset} of {length}"),
        Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let end = text.floor_char_boundary(MAX_TEXT.min(text.len()));
    Failure::Failed(text[..end].to_owned())
}
