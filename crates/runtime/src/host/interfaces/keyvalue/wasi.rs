//! wasi:keyvalue 0.2.0-draft and 0.2.0-draft2. They differ in the cursor of a listing, in the sign of a counter, and in what
//! a batch answers for a key that isn't there; the second has compare-and-swap.

use super::{Bucket, Failure, cas, state};
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::{Code, Error};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType};

type Instance<'a> = LinkerInstance<'a, Host>;
type Store<'a> = StoreContextMut<'a, Host>;

#[derive(ComponentType, Lower)]
#[component(record)]
struct Page<C> {
    keys: Vec<String>,
    cursor: Option<C>,
}

/// `store` of 0.2.0-draft, whose cursor is a number.
pub(in super::super) fn store(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    of_both(instance)?;
    instance.func_wrap_async(
        "[method]bucket.list-keys",
        |mut store: Store<'_>, (bucket, cursor): (Resource<Bucket>, Option<u64>)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                let page = state::keys(&asking, &name, cursor.map(|cursor| cursor.to_string())).await;
                told(&asking, page.and_then(|(keys, cursor)| Ok(Page { keys, cursor: numbered(cursor)? })))
            })
        },
    )
}

fn numbered(cursor: Option<String>) -> Result<Option<u64>, Error> {
    let no_number = |_| Error::new(Code::StateQuery, "the store's next page is no number, as this draft wants it");
    cursor.map(|cursor| cursor.parse()).transpose().map_err(no_number)
}

/// `store` of 0.2.0-draft2, whose cursor is the store's own.
pub(in super::super) fn store2(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    of_both(instance)?;
    instance.func_wrap_async(
        "[method]bucket.list-keys",
        |mut store: Store<'_>, (bucket, cursor): (Resource<Bucket>, Option<String>)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                let page = state::keys(&asking, &name, cursor).await;
                told(&asking, page.map(|(keys, cursor)| Page { keys, cursor }))
            })
        },
    )
}

/// Counts the host call; whom it asks, and for which component.
fn begin(store: &mut Store<'_>, bucket: &Resource<Bucket>) -> wasmtime::Result<(Asking, std::sync::Arc<str>)> {
    let name = Bucket::of(store, bucket)?;
    Ok((Asking::begin(store)?, name))
}

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, Failure> {
    asking.told(result)
}

fn of_both(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.resource("bucket", ResourceType::host::<Bucket>(), |mut store, bucket| {
        store.data_mut().table().delete(Resource::<Bucket>::new_own(bucket))?;
        Ok(())
    })?;
    instance.func_wrap_async("open", |mut store: Store<'_>, (name,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            match Bucket::open(&asking, &name).await {
                Ok(bucket) => Ok((Ok(bucket.hand_out(&mut store)?),)),
                Err(error) => told(&asking, Err(error)),
            }
        })
    })?;
    instance.func_wrap_async(
        "[method]bucket.get",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                told(&asking, state::get(&asking, &name, key).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.set",
        |mut store: Store<'_>, (bucket, key, value): (Resource<Bucket>, String, Vec<u8>)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                told(&asking, state::set(&asking, &name, key, value).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.delete",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                told(&asking, state::delete(&asking, &name, key).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]bucket.exists",
        |mut store: Store<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                told(&asking, state::exists(&asking, &name, key).await)
            })
        },
    )
}

/// `atomics` of 0.2.0-draft.
pub(in super::super) fn atomics(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "increment",
        |mut store: Store<'_>, (bucket, key, delta): (Resource<Bucket>, String, u64)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                let sum = state::increment(&asking, &name, key, delta.into(), 0..=u64::MAX.into()).await;
                // The range has been looked at.
                told(&asking, sum.map(|sum| u64::try_from(sum).unwrap_or(u64::MAX)))
            })
        },
    )
}

/// `atomics` of 0.2.0-draft2.
pub(in super::super) fn atomics2(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "increment",
        |mut store: Store<'_>, (bucket, key, delta): (Resource<Bucket>, String, i64)| {
            Box::new(async move {
                let (asking, name) = begin(&mut store, &bucket)?;
                let range = i64::MIN.into()..=i64::MAX.into();
                let sum = state::increment(&asking, &name, key, delta.into(), range).await;
                told(&asking, sum.map(|sum| i64::try_from(sum).unwrap_or(i64::MAX)))
            })
        },
    )?;
    cas::define(instance)
}

/// `batch` of 0.2.0-draft: a key that isn't there is none at all.
pub(in super::super) fn batch(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    batch_of_both(instance)?;
    instance.func_wrap_async("get-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move {
            let (asking, name) = begin(&mut store, &bucket)?;
            let found = state::get_many(&asking, &name, keys)
                .await
                .map(|found| found.into_iter().map(|(key, value)| value.map(|value| (key, value))).collect::<Vec<_>>());
            told(&asking, found)
        })
    })
}

/// `batch` of 0.2.0-draft2: a key that isn't there has no value.
pub(in super::super) fn batch2(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    batch_of_both(instance)?;
    instance.func_wrap_async("get-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move {
            let (asking, name) = begin(&mut store, &bucket)?;
            told(&asking, state::get_many(&asking, &name, keys).await)
        })
    })
}

fn batch_of_both(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Pairs = Vec<(String, Vec<u8>)>;
    instance.func_wrap_async("set-many", |mut store: Store<'_>, (bucket, pairs): (Resource<Bucket>, Pairs)| {
        Box::new(async move {
            let (asking, name) = begin(&mut store, &bucket)?;
            told(&asking, state::set_many(&asking, &name, pairs).await)
        })
    })?;
    instance.func_wrap_async("delete-many", |mut store: Store<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
        Box::new(async move {
            let (asking, name) = begin(&mut store, &bucket)?;
            told(&asking, state::delete_many(&asking, &name, keys).await)
        })
    })
}
