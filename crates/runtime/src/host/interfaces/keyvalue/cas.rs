//! Compare-and-swap of wasi:keyvalue 0.2.0-draft2, by ETag.

use super::{Bucket, Failure, state};
use crate::host::interfaces::asking::{Asking, Held, Told};
use crate::instance::Host;
use pillion_api::Error;
use pillion_api::state::Item;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType};

/// A key as it was read.
pub(super) struct Cas {
    store: Arc<str>,
    key: String,
    item: Option<Item>,
    _held: Held,
}

impl Cas {
    async fn read(asking: &Asking, store: Arc<str>, key: String) -> Result<Self, Error> {
        let item = state::read(asking, &store, key.clone()).await?;
        let bytes = key.len() + item.as_ref().map_or(0, |item| item.value.len() + item.etag.len());
        let held = Held::new(&asking.call, bytes)?;
        Ok(Self { store, key, item, _held: held })
    }
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasFailure {
    #[component(name = "store-error")]
    Store(Failure),
    #[component(name = "cas-failed")]
    Failed(Resource<Cas>),
}

impl From<Error> for CasFailure {
    fn from(error: Error) -> Self {
        Self::Store(error.into())
    }
}

/// The handle `cas`, and `swap`.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.resource("cas", ResourceType::host::<Cas>(), |mut store, cas| {
        store.data_mut().table().delete(Resource::<Cas>::new_own(cas))?;
        Ok(())
    })?;
    instance.func_wrap_async(
        "[static]cas.new",
        |mut store: StoreContextMut<'_, Host>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let name = Bucket::of(&mut store, &bucket)?;
                let asking = Asking::begin(&mut store)?;
                match Cas::read(&asking, name, key).await {
                    Ok(cas) => Ok((Ok(store.data_mut().table().push(cas)?),)),
                    Err(error) => asking.told::<_, Failure>(Err(error)),
                }
            })
        },
    )?;
    instance.func_wrap(
        "[method]cas.current",
        |mut store: StoreContextMut<'_, Host>, (cas,): (Resource<Cas>,)| -> Told<Option<Vec<u8>>, Failure> {
            let cas = store.data_mut().table().get(&cas)?;
            Ok((Ok(cas.item.as_ref().map(|item| item.value.to_vec())),))
        },
    )?;
    instance.func_wrap_async("swap", |mut store: StoreContextMut<'_, Host>, (cas, value): (Resource<Cas>, Vec<u8>)| {
        Box::new(async move { swap(&mut store, cas, value).await })
    })
}

async fn swap(store: &mut StoreContextMut<'_, Host>, cas: Resource<Cas>, value: Vec<u8>) -> Told<(), CasFailure> {
    let asking = Asking::begin(store)?;
    let cas = store.data_mut().table().delete(cas)?;
    let etag = cas.item.map(|item| item.etag);
    let outcome = state::swap(&asking, &cas.store, cas.key.clone(), value, etag).await;
    if !outcome.as_ref().is_err_and(state::is_conflict) {
        return asking.told(outcome);
    }
    match Cas::read(&asking, cas.store, cas.key).await {
        Ok(again) => Ok((Err(CasFailure::Failed(store.data_mut().table().push(again)?)),)),
        Err(error) => asking.told(Err(error)),
    }
}
