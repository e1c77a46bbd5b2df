//! fermyon:spin/key-value 2.0: a store is a state component; `default` is the only one, unless one has that name.

use super::{Bucket, state};
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::Error;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType};

/// What Spin says of a failure.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum Failure {
    /// Never said: too many handles end the guest, as they do for all interfaces.
    #[component(name = "store-table-full")]
    #[allow(dead_code)]
    StoreTableFull,
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match super::Failure::from(error) {
            super::Failure::NoSuchStore => Self::NoSuchStore,
            super::Failure::AccessDenied => Self::AccessDenied,
            super::Failure::Other(why) => Self::Other(why),
        }
    }
}

type Store<'a> = StoreContextMut<'a, Host>;

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, Failure> {
    asking.told(result)
}

pub(super) fn drop_of(mut store: Store<'_>, handle: u32) -> wasmtime::Result<()> {
    store.data_mut().table().delete(Resource::<Bucket>::new_own(handle))?;
    Ok(())
}

/// The handle `store` and its functions.
pub(in super::super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.resource("store", ResourceType::host::<Bucket>(), drop_of)?;
    instance.func_wrap_async("[static]store.open", |mut store: Store<'_>, (label,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            match Bucket::open(&asking, &label).await {
                Ok(bucket) => Ok((Ok(bucket.hand_out(&mut store)?),)),
                Err(error) => told(&asking, Err(error)),
            }
        })
    })?;
    instance.func_wrap_async(
        "[method]store.get",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (name, asking) = (Bucket::of(&mut store, &bucket)?, Asking::begin(&mut store)?);
                told(&asking, state::get(&asking, &name, key).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]store.set",
        |mut store: Store<'_>, (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            Box::new(async move {
                let (name, asking) = (Bucket::of(&mut store, &bucket)?, Asking::begin(&mut store)?);
                told(&asking, state::set(&asking, &name, key, value).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]store.delete",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (name, asking) = (Bucket::of(&mut store, &bucket)?, Asking::begin(&mut store)?);
                told(&asking, state::delete(&asking, &name, key).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]store.exists",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (name, asking) = (Bucket::of(&mut store, &bucket)?, Asking::begin(&mut store)?);
                told(&asking, state::exists(&asking, &name, key).await)
            })
        },
    )?;
    instance.func_wrap_async("[method]store.get-keys", |mut store: Store<'_>, (bucket,): (Resource<Bucket>,)| {
        Box::new(async move {
            let (name, asking) = (Bucket::of(&mut store, &bucket)?, Asking::begin(&mut store)?);
            told(&asking, state::all_keys(&asking, &name).await)
        })
    })
}
