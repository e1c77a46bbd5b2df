//! What the key-value interfaces of WASI 0.3 have in common, whose functions are async.

use super::spin::drop_of;
use super::{Bucket, state};
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::Error;
use std::sync::Arc;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, ComponentType, LinkerInstance, Lower, Resource, ResourceType};

pub(super) type Task<'a> = &'a Accessor<Host>;
pub(super) type Handle = Resource<Bucket>;

/// A call on what the guest opened: the name of its component.
pub(super) fn begin(task: Task<'_>, bucket: &Handle) -> wasmtime::Result<(Asking, Arc<str>)> {
    task.with(|mut access| {
        let mut store = access.as_context_mut();
        let name = Bucket::of(&mut store, bucket)?;
        Ok((Asking::begin(&mut store)?, name))
    })
}

pub(super) async fn open<E: From<Error>>(task: Task<'_>, name: String) -> Told<Handle, E> {
    let asking = task.with(|mut access| Asking::begin(&mut access.as_context_mut()))?;
    match Bucket::open(&asking, &name).await {
        Ok(bucket) => task.with(|mut access| Ok((Ok(bucket.hand_out(&mut access.as_context_mut())?),))),
        Err(error) => asking.told(Err(error)),
    }
}

/// The handle of this name, with the functions that both have alike.
pub(super) fn handle<E>(instance: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<()>
where
    E: From<Error> + ComponentType + Lower + Send + Sync + 'static,
{
    instance.resource(name, ResourceType::host::<Bucket>(), drop_of)?;
    instance.func_wrap_concurrent(&format!("[method]{name}.get"), |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            asking.told::<_, E>(state::get(&asking, &name, key).await)
        })
    })?;
    instance.func_wrap_concurrent(&format!("[method]{name}.delete"), |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            asking.told::<_, E>(state::delete(&asking, &name, key).await)
        })
    })?;
    instance.func_wrap_concurrent(&format!("[method]{name}.exists"), |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            asking.told::<_, E>(state::exists(&asking, &name, key).await)
        })
    })
}
