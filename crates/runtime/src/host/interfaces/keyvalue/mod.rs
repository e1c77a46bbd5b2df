//! Key-value interfaces over state components: the name that a guest opens is the component's.

mod cas;
mod concurrent;
mod spin;
mod spin_async;
mod state;
mod wasi;
mod wasmcloud;

pub(super) use spin::define as spin;
pub(super) use spin_async::define as spin_async;
pub(super) use wasi::{atomics, atomics2, batch, batch2, store, store2};
pub(super) use wasmcloud::{
    atomics as cloud_atomics, batch as cloud_batch, cas as cloud_cas, store as cloud_store, types as cloud_types,
};

use super::asking::Asking;
use super::components::{self, STATE};
use crate::instance::Host;
use pillion_api::{Code, Error};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource};

/// What a guest opened.
pub(crate) struct Bucket(Arc<str>);

impl Bucket {
    /// That of a component, whether or not there is one.
    pub(crate) fn named(component: &str) -> Self {
        Self(component.into())
    }

    async fn open(asking: &Asking, name: &str) -> Result<Self, Error> {
        Ok(Self(components::named(asking, STATE, name).await?.into()))
    }

    /// The state component behind a handle.
    fn of(store: &mut StoreContextMut<'_, Host>, bucket: &Resource<Self>) -> wasmtime::Result<Arc<str>> {
        Ok(Arc::clone(&store.data_mut().table().get(bucket)?.0))
    }

    /// A handle, bounded by `limits.resources`.
    pub(crate) fn hand_out(self, store: &mut StoreContextMut<'_, Host>) -> wasmtime::Result<Resource<Self>> {
        Ok(store.data_mut().table().push(self)?)
    }
}

/// What wasi:keyvalue says of a failure, in both drafts.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(super) enum Failure {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Code::StateStoreNotFound | Code::StateStoreNotConfigured => Self::NoSuchStore,
            Code::NotAllowed | Code::PermissionDenied => Self::AccessDenied,
            _ => Self::Other(error.message().to_owned()),
        }
    }
}
