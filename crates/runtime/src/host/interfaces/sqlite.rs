//! fermyon:spin/sqlite 2.0 and spin:sqlite 3.0 over the app's databases: one is had by the name that the manifest gives it, or
//! not at all.

pub(super) mod concurrent;

use super::asking::{Asking, Told, note, over, shown};
use crate::call::Call;
use crate::instance::Host;
use pillion_api::sql::{self, Bounds};
use pillion_api::{Code, Error};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType};

type Store<'a> = StoreContextMut<'a, Host>;

/// What a guest opened.
struct Connection(Arc<dyn sql::Connection>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The connections that a call opened: an instance may be kept, they are not.
#[derive(Default)]
pub(crate) struct Connections {
    opened: Mutex<Vec<Weak<dyn sql::Connection>>>,
    /// Held while a statement runs whose rows are streamed.
    turn: tokio::sync::Mutex<()>,
}

impl Connections {
    fn add(&self, connection: &Arc<dyn sql::Connection>) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(connection));
    }

    /// The call is over.
    pub(crate) fn close(&self) {
        let all = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        all.iter().filter_map(Weak::upgrade).for_each(|connection| connection.close());
    }
}

/// What Spin says of a failure.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum Failure {
    /// Never said: a name that the manifest doesn't have may be one of another app.
    #[component(name = "no-such-database")]
    #[allow(dead_code)]
    NoSuchDatabase,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "invalid-connection")]
    InvalidConnection,
    #[component(name = "database-full")]
    DatabaseFull,
    #[component(name = "io")]
    Io(String),
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum Value {
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "real")]
    Real(f64),
    #[component(name = "text")]
    Text(String),
    #[component(name = "blob")]
    Blob(Vec<u8>),
    #[component(name = "null")]
    Null,
}

impl From<Value> for sql::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
            Value::Null => Self::Null,
        }
    }
}

impl From<sql::Value> for Value {
    fn from(value: sql::Value) -> Self {
        match value {
            sql::Value::Integer(number) => Self::Integer(number),
            sql::Value::Real(number) => Self::Real(number),
            sql::Value::Text(text) => Self::Text(text),
            sql::Value::Blob(bytes) => Self::Blob(bytes),
            sql::Value::Null => Self::Null,
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct QueryResult {
    columns: Vec<String>,
    rows: Vec<RowResult>,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct RowResult {
    values: Vec<Value>,
}

impl From<Vec<sql::Value>> for RowResult {
    fn from(values: Vec<sql::Value>) -> Self {
        Self { values: values.into_iter().map(Value::from).collect() }
    }
}

impl From<sql::Answer> for QueryResult {
    fn from(answer: sql::Answer) -> Self {
        Self { columns: answer.columns, rows: answer.rows.into_iter().map(RowResult::from).collect() }
    }
}

async fn open(call: &Call, name: &str) -> Result<Arc<dyn sql::Connection>, sql::Failure> {
    let databases = call.hosted.outgoing.as_ref().and_then(|outgoing| outgoing.databases());
    let opened = databases.ok_or(sql::Failure::NotNamed)?.open(name, call.deadline).await?;
    call.connections.add(&opened);
    Ok(opened)
}

/// Runs a statement within the call's time, and what is left of its bytes with the host.
async fn execute(
    call: &Call,
    connection: &dyn sql::Connection,
    statement: String,
    values: Vec<Value>,
) -> Result<sql::Answer, sql::Failure> {
    let left = call.hosted.limits().host_buffers.saturating_sub(call.held.load(Ordering::Relaxed));
    let values = values.into_iter().map(sql::Value::from).collect();
    connection.execute(statement, values, Bounds { deadline: call.deadline, bytes: left }).await
}

/// What the guest hears: its limits end it, the rest is a value of the interface and in the log.
fn told<T>(call: &Call, result: Result<T, sql::Failure>, name: &str) -> Told<T, Failure> {
    let failure = match result {
        Ok(value) => return Ok((Ok(value),)),
        Err(failure) => failure,
    };
    let (failure, logged) = match failure {
        sql::Failure::TooLarge => return Err(over(call, call.hosted.limits().host_buffers).into()),
        sql::Failure::Late => return Err(call.timed_out().into()),
        sql::Failure::NotNamed => (Failure::AccessDenied, not_named(call, name)),
        sql::Failure::Closed => {
            let error = Error::new(Code::BadRequest, "a connection was used after the call that opened it");
            (Failure::InvalidConnection, error.hint("open a connection in each call"))
        }
        sql::Failure::Full(size) => {
            let error = Error::new(Code::Internal, format!("the database is full: it holds at most {size} bytes"));
            (Failure::DatabaseFull, error.hint("raise its `size` under `databases:`"))
        }
        sql::Failure::Failed(why) => (Failure::Io(why.clone()), Error::new(Code::BadRequest, shown(&why))),
    };
    note(call, &logged);
    Ok((Err(failure),))
}

fn not_named(call: &Call, name: &str) -> Error {
    let (app, name) = (&call.hosted.app, shown(name));
    Error::new(Code::NotAllowed, format!("app `{app}` has no database `{name}`"))
        .hint(format!("add `databases: {{ {name}: {{ file: <path> }} }}` to the app's `wasm:`"))
}

/// The connection that a guest asks something of, and the call that it is counted for.
fn asked(
    store: &mut Store<'_>,
    handle: &Resource<Connection>,
) -> wasmtime::Result<(Arc<dyn sql::Connection>, Arc<Call>)> {
    let connection = Arc::clone(&store.data_mut().table().get(handle)?.0);
    Ok((connection, Asking::begin(store)?.call))
}

/// The handle `connection` and its functions of 3.0: those of 2.0, and what the last statement left.
pub(super) fn define3(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    define(instance)?;
    instance.func_wrap(
        "[method]connection.last-insert-rowid",
        |mut store: Store<'_>, (handle,): (Resource<Connection>,)| {
            Ok((asked(&mut store, &handle)?.0.last_insert_rowid(),))
        },
    )?;
    instance.func_wrap("[method]connection.changes", |mut store: Store<'_>, (handle,): (Resource<Connection>,)| {
        Ok((asked(&mut store, &handle)?.0.changes(),))
    })
}

/// The handle `connection` and its functions of 2.0.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.resource("connection", ResourceType::host::<Connection>(), |mut store, handle| {
        store.data_mut().table().delete(Resource::<Connection>::new_own(handle))?;
        Ok(())
    })?;
    instance.func_wrap_async("[static]connection.open", |mut store: Store<'_>, (name,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            match open(&asking.call, &name).await {
                Ok(connection) => Ok((Ok(store.data_mut().table().push(Connection(connection))?),)),
                Err(failure) => told(&asking.call, Err(failure), &name),
            }
        })
    })?;
    instance.func_wrap_async(
        "[method]connection.execute",
        |mut store: Store<'_>, (handle, statement, values): (Resource<Connection>, String, Vec<Value>)| {
            Box::new(async move {
                let (connection, call) = asked(&mut store, &handle)?;
                let ran = execute(&call, &*connection, statement, values).await;
                told(&call, ran.map(QueryResult::from), "")
            })
        },
    )
}
