//! The instance of the next call, made ahead: where a guest's start takes long, it is run once a thread has nothing else to
//! do, and the next call finds its instance started. No call has been in it.

use crate::call::{Call, Hosted};
use crate::code;
use crate::instance::{self, Host, Wasi, in_time};
use crate::kept::Kept;
use crate::kind::command::preopen_failed;
use crate::line::{self, Who};
use crate::program::Program;
use crate::turn;
use http::HeaderMap;
use pillion_api::{Error, scope};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::Instance;
use wasmtime_wasi_http::handler::Proxy;

/// Instances made ahead may use one part in so many of the memory budget.
const SHARE: u64 = 2;

/// A started instance.
pub(crate) enum Started {
    /// A handler of requests.
    Proxy(Proxy),
    /// Handlers of events.
    Handlers(Instance),
}

impl Started {
    pub(crate) fn proxy(self) -> wasmtime::Result<Proxy> {
        match self {
            Self::Proxy(proxy) => Ok(proxy),
            Self::Handlers(_) => wasmtime::bail!("the guest is no handler of requests"),
        }
    }

    pub(crate) fn handlers(self) -> wasmtime::Result<Instance> {
        match self {
            Self::Handlers(instance) => Ok(instance),
            Self::Proxy(_) => wasmtime::bail!("the guest is no handler of events"),
        }
    }
}

/// Starts an instance in a store of its own.
///
/// # Errors
/// A trap or a limit in the start.
pub(crate) async fn start(call: &Call, store: &mut Store<Host>) -> wasmtime::Result<Started> {
    let program = code::program(call).await?;
    let begun = Instant::now();
    let started = match &*program {
        Program::Http(pre) => Started::Proxy(Proxy::P2(pre.instantiate_async(store).await?)),
        Program::Service(pre) => Started::Proxy(Proxy::P3(pre.instantiate_async(store).await?)),
        Program::Dapr(pre) => Started::Handlers(pre.instance_pre().instantiate_async(store).await?),
        _ => wasmtime::bail!("the guest is no handler"),
    };
    call.hosted.kept.started_in(begun.elapsed());
    Ok(started)
}

/// An instance that is there already, and how many calls it has served.
pub(crate) type Ready = (Started, u32);

/// The store of a call, with an instance in it where one was kept or made ahead.
///
/// # Errors
/// A folder of the guest that can't be opened.
pub(crate) fn take(call: &Arc<Call>) -> Result<(Store<Host>, Option<Ready>), Error> {
    if let Some(Kept { mut store, started, calls, .. }) = call.hosted.kept.take() {
        instance::renew(&mut store, call);
        return Ok((store, Some((started, calls))));
    }
    let wasi = Wasi::handler(call).map_err(|error| preopen_failed(call, &error))?;
    Ok((instance::store_of(call, wasi), None))
}

/// The instance that is there, or one that is started now.
///
/// # Errors
/// Those of [`start`].
pub(crate) async fn ready(call: &Call, store: &mut Store<Host>, ready: Option<Ready>) -> wasmtime::Result<Ready> {
    match ready {
        Some(ready) => Ok(ready),
        None => Ok((start(call, store).await?, 0)),
    }
}

/// Has the instance of the next call made, if that is worth it.
pub(crate) fn prepare(hosted: &Arc<Hosted>) {
    if !hosted.kept.wants_one() {
        return;
    }
    let promise = Promise(Arc::downgrade(hosted));
    let (shared, budget) = (&hosted.shared, &hosted.shared.budget);
    let Ok(place) = Arc::clone(&shared.ahead).try_acquire_owned() else { return };
    if budget.used() > budget.total() / SHARE {
        return;
    }
    shared.threads.handle().spawn(async move {
        if let Some(line) = line::line() {
            line.stand(Who::Idle).await;
        }
        // Answers that wait for the thread to have nothing else to do don't wait for this.
        turn::end();
        let Some(hosted) = promise.0.upgrade() else { return };
        if let Some(kept) = make(&hosted, place).await {
            promise.kept();
            hosted.kept.put(&hosted, kept);
        }
    });
}

/// That an instance is about to be there; broken when dropped.
struct Promise(Weak<Hosted>);

impl Promise {
    fn kept(mut self) {
        self.0 = Weak::new();
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(hosted) = self.0.upgrade() {
            hosted.kept.wants_no_more();
        }
    }
}

/// None where the start fails: the next call will see for itself.
async fn make(hosted: &Arc<Hosted>, place: OwnedSemaphorePermit) -> Option<Kept> {
    let call = Call::new(hosted, &HeaderMap::new());
    let work = async {
        let mut store = instance::store_of(&call, Wasi::handler(&call).ok()?);
        let started = in_time(&call, pin!(start(&call, &mut store))).await.ok()?;
        Some(Kept { store, started, calls: 0, place: Some(place) })
    };
    scope::within(call.scope("start"), Box::pin(work)).await
}
