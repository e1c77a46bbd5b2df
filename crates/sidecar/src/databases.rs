//! Databases of an app of guests: files of SQLite, each by a name, for statements that nobody here has written.
//!
//! SQLite blocks, so that a statement runs on a thread for blocking work, only so many of an app at a time. What a statement
//! may do, [`rules`] says; how long it may take and how much it may answer, whoever asks.

mod connect;
mod rules;
mod statement;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use pillion_api::sql::{self, Answer, Bounds, Failure, Value};
use rusqlite::{Connection, InterruptHandle};
use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Statements of one app that run at the same time, those within a transaction not counted: they end what others wait for.
const MAX_AT_ONCE: usize = 32;
/// Connections of one app that are open at the same time: each has files and a cache.
const MAX_CONNECTIONS: usize = 200;
/// How long a new connection waits until another one is closed.
const CONNECTION_WAIT: Duration = Duration::from_secs(1);

/// One database, as an app declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    /// The file. It is made if it is not there; its folder is.
    pub path: PathBuf,
    /// Bytes that it may hold.
    pub size: u64,
}

/// The databases of one app.
pub struct Databases {
    databases: BTreeMap<String, Arc<Database>>,
    connections: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

struct Database {
    file: DatabaseFile,
    /// Open as long as the app is: the last connection that closes would have to tidy up the file, at the end of many a call.
    _keeper: Mutex<Connection>,
}

impl Databases {
    /// Opens, and makes, all of the files. Blocks.
    ///
    /// # Errors
    /// A file that is none of SQLite's, or can't be opened, with its name.
    pub fn open(files: impl IntoIterator<Item = (String, DatabaseFile)>) -> Result<Self, String> {
        let mut databases = BTreeMap::new();
        for (name, file) in files {
            let keeper = connect::keeper(&file);
            let keeper = keeper.map_err(|error| format!("database `{name}`: `{}`: {error}", file.path.display()))?;
            databases.insert(name, Arc::new(Database { file, _keeper: Mutex::new(keeper) }));
        }
        let (connections, at_once) = (Semaphore::new(MAX_CONNECTIONS), Semaphore::new(MAX_AT_ONCE));
        Ok(Self { databases, connections: Arc::new(connections), at_once: Arc::new(at_once) })
    }
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.databases.keys()).finish()
    }
}

#[async_trait]
impl sql::Databases for Databases {
    async fn open(&self, name: &str, deadline: Instant) -> Result<Arc<dyn sql::Connection>, Failure> {
        let database = Arc::clone(self.databases.get(name).ok_or(Failure::NotNamed)?);
        let until = deadline.min(Instant::now() + CONNECTION_WAIT);
        let permit = tokio::time::timeout_at(until.into(), Arc::clone(&self.connections).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            let why = format!("the app has {MAX_CONNECTIONS} open connections already: close what is not used");
            return Err(Failure::Failed(why));
        };
        let at_once = Arc::clone(&self.at_once);
        let opening = tokio::task::spawn_blocking(move || {
            let connection = connect::guest(&database.file).map_err(|error| statement::failure(&error, 0))?;
            let (size, interrupt) = (database.file.size, connection.get_interrupt_handle());
            Ok(Inner {
                connection: Mutex::new(Some(connection)),
                interrupt,
                closed: Arc::default(),
                turn: Arc::default(),
                within: AtomicBool::new(false),
                last_insert_rowid: AtomicI64::new(0),
                changes: AtomicU64::new(0),
                at_once,
                size,
                _permit: permit,
                _database: database,
            })
        });
        let inner = opening.await.map_err(|error| Failure::Failed(error.to_string()))??;
        Ok(Arc::new(Open(Arc::new(inner))))
    }
}

/// A connection of a guest.
struct Open(Arc<Inner>);

struct Inner {
    connection: Mutex<Option<Connection>>,
    /// Ends what runs at its next instruction; the look at the clock comes many instructions later.
    interrupt: InterruptHandle,
    closed: Arc<AtomicBool>,
    /// Whether it is within a transaction.
    within: AtomicBool,
    /// What the last statement left: who asks for it doesn't wait for the connection.
    last_insert_rowid: AtomicI64,
    changes: AtomicU64,
    at_once: Arc<Semaphore>,
    turn: Arc<tokio::sync::Mutex<()>>,
    size: u64,
    _permit: OwnedSemaphorePermit,
    _database: Arc<Database>,
}

impl Inner {
    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, statement: &str, values: &[Value], bounds: Bounds) -> Result<Answer, Failure> {
        let mut guard = self.connection();
        let Some(connection) = guard.as_mut() else { return Err(Failure::Closed) };
        let answer = statement::run(connection, statement, values, bounds, &self.closed);
        self.within.store(!connection.is_autocommit(), Ordering::Release);
        self.last_insert_rowid.store(connection.last_insert_rowid(), Ordering::Release);
        self.changes.store(connection.changes(), Ordering::Release);
        answer.map_err(|failure| match failure {
            Failure::Full(_) => Failure::Full(self.size),
            _ if self.closed.load(Ordering::Acquire) => Failure::Closed,
            other => other,
        })
    }

    async fn place(&self, deadline: Instant) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        if self.within.load(Ordering::Acquire) {
            return Ok(None);
        }
        let place = tokio::time::timeout_at(deadline.into(), Arc::clone(&self.at_once).acquire_owned()).await;
        place.map_err(|_| Failure::Late)?.map(Some).map_err(|_| Failure::Closed)
    }
}

/// Ends the connection of a statement that nobody waits for any more.
struct Waiting<'a>(Option<&'a Open>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.0 {
            sql::Connection::close(open);
        }
    }
}

#[async_trait]
impl sql::Connection for Open {
    async fn execute(&self, statement: String, values: Vec<Value>, bounds: Bounds) -> Result<Answer, Failure> {
        // One statement of a connection at a time: the others wait here, where they hold no thread.
        let turn = tokio::time::timeout_at(bounds.deadline.into(), Arc::clone(&self.0.turn).lock_owned()).await;
        let turn = turn.map_err(|_| Failure::Late)?;
        let mut waiting = Waiting(Some(self));
        let place = self.0.place(bounds.deadline).await?;
        let inner = Arc::clone(&self.0);
        let mut running = tokio::task::spawn_blocking(move || {
            let _held = (turn, place);
            inner.run(&statement, &values, bounds)
        });
        let ended = match tokio::time::timeout_at(bounds.deadline.into(), &mut running).await {
            Ok(ended) => ended,
            Err(_) => {
                self.0.interrupt.interrupt();
                running.await
            }
        };
        waiting.0 = None;
        ended.map_err(|error| Failure::Failed(error.to_string()))?
    }

    fn last_insert_rowid(&self) -> i64 {
        self.0.last_insert_rowid.load(Ordering::Acquire)
    }

    fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Acquire)
    }

    fn close(&self) {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.interrupt.interrupt();
        // What is left open is rolled back, which writes: not here.
        let inner = Arc::clone(&self.0);
        let end = move || drop(inner.connection().take());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(end)),
            Err(_) => end(),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        sql::Connection::close(self);
    }
}
