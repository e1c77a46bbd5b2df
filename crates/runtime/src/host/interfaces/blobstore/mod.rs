//! wasi:blobstore 0.2.0-draft over output bindings: a container is a component that keeps objects.

mod binding;
mod container;
mod values;

pub(super) use container::{blobstore, container};
pub(super) use values::types;

use super::asking::{Asking, shown};
use super::components::{Block, choose};
use pillion_api::{Code, Error};
use std::sync::Arc;

/// Components that keep objects by name.
const BLOCK: Block = Block { prefix: "bindings.", called: "object store", absent: Code::InvokeOutputBinding };

/// How a component's type keeps objects.
#[derive(Debug)]
struct Store {
    /// As a Component has it.
    kind: &'static str,
    /// The request's metadata that names an object.
    key: &'static str,
    form: Form,
    listing: Listing,
}

/// How bytes are handed over. All of these take a text in quotes for what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Base64, which it decodes whenever it can be.
    Base64,
    /// Base64, which it decodes when it is told to.
    AskedBase64,
    /// As they are.
    Plain,
}

/// How objects are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// All of them, by their paths in the file system of the sidecar.
    Paths,
    /// All of them.
    Whole,
    /// A page behind a marker, the last name of the page before.
    Pages,
}

const STORES: [Store; 5] = [
    Store { kind: "bindings.localstorage", key: "fileName", form: Form::Base64, listing: Listing::Paths },
    Store { kind: "bindings.aws.s3", key: "key", form: Form::AskedBase64, listing: Listing::Pages },
    Store { kind: "bindings.azure.blobstorage", key: "blobName", form: Form::Plain, listing: Listing::Whole },
    Store { kind: "bindings.gcp.bucket", key: "key", form: Form::AskedBase64, listing: Listing::Whole },
    Store { kind: "bindings.huawei.obs", key: "key", form: Form::Plain, listing: Listing::Pages },
];

/// A component that keeps objects.
#[derive(Clone)]
struct Container {
    name: Arc<str>,
    store: &'static Store,
}

impl Container {
    /// The component of that name; `default` and the empty name are the only one.
    async fn open(asking: &Asking, name: &str) -> Result<Self, Error> {
        let all = Self::all(asking).await?;
        let names = all.iter().map(|container| container.name.to_string()).collect();
        let name = choose(names, BLOCK, name)?;
        let found = all.into_iter().find(|container| *container.name == *name);
        found.ok_or_else(|| Error::new(BLOCK.absent, format!("there is no object store `{}`", shown(&name))))
    }

    async fn all(asking: &Asking) -> Result<Vec<Self>, Error> {
        let components = asking.sidecar().metadata().await?.components;
        let of_store = |kind: &str| STORES.iter().find(|store| store.kind == kind);
        let container = |component: pillion_api::metadata::ComponentMetadata| {
            Some(Self { store: of_store(&component.kind)?, name: component.name.into() })
        };
        Ok(components.into_iter().filter_map(container).collect())
    }
}
