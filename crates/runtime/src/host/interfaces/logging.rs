//! wasi:logging: records in the guest's log, with the level that the guest gives them.

use super::asking::call_of;
use crate::instance::Host;
use crate::output::record;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance};

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Guests make them.
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error | Level::Critical => Self::ERROR,
        }
    }
}

/// `log`. No host call is counted, as none is for a line on stderr: `limits.log` bounds both.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "log",
        |mut store: StoreContextMut<'_, Host>, (level, context, message): (Level, String, String)| {
            record(&*call_of(&mut store)?, level.into(), &context, &message);
            Ok(())
        },
    )
}
