//! Host modules of old guests (inference and pictures, as WasmEdge provides them, both generations side by side), the
//! quick way of wasi:http, and what components import that were built for other hosts.

pub(crate) mod client;
pub(crate) mod http;
mod image;
pub(crate) mod interfaces;
mod memory;
mod sessions;
mod tensorflow;
mod wasi_nn;

pub(crate) use sessions::Sessions;

use crate::call::Call;
use crate::instance::Host;
use pillion_api::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use wasmtime::Linker;

/// Defines every host module.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    tensorflow::add_to_linker(linker)?;
    image::add_to_linker(linker)?;
    wasi_nn::add_to_linker(linker)
}

/// Runs work of the processor off the guest's thread, as many at a time as there are cores. The work is told to stop at
/// the deadline, or when the guest is gone.
async fn off_thread<T: Send + 'static>(
    call: &Arc<Call>,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, Error> {
    let failed = || Error::new(pillion_api::Code::Internal, "inference failed in the host");
    let places = Arc::clone(&call.hosted.shared.inference);
    let place = places.acquire_owned().await.map_err(|_| failed())?;
    let (deadline, gone) = (call.deadline, Gone::default());
    let of_work = Arc::clone(&gone.0);
    let task = tokio::task::spawn_blocking(move || {
        let _place = place;
        work(&|| of_work.load(Ordering::Relaxed) || Instant::now() >= deadline)
    });
    task.await.map_err(|_| failed())
}

/// Says that the guest is gone when it is dropped with it.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
