//! Values of wasi:blobstore: what a guest writes, held until it is finished, and what it reads.

use super::Container;
use crate::call::Call;
use crate::host::interfaces::asking::{Asking, Held, Told, call_of, sentence};
use crate::instance::Host;
use bytes::{Bytes, BytesMut};
use pillion_api::{Code, Error};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

type Store<'a> = StoreContextMut<'a, Host>;
type Instance<'a> = LinkerInstance<'a, Host>;

/// Bytes that a stream takes at once.
const STEP: usize = 64 << 10;
/// Objects that one value becomes.
const MAX_OBJECTS: usize = 16;

/// What a guest writes.
pub(super) struct Outgoing {
    written: Arc<Mutex<Written>>,
    has_body: bool,
    /// Where it goes when it is finished.
    objects: Vec<(Container, String)>,
}

struct Written {
    bytes: BytesMut,
    held: Held,
}

impl Outgoing {
    /// Notes an object that the value becomes. The guest may write still: nothing is stored before it is finished.
    pub(super) fn becomes(&mut self, container: Container, name: String) -> Result<(), Error> {
        if self.objects.len() == MAX_OBJECTS {
            return Err(Error::new(Code::BadRequest, format!("one value becomes at most {MAX_OBJECTS} objects")));
        }
        self.objects.push((container, name));
        Ok(())
    }
}

/// The writing end of a value.
struct Body(Arc<Mutex<Written>>);

#[async_trait::async_trait]
impl Pollable for Body {
    async fn ready(&mut self) {}
}

impl OutputStream for Body {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.held.grow(bytes.len()).map_err(|error| StreamError::Trap(error.into()))?;
        written.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(STEP)
    }
}

/// What a guest reads.
pub(super) struct Incoming {
    bytes: Bytes,
    _held: Held,
}

impl Incoming {
    /// # Errors
    /// [`Code::GuestLimit`] past `limits.hostBuffers`.
    pub(super) fn new(call: &Arc<Call>, bytes: Bytes) -> Result<Self, Error> {
        Ok(Self { _held: Held::new(call, bytes.len())?, bytes })
    }
}

/// A stream that gives back what is held when it is dropped.
struct Reading {
    pipe: MemoryInputPipe,
    _held: Held,
}

#[async_trait::async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {
        self.pipe.ready().await;
    }
}

#[async_trait::async_trait]
impl wasmtime_wasi::p2::InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.pipe.read(size)
    }
}

pub(super) fn resource<T: Send + 'static>(instance: &mut Instance<'_>, name: &str) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |mut store, handle| {
        store.data_mut().table().delete(Resource::<T>::new_own(handle))?;
        Ok(())
    })
}

/// `types`.
pub(in super::super) fn types(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    outgoing(instance)?;
    incoming(instance)
}

fn outgoing(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Outgoing>(instance, "outgoing-value")?;
    instance.func_wrap("[static]outgoing-value.new-outgoing-value", |mut store: Store<'_>, (): ()| {
        let written = Written { bytes: BytesMut::new(), held: Held::new(&call_of(&mut store)?, 0)? };
        let value = Outgoing { written: Arc::new(Mutex::new(written)), has_body: false, objects: Vec::new() };
        Ok((store.data_mut().table().push(value)?,))
    })?;
    instance.func_wrap(
        "[method]outgoing-value.outgoing-value-write-body",
        |mut store: Store<'_>, (value,): (Resource<Outgoing>,)| {
            let table = store.data_mut().table();
            let outgoing = table.get_mut(&value)?;
            if std::mem::replace(&mut outgoing.has_body, true) {
                return Ok((Err(()),));
            }
            let stream: DynOutputStream = Box::new(Body(Arc::clone(&outgoing.written)));
            Ok((Ok(table.push(stream)?),))
        },
    )?;
    instance.func_wrap_async(
        "[static]outgoing-value.finish",
        |mut store: Store<'_>, (value,): (Resource<Outgoing>,)| {
            Box::new(async move { finish(&mut store, value).await })
        },
    )
}

async fn finish(store: &mut Store<'_>, value: Resource<Outgoing>) -> Told<(), String> {
    let asking = Asking::begin(store)?;
    let value = store.data_mut().table().delete(value)?;
    // What is held stays so until it is stored.
    let bytes = value.written.lock().unwrap_or_else(PoisonError::into_inner).bytes.split().freeze();
    for (nth, (container, name)) in value.objects.iter().enumerate() {
        if nth > 0 {
            asking.call.count_host_call()?;
        }
        if let Err(error) = container.create(&asking, name, bytes.clone()).await {
            return sentence(&asking.call, Err(error));
        }
    }
    Ok((Ok(()),))
}

fn incoming(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Incoming>(instance, "incoming-value")?;
    instance.func_wrap(
        "[static]incoming-value.incoming-value-consume-sync",
        |mut store: Store<'_>, (value,): (Resource<Incoming>,)| -> Told<Vec<u8>, String> {
            Ok((Ok(store.data_mut().table().delete(value)?.bytes.into()),))
        },
    )?;
    instance.func_wrap(
        "[static]incoming-value.incoming-value-consume-async",
        |mut store: Store<'_>, (value,): (Resource<Incoming>,)| -> Told<Resource<DynInputStream>, String> {
            let table = store.data_mut().table();
            let value = table.delete(value)?;
            let stream: DynInputStream =
                Box::new(Reading { pipe: MemoryInputPipe::new(value.bytes), _held: value._held });
            Ok((Ok(table.push(stream)?),))
        },
    )?;
    instance.func_wrap("[method]incoming-value.size", |mut store: Store<'_>, (value,): (Resource<Incoming>,)| {
        Ok((store.data_mut().table().get(&value)?.bytes.len() as u64,))
    })
}
