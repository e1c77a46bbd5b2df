//! SQL databases of an app: who opens them is not known to the runtime, and who asks not to whoever opens them.

use async_trait::async_trait;
use std::{fmt, sync::Arc, time::Instant};

/// The databases that one app has.
#[async_trait]
pub trait Databases: fmt::Debug + Send + Sync {
    /// Opens a connection to the database of this name.
    async fn open(&self, name: &str, deadline: Instant) -> Result<Arc<dyn Connection>, Failure>;
}

/// One open connection. Its transaction, if one is left open, is rolled back when it is closed or dropped.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Runs one statement. Who drops the future before its end closes the connection.
    async fn execute(&self, statement: String, values: Vec<Value>, bounds: Bounds) -> Result<Answer, Failure>;

    /// The row of the last `INSERT` that succeeded, as the last statement left it; 0 before any.
    fn last_insert_rowid(&self) -> i64;

    /// Rows that the last `INSERT`, `UPDATE` or `DELETE` changed, as the last statement left it.
    fn changes(&self) -> u64;

    /// Ends what runs and takes no more; never waits.
    fn close(&self);
}

/// What one statement may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// When it is interrupted.
    pub deadline: Instant,
    /// Bytes that its whole answer may take in memory.
    pub bytes: u64,
}

/// A parameter, or a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

/// What a statement answers; without columns where it answers nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// A value of each column for each row.
    pub rows: Vec<Vec<Value>>,
    /// Bytes that it takes in memory, as they were counted against [`Bounds::bytes`].
    pub bytes: usize,
}

/// Why a database did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The app has none of this name.
    NotNamed,
    /// The connection was closed.
    Closed,
    /// The database has the size that it may have, in bytes.
    Full(u64),
    /// The answer is over the bound.
    TooLarge,
    /// The deadline was reached.
    Late,
    /// Anything else, in a sentence.
    Failed(String),
}
