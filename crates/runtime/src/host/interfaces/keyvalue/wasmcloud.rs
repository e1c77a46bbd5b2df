//! wasmcloud:keyvalue 0.2, whose functions are async: for guests of WASI 0.3. A version is an ETag.

use super::concurrent::{self, Handle, begin};
use super::state;
use crate::host::interfaces::asking::{Asking, Told};
use crate::instance::Host;
use pillion_api::state::Item;
use pillion_api::{Code, Error, Metadata};
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};

type Instance<'a> = LinkerInstance<'a, Host>;
type Pairs = Vec<(String, Vec<u8>)>;

/// What a component says of itself that forgets keys in time.
const TTL: &str = "TTL";

#[derive(ComponentType, Lower)]
#[component(variant)]
#[allow(dead_code)] // All of the interface's, not all of which are said.
enum Failure {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "precondition-failed")]
    PreconditionFailed,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "store-unavailable")]
    StoreUnavailable,
    #[component(name = "quota-exceeded")]
    QuotaExceeded,
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Code::StateStoreNotFound | Code::StateStoreNotConfigured => Self::NoSuchStore,
            Code::NotAllowed | Code::PermissionDenied => Self::AccessDenied,
            Code::StateSaveEtagMismatch => Self::PreconditionFailed,
            _ => Self::Other(error.message().to_owned()),
        }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct SetOptions {
    #[component(name = "ttl-ms")]
    ttl_ms: Option<u64>,
    #[component(name = "if-not-exists")]
    if_not_exists: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Page {
    keys: Vec<String>,
    cursor: Option<String>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Entry {
    value: Vec<u8>,
    version: String,
}

impl From<Item> for Entry {
    fn from(item: Item) -> Self {
        Self { value: item.value.into(), version: item.etag }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct CasOptions {
    #[component(name = "require-version")]
    version: Option<String>,
    #[component(name = "require-value")]
    value: Option<Vec<u8>>,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Swapped {
    #[component(name = "swapped")]
    Swapped,
    #[component(name = "stale")]
    Stale(Option<Entry>),
}

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, Failure> {
    asking.told(result)
}

/// `types`: the handle `bucket` and its functions.
pub(in super::super) fn types(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    concurrent::handle::<Failure>(instance, "bucket")?;
    instance.func_wrap_concurrent(
        "[method]bucket.set",
        |task, (bucket, key, value, options): (Handle, String, Vec<u8>, Option<SetOptions>)| {
            Box::pin(async move {
                let (asking, name) = begin(task, &bucket)?;
                told(&asking, set(&asking, &name, key, value, options).await)
            })
        },
    )?;
    instance.func_wrap_concurrent(
        "[method]bucket.list-keys",
        |task, (bucket, prefix, cursor): (Handle, Option<String>, Option<String>)| {
            Box::pin(async move {
                let (asking, name) = begin(task, &bucket)?;
                let page = state::keys(&asking, &name, cursor).await.map(|(mut keys, cursor)| {
                    keys.retain(|key| prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix)));
                    Page { keys, cursor }
                });
                told(&asking, page)
            })
        },
    )
}

/// The interface wants an error where a store can't forget.
async fn set(
    asking: &Asking,
    store: &str,
    key: String,
    value: Vec<u8>,
    options: Option<SetOptions>,
) -> Result<(), Error> {
    let Some(options) = options else { return state::set(asking, store, key, value).await };
    let mut metadata = Metadata::new();
    if let Some(ms) = options.ttl_ms {
        let components = asking.sidecar().metadata().await?.components;
        let forgets = |component: &pillion_api::metadata::ComponentMetadata| {
            component.name == store && component.capabilities.iter().any(|capability| capability == TTL)
        };
        if !components.iter().any(forgets) {
            return Err(Error::new(Code::BadRequest, format!("state store `{store}` does not forget keys in time"))
                .hint("set the key without `ttl-ms`, or use a store that has it"));
        }
        // Dapr counts seconds: a key lives no shorter than was asked for.
        metadata.insert("ttlInSeconds".to_owned(), ms.div_ceil(1000).max(1).to_string());
    }
    state::set_with(asking, store, key, value, options.if_not_exists, metadata).await
}

/// `store`.
pub(in super::super) fn store(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("open", |task, (name,): (String,)| Box::pin(concurrent::open::<Failure>(task, name)))
}

/// `atomics`.
pub(in super::super) fn atomics(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("increment", |task, (bucket, key, delta): (Handle, String, i64)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            let range = i64::MIN.into()..=i64::MAX.into();
            let sum = state::increment(&asking, &name, key, delta.into(), range).await;
            told(&asking, sum.map(|sum| i64::try_from(sum).unwrap_or(i64::MAX)))
        })
    })
}

/// `cas`.
pub(in super::super) fn cas(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("current", |task, (bucket, key): (Handle, String)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::read(&asking, &name, key).await.map(|item| item.map(Entry::from)))
        })
    })?;
    instance.func_wrap_concurrent(
        "swap",
        |task, (bucket, key, value, options): (Handle, String, Vec<u8>, CasOptions)| {
            Box::pin(async move {
                let (asking, name) = begin(task, &bucket)?;
                if options.version.is_none() && options.value.is_none() {
                    return Ok((Err(Failure::InvalidArgument),));
                }
                told(&asking, swap(&asking, &name, key, value, options).await)
            })
        },
    )
}

/// A condition on the value is one on the version that had it.
async fn swap(
    asking: &Asking,
    store: &str,
    key: String,
    value: Vec<u8>,
    options: CasOptions,
) -> Result<Swapped, Error> {
    let now = state::read(asking, store, key.clone()).await?;
    let is_asked = |item: &Item| {
        options.version.as_ref().is_none_or(|version| *version == item.etag)
            && options.value.as_ref().is_none_or(|value| value[..] == item.value[..])
    };
    let etag = match now {
        Some(item) if is_asked(&item) => item.etag,
        other => return Ok(Swapped::Stale(other.map(Entry::from))),
    };
    match state::swap(asking, store, key.clone(), value, Some(etag)).await {
        Ok(()) => Ok(Swapped::Swapped),
        Err(error) if state::is_conflict(&error) => {
            Ok(Swapped::Stale(state::read(asking, store, key).await?.map(Entry::from)))
        }
        Err(error) => Err(error),
    }
}

/// `batch`.
pub(in super::super) fn batch(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("get-many", |task, (bucket, keys): (Handle, Vec<String>)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            let found = state::get_many(&asking, &name, keys).await;
            let pair = |(key, value): (String, Option<Vec<u8>>)| value.map(|value| (key, value));
            told(&asking, found.map(|found| found.into_iter().map(pair).collect::<Vec<_>>()))
        })
    })?;
    instance.func_wrap_concurrent("set-many", |task, (bucket, pairs): (Handle, Pairs)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::set_many(&asking, &name, pairs).await)
        })
    })?;
    instance.func_wrap_concurrent("delete-many", |task, (bucket, keys): (Handle, Vec<String>)| {
        Box::pin(async move {
            let (asking, name) = begin(task, &bucket)?;
            told(&asking, state::delete_many(&asking, &name, keys).await)
        })
    })
}
