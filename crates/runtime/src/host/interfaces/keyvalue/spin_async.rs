//! spin:key-value 3.0, whose functions are async: for guests of WASI 0.3.

use super::spin::{Failure, drop_of};
use super::{Bucket, state};
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::Error;
use std::sync::Arc;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, FutureReader, LinkerInstance, Resource, ResourceType, StreamReader};

type Task<'a> = &'a Accessor<Host>;
type Handle = Resource<Bucket>;

fn begin(task: Task<'_>, bucket: &Handle) -> wasmtime::Result<(Asking, Arc<str>)> {
    task.with(|mut access| {
        let mut store = access.as_context_mut();
        let name = Bucket::of(&mut store, bucket)?;
        Ok((Asking::begin(&mut store)?, name))
    })
}

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, Failure> {
    asking.told(result)
}

async fn open(task: Task<'_>, label: String) -> Told<Handle, Failure> {
    let asking = task.with(|mut access| Asking::begin(&mut access.as_context_mut()))?;
    match Bucket::open(&asking, &label).await {
        Ok(bucket) => task.with(|mut access| Ok((Ok(bucket.hand_out(&mut access.as_context_mut())?),))),
        Err(error) => told(&asking, Err(error)),
    }
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
    instance.resource("store", ResourceType::host::<Bucket>(), drop_of)?;
    instance.func_wrap_concurrent("[static]store.open", |task, (label,): (String,)| Box::pin(open(task, label)))?;
    instance.func_wrap_concurrent("[method]store.get", |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::get(&asking, &name, key).await)
        })
    })?;
    instance.func_wrap_concurrent("[method]store.set", |task, (bucket, key, value): (Handle, String, Vec<u8>)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::set(&asking, &name, key, value).await)
        })
    })?;
    instance.func_wrap_concurrent("[method]store.delete", |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::delete(&asking, &name, key).await)
        })
    })?;
    instance.func_wrap_concurrent("[method]store.exists", |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::exists(&asking, &name, key).await)
        })
    })?;
    instance
        .func_wrap_concurrent("[method]store.get-keys", |task, (bucket,): (Handle,)| Box::pin(get_keys(task, bucket)))
}
