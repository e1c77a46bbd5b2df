//! spin:key-value 3.0, whose functions are async: for guests of WASI 0.3.

use super::concurrent::{self, Handle, Task, begin};
use super::spin::Failure;
use super::state;
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::Error;
use wasmtime::AsContextMut;
use wasmtime::component::{FutureReader, LinkerInstance, StreamReader};

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, Failure> {
    asking.told(result)
}

type Keys = (StreamReader<String>, FutureReader<Result<(), Failure>>);

/// The keys are read before the stream is handed out, so its end is known with it.
async fn get_keys(task: Task<'_>, bucket: Handle) -> wasmtime::Result<(Keys,)> {
    let (asking, name) = begin(task, &bucket)?;
    let listed = state::all_keys(&asking, &name).await;
    let (keys, end) = match listed {
        Ok(keys) => (keys, Ok(())),
        Err(error) => (Vec::new(), told(&asking, Err(error))?.0),
    };
    task.with(|mut access| {
        let keys = StreamReader::new(access.as_context_mut(), keys)?;
        let end = FutureReader::new(access.as_context_mut(), async move { wasmtime::error::Ok(end) })?;
        Ok(((keys, end),))
    })
}

/// The handle `store` and its functions.
pub(in super::super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    concurrent::handle::<Failure>(instance, "store")?;
    instance.func_wrap_concurrent("[static]store.open", |task, (label,): (String,)| {
        Box::pin(concurrent::open::<Failure>(task, label))
    })?;
    instance.func_wrap_concurrent("[method]store.set", |task, (bucket, key, value): (Handle, String, Vec<u8>)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::set(&asking, &name, key, value).await)
        })
    })?;
    instance
        .func_wrap_concurrent("[method]store.get-keys", |task, (bucket,): (Handle,)| Box::pin(get_keys(task, bucket)))
}
