//! wasi:config/store, whose three names have one shape: the app's configuration components, then its environment.

use super::asking::Asking;
use super::settings;
use crate::instance::Host;
use pillion_api::Error;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "upstream")]
    Upstream(String),
    /// Never said: a component's failure and a denial are both the upstream's.
    #[component(name = "io")]
    #[allow(dead_code)]
    Io(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Upstream(error.message().to_owned())
    }
}

/// `get` and `get-all`.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_async("get", |mut store: StoreContextMut<'_, Host>, (key,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            asking.told::<_, Failure>(settings::value(&asking, &key).await)
        })
    })?;
    instance.func_wrap_async("get-all", |mut store: StoreContextMut<'_, Host>, (): ()| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            let all = settings::all(&asking).await.map(|all| all.into_iter().collect::<Vec<(String, String)>>());
            asking.told::<_, Failure>(all)
        })
    })
}
