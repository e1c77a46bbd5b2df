//! wasi:otel 0.2.0-rc.2: spans of a guest join the trace of its call, log records its log. The host counts by itself, and takes
//! no metrics of guests.

mod logs;
mod spans;

pub(super) use logs::define as logs;
pub(super) use spans::define as tracing;

use super::asking::call_of;
use crate::instance::Host;
use std::time::{Duration, SystemTime};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Val};

/// Why no metrics are taken.
const NO_METRICS: &str = "metrics of guests are not exported: the host counts calls, durations and failures by itself";

#[derive(ComponentType, Lift)]
#[component(record)]
struct KeyValue {
    key: String,
    /// JSON.
    value: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
#[allow(dead_code)] // Not all of it is exported.
struct Library {
    name: String,
    version: Option<String>,
    #[component(name = "schema-url")]
    schema_url: Option<String>,
    attributes: Vec<KeyValue>,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
struct DateTime {
    seconds: u64,
    nanoseconds: u32,
}

impl DateTime {
    /// A time that no clock can have is the epoch.
    fn time(self) -> SystemTime {
        let since = Duration::from_secs(self.seconds).saturating_add(Duration::from_nanos(self.nanoseconds.into()));
        SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

wasmtime::component::flags! {
    TraceFlags {
        #[component(name = "sampled")]
        const SAMPLED;
    }
}

/// `types` holds no function.
pub(super) fn types(_: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    Ok(())
}

/// `metrics`, so that a guest that exports some can be linked; exporting is refused.
pub(super) fn metrics(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_new("export", |mut store: StoreContextMut<'_, Host>, _, _, results| {
        call_of(&mut store)?.count_host_call()?;
        if let Some(result) = results.first_mut() {
            *result = Val::Result(Err(Some(Box::new(Val::String(NO_METRICS.into())))));
        }
        Ok(())
    })
}
