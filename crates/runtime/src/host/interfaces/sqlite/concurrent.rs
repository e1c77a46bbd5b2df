//! The async functions of spin:sqlite 3.1, for guests of WASI 0.3.

use super::{Connection, Failure, RowResult, Value, asked, execute, open, told};
use crate::call::Call;
use crate::host::interfaces::asking::{Asking, Held, Told};
use crate::instance::Host;
use pillion_api::sql::{self, Answer};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime::component::{
    Accessor, Destination, FutureReader, LinkerInstance, Resource, StreamProducer, StreamReader, StreamResult,
    VecBuffer,
};
use wasmtime::{AsContextMut, StoreContextMut};

type Task<'a> = &'a Accessor<Host>;
type End = Result<(), Failure>;
type Streamed = (Vec<String>, StreamReader<RowResult>, FutureReader<End>);

/// Rows on their way to the guest: they count against its bytes with the host until it has them, or wants no more.
struct Rows {
    rows: Option<Vec<RowResult>>,
    _held: Held,
}

impl StreamProducer<Host> for Rows {
    type Item = RowResult;
    type Buffer = VecBuffer<RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: StoreContextMut<'a, Host>,
        mut to: Destination<'a, RowResult, VecBuffer<RowResult>>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        Poll::Ready(Ok(match self.rows.take().filter(|rows| !rows.is_empty()) {
            Some(rows) => {
                to.set_buffer(rows.into());
                StreamResult::Completed
            }
            None => StreamResult::Dropped,
        }))
    }
}

fn begin(task: Task<'_>, handle: &Resource<Connection>) -> wasmtime::Result<(Arc<dyn sql::Connection>, Arc<Call>)> {
    task.with(|mut access| asked(&mut access.as_context_mut(), handle))
}

async fn open_async(task: Task<'_>, name: String) -> Told<Resource<Connection>, Failure> {
    let call = task.with(|mut access| Asking::begin(&mut access.as_context_mut()))?.call;
    match open(&call, &name).await {
        Ok(connection) => task.with(|mut access| {
            let connection = access.as_context_mut().data_mut().table().push(Connection(connection))?;
            Ok((Ok(connection),))
        }),
        Err(failure) => told(&call, Err(failure), &name),
    }
}

/// As in Spin's own host, what is wrong with a statement is told by the future at the end of its rows, of which there are none.
async fn execute_async(
    task: Task<'_>,
    (handle, statement, values): (Resource<Connection>, String, Vec<Value>),
) -> Told<Streamed, Failure> {
    let (connection, call) = begin(task, &handle)?;
    // One statement of a call after the other: each may answer with what those before it have left of the call's bytes.
    let turn = call.connections.turn.lock().await;
    let ran = execute(&call, &*connection, statement, values).await;
    let (answer, end) = match told(&call, ran, "")?.0 {
        Ok(answer) => (answer, Ok(())),
        Err(failure) => (Answer::default(), Err(failure)),
    };
    let held = Held::new(&call, answer.bytes)?;
    drop(turn);
    let rows: Vec<RowResult> = answer.rows.into_iter().map(RowResult::from).collect();
    task.with(|mut access| {
        let rows = StreamReader::new(access.as_context_mut(), Rows { rows: Some(rows), _held: held })?;
        let end = FutureReader::new(access.as_context_mut(), async move { wasmtime::error::Ok(end) })?;
        Ok((Ok((answer.columns, rows, end)),))
    })
}

/// The functions of 3.0, and their async twins.
pub(in super::super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    super::define3(instance)?;
    instance.func_wrap_concurrent("[static]connection.open-async", |task, (name,): (String,)| {
        Box::pin(open_async(task, name))
    })?;
    instance
        .func_wrap_concurrent("[method]connection.execute-async", |task, asked| Box::pin(execute_async(task, asked)))?;
    instance.func_wrap_concurrent(
        "[method]connection.last-insert-rowid-async",
        |task, (handle,): (Resource<Connection>,)| {
            Box::pin(async move { Ok((begin(task, &handle)?.0.last_insert_rowid(),)) })
        },
    )?;
    instance.func_wrap_concurrent("[method]connection.changes-async", |task, (handle,): (Resource<Connection>,)| {
        Box::pin(async move { Ok((begin(task, &handle)?.0.changes(),)) })
    })
}
