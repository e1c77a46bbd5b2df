//! Containers of wasi:blobstore and what they hold.

use super::Container;
use super::binding::is_absent;
use super::values::{Incoming, Outgoing, resource};
use crate::host::interfaces::asking::{Asking, Held, Told, sentence};
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::{Code, Error};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

type Store<'a> = StoreContextMut<'a, Host>;
type Instance<'a> = LinkerInstance<'a, Host>;
type Handle = Resource<Container>;

#[derive(ComponentType, Lower)]
#[component(record)]
struct ContainerMetadata {
    name: String,
    /// 0: bindings don't tell.
    #[component(name = "created-at")]
    created_at: u64,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct ObjectMetadata {
    name: String,
    container: String,
    /// 0: bindings don't tell.
    #[component(name = "created-at")]
    created_at: u64,
    size: u64,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct ObjectId {
    container: String,
    object: String,
}

/// Names that were listed and not read yet.
struct Names {
    left: std::vec::IntoIter<String>,
    _held: Held,
}

fn begin(store: &mut Store<'_>, container: &Handle) -> wasmtime::Result<(Asking, Container)> {
    let container = store.data_mut().table().get(container)?.clone();
    Ok((Asking::begin(store)?, container))
}

fn told<T>(asking: &Asking, result: Result<T, Error>) -> Told<T, String> {
    sentence(&asking.call, result)
}

/// A handle of what was made, bounded by `limits.resources`.
fn hand_out<T: Send + 'static>(
    store: &mut Store<'_>,
    asking: &Asking,
    made: Result<T, Error>,
) -> Told<Resource<T>, String> {
    match made {
        Ok(value) => Ok((Ok(store.data_mut().table().push(value)?),)),
        Err(error) => told(asking, Err(error)),
    }
}

/// `container`.
pub(in super::super) fn container(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Container>(instance, "container")?;
    instance.func_wrap(
        "[method]container.name",
        |mut store: Store<'_>, (container,): (Handle,)| -> Told<String, String> {
            Ok((Ok(store.data_mut().table().get(&container)?.name.to_string()),))
        },
    )?;
    instance.func_wrap(
        "[method]container.info",
        |mut store: Store<'_>, (container,): (Handle,)| -> Told<ContainerMetadata, String> {
            let name = store.data_mut().table().get(&container)?.name.to_string();
            Ok((Ok(ContainerMetadata { name, created_at: 0 }),))
        },
    )?;
    objects(instance)?;
    deletions(instance)?;
    names(instance)
}

fn objects(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "[method]container.get-data",
        |mut store: Store<'_>, (container, name, start, end): (Handle, String, u64, u64)| {
            Box::new(async move {
                let (asking, container) = begin(&mut store, &container)?;
                let part = container.get(&asking, &name).await.map(|bytes| part(&bytes, start, end));
                let value = part.and_then(|bytes| Incoming::new(&asking.call, bytes));
                hand_out(&mut store, &asking, value)
            })
        },
    )?;
    instance.func_wrap(
        "[method]container.write-data",
        |mut store: Store<'_>, (container, name, value): (Handle, String, Resource<Outgoing>)| {
            let (asking, container) = begin(&mut store, &container)?;
            let noted = store.data_mut().table().get_mut(&value)?.becomes(container, name);
            told(&asking, noted)
        },
    )?;
    instance.func_wrap_async("[method]container.list-objects", |mut store: Store<'_>, (container,): (Handle,)| {
        Box::new(async move {
            let (asking, container) = begin(&mut store, &container)?;
            let names = container.list(&asking).await.and_then(|names| {
                let held = Held::new(&asking.call, names.iter().map(|name| name.len() + size_of::<String>()).sum())?;
                Ok(Names { left: names.into_iter(), _held: held })
            });
            hand_out(&mut store, &asking, names)
        })
    })?;
    instance.func_wrap_async(
        "[method]container.has-object",
        |mut store: Store<'_>, (container, name): (Handle, String)| {
            Box::new(async move {
                let (asking, container) = begin(&mut store, &container)?;
                let has = match container.get(&asking, &name).await {
                    Ok(_) => Ok(true),
                    Err(error) if is_absent(&error) => Ok(false),
                    Err(error) => Err(error),
                };
                told(&asking, has)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]container.object-info",
        |mut store: Store<'_>, (container, name): (Handle, String)| {
            Box::new(async move {
                let (asking, container) = begin(&mut store, &container)?;
                let info = container.get(&asking, &name).await.map(|bytes| ObjectMetadata {
                    name,
                    container: container.name.to_string(),
                    created_at: 0,
                    size: bytes.len() as u64,
                });
                told(&asking, info)
            })
        },
    )
}

/// Both ends are part of it; what is past the object's end isn't there.
fn part(bytes: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(start)..at(end.saturating_add(1)).max(at(start)))
}

fn deletions(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "[method]container.delete-object",
        |mut store: Store<'_>, (container, name): (Handle, String)| {
            Box::new(async move {
                let (asking, container) = begin(&mut store, &container)?;
                told(&asking, container.delete(&asking, &name).await)
            })
        },
    )?;
    instance.func_wrap_async(
        "[method]container.delete-objects",
        |mut store: Store<'_>, (container, names): (Handle, Vec<String>)| {
            Box::new(async move {
                let (asking, container) = begin(&mut store, &container)?;
                told(&asking, delete_all(&asking, &container, names).await)
            })
        },
    )?;
    instance.func_wrap_async("[method]container.clear", |mut store: Store<'_>, (container,): (Handle,)| {
        Box::new(async move {
            let (asking, container) = begin(&mut store, &container)?;
            let cleared = match container.list(&asking).await {
                Ok(names) => delete_all(&asking, &container, names).await,
                Err(error) => Err(error),
            };
            told(&asking, cleared)
        })
    })
}

/// One after the other, each counted.
async fn delete_all(asking: &Asking, container: &Container, names: Vec<String>) -> Result<(), Error> {
    for name in names {
        asking.call.count_host_call()?;
        container.delete(asking, &name).await?;
    }
    Ok(())
}

fn names(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Names>(instance, "stream-object-names")?;
    instance.func_wrap(
        "[method]stream-object-names.read-stream-object-names",
        |mut store: Store<'_>, (names, count): (Resource<Names>, u64)| -> Told<(Vec<String>, bool), String> {
            let names = store.data_mut().table().get_mut(&names)?;
            let read = names.left.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).collect();
            Ok((Ok((read, names.left.len() == 0)),))
        },
    )?;
    instance.func_wrap(
        "[method]stream-object-names.skip-stream-object-names",
        |mut store: Store<'_>, (names, count): (Resource<Names>, u64)| -> Told<(u64, bool), String> {
            let names = store.data_mut().table().get_mut(&names)?;
            let skipped = names.left.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).count();
            Ok((Ok((skipped as u64, names.left.len() == 0)),))
        },
    )
}

/// `blobstore`.
pub(in super::super) fn blobstore(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    // Who makes a container finds the component that is there: making one is the operator's work.
    for name in ["create-container", "get-container"] {
        instance.func_wrap_async(name, |mut store: Store<'_>, (name,): (String,)| {
            Box::new(async move {
                let asking = Asking::begin(&mut store)?;
                let container = Container::open(&asking, &name).await;
                hand_out(&mut store, &asking, container)
            })
        })?;
    }
    instance.func_wrap("delete-container", |mut store: Store<'_>, (name,): (String,)| {
        let asking = Asking::begin(&mut store)?;
        let what = format!("the container `{}` is a Component, which no guest deletes", super::shown(&name));
        told::<()>(&asking, Err(Error::new(Code::NotAllowed, what).hint("clear it instead")))
    })?;
    instance.func_wrap_async("container-exists", |mut store: Store<'_>, (name,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            let exists = match Container::open(&asking, &name).await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == super::BLOCK.absent => Ok(false),
                Err(error) => Err(error),
            };
            told(&asking, exists)
        })
    })?;
    for (name, is_move) in [("copy-object", false), ("move-object", true)] {
        instance.func_wrap_async(name, move |mut store: Store<'_>, (from, to): (ObjectId, ObjectId)| {
            Box::new(async move {
                let asking = Asking::begin(&mut store)?;
                let copied = copy(&asking, &from, &to, is_move).await;
                told(&asking, copied)
            })
        })?;
    }
    Ok(())
}

async fn copy(asking: &Asking, from: &ObjectId, to: &ObjectId, is_move: bool) -> Result<(), Error> {
    let source = Container::open(asking, &from.container).await?;
    let target = Container::open(asking, &to.container).await?;
    asking.call.count_host_call()?;
    let bytes = source.get(asking, &from.object).await?;
    target.create(asking, &to.object, bytes).await?;
    let same = source.name == target.name && from.object == to.object;
    if is_move && !same {
        asking.call.count_host_call()?;
        source.delete(asking, &from.object).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::part;
    use bytes::Bytes;

    #[test]
    fn both_ends_of_a_part_are_in_it() {
        let bytes = Bytes::from_static(b"abcd");
        for (start, end, expected) in
            [(0, 3, "abcd"), (0, 0, "a"), (1, 2, "bc"), (2, u64::MAX, "cd"), (4, 9, ""), (3, 1, ""), (u64::MAX, 0, "")]
        {
            assert_eq!(part(&bytes, start, end), expected, "{start} {end}");
        }
    }
}
