//! The code of all guests of a run: read, checked and compiled several at a time.

use crate::{
    manifest::{App, Guest},
    print,
};
use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};
use pillion_runtime::{LoadOptions, Runtime};
use std::{path::Path, time::Duration};

/// The largest guest file that is read; the runtime has the same bound on the bytes.
const MAX_GUEST: u64 = 128 << 20;
/// Loading that takes longer is told: with its code in the cache, a guest takes a thousandth of it.
const MOMENT: Duration = Duration::from_secs(1);

/// A guest's code, or why it can't be loaded.
pub(crate) type Loaded = Result<pillion_runtime::Guest>;

/// Loads every guest of every app, as many at a time as there are cores. Answers in the order of apps and guests.
pub(crate) async fn load(apps: &[App], runtime: &Runtime) -> Vec<Loaded> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let guests = apps.iter().flat_map(|app| {
        app.wasm().into_iter().flat_map(|wasm| &wasm.guests).map(|(name, guest)| (&*app.app_id, &**name, guest))
    });
    let loads: Vec<_> = guests.map(|(app, name, guest)| load_one(app, name, guest.clone(), runtime.clone())).collect();
    stream::iter(loads).buffered(cores).collect().await
}

/// Reads and compiles a guest's file, or finds its compiled code in the cache.
async fn load_one(app: &str, name: &str, guest: Guest, runtime: Runtime) -> Loaded {
    let of_load = name.to_owned();
    let mut load = tokio::task::spawn_blocking(move || {
        let bytes = read_guest(&guest.source)?;
        let options =
            LoadOptions { mode: guest.mode.clone(), source: Some(guest.source.clone()), ..LoadOptions::default() };
        Ok(runtime.load_with(&of_load, bytes, guest.call.as_deref(), &options)?)
    });
    let loaded = match tokio::time::timeout(MOMENT, &mut load).await {
        Ok(loaded) => loaded,
        Err(_) => {
            print::progress(&format!("compiling guest `{name}` of app `{app}`"));
            load.await
        }
    };
    loaded.context("it failed in the host")?
}

/// A guest's file, bounded.
pub(crate) fn read_guest(path: &Path) -> Result<Vec<u8>> {
    super::models::read_bounded(path, MAX_GUEST)
}
