//! wasmcloud:secrets 0.1.0-draft and, async, 2.1: a handle of a secret, whose value is only shown when it is revealed.

use super::asking::{Asking, Held, Told, call_of};
use super::settings;
use crate::instance::Host;
use pillion_api::{Code, Error};
use wasmtime::component::{Accessor, ComponentType, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{AsContextMut, StoreContextMut};

type Store<'a> = StoreContextMut<'a, Host>;

/// A secret of the app.
struct Secret {
    value: String,
    _held: Held,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "upstream")]
    Upstream(String),
    /// Never said: whatever fails is the upstream's.
    #[component(name = "io")]
    #[allow(dead_code)]
    Io(String),
    #[component(name = "not-found")]
    NotFound,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Code::SecretStoreNotFound | Code::SecretStoresNotConfigured => Self::NotFound,
            _ => Self::Upstream(error.message().to_owned()),
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Value {
    #[component(name = "string")]
    Text(String),
    /// Never said: Dapr's secrets are text.
    #[component(name = "bytes")]
    #[allow(dead_code)]
    Bytes(Vec<u8>),
}

async fn get(asking: &Asking, key: &str) -> Result<Secret, Error> {
    let found = settings::secret(asking, key).await?;
    let Some(secret) = found else { return Err(Error::new(Code::SecretStoreNotFound, "no secret store has it")) };
    let value = settings::value_of(key, secret)?;
    let held = Held::new(&asking.call, value.len())?;
    Ok(Secret { value, _held: held })
}

fn hand_out(store: &mut Store<'_>, asking: &Asking, secret: Result<Secret, Error>) -> Told<Resource<Secret>, Failure> {
    match secret {
        Ok(secret) => Ok((Ok(store.data_mut().table().push(secret)?),)),
        Err(error) => asking.told(Err(error)),
    }
}

fn reveal_of(store: &mut Store<'_>, secret: &Resource<Secret>) -> wasmtime::Result<(Value,)> {
    call_of(store)?.count_host_call()?;
    Ok((Value::Text(store.data_mut().table().get(secret)?.value.clone()),))
}

fn resource(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.resource("secret", ResourceType::host::<Secret>(), |mut store, secret| {
        store.data_mut().table().delete(Resource::<Secret>::new_own(secret))?;
        Ok(())
    })
}

/// `store` of the draft.
pub(super) fn store(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    resource(instance)?;
    instance.func_wrap_async("get", |mut store: Store<'_>, (key,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            let secret = get(&asking, &key).await;
            hand_out(&mut store, &asking, secret)
        })
    })
}

/// `reveal` of the draft.
pub(super) fn reveal(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap("reveal", |mut store: Store<'_>, (secret,): (Resource<Secret>,)| reveal_of(&mut store, &secret))
}

/// `store` of 2.1.
pub(super) fn store_async(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    resource(instance)?;
    instance.func_wrap_concurrent("get", |task: &Accessor<Host>, (key,): (String,)| {
        Box::pin(async move {
            let asking = task.with(|mut access| Asking::begin(&mut access.as_context_mut()))?;
            let secret = get(&asking, &key).await;
            task.with(|mut access| hand_out(&mut access.as_context_mut(), &asking, secret))
        })
    })
}

/// `reveal` of 2.1.
pub(super) fn reveal_async(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("reveal", |task: &Accessor<Host>, (secret,): (Resource<Secret>,)| {
        Box::pin(async move { task.with(|mut access| reveal_of(&mut access.as_context_mut(), &secret)) })
    })
}
