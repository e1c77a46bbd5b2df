//! `mode: reset`: a guest's start is run once, when it is loaded, and the state that it leaves becomes part of its code. Each
//! call then gets a fresh instance of that code, whose memory is a copy-on-write image of the state: an expensive start
//! is paid once, and no call sees another's data.
//!
//! While it starts, a guest has clocks and random numbers, and nothing else: what it reads then, every call will see.

use crate::call::{Call, Hosted};
use crate::inspect::{Format, invalid};
use crate::instance::{self, Host, Wasi, in_time};
use crate::output::{Lines, Stream};
use crate::program::Program;
use crate::runtime::Shared;
use crate::{Guest, GuestKind, GuestSpec, Inspection, Limits, trap};
use http::HeaderMap;
use pillion_api::Error;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Lift, WasmList};
use wasmtime::{Instance, Store, Val};
use wasmtime_wizer::{ComponentInstanceState, InstanceState, SnapshotVal, ValType, Wizer};

/// Names that toolchains give the function that prepares a guest, most telling first.
const STARTS: [&str; 3] = ["wizer-initialize", "wizer.initialize", "_initialize"];
/// A start of an interpreter with its libraries takes seconds where the code is not optimised.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Memory of a start, in bytes. What it leaves is zero-filled pages' worth less, and part of the code.
const START_MEMORY: u64 = 1 << 30;

/// The function that prepares a guest: the one that was named, or one whose name says it.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] where there is none.
pub(crate) fn start_of(inspection: &Inspection, named: Option<&str>) -> Result<String, Error> {
    let exported = |name: &&str| inspection.exports(name);
    match named {
        Some(name) if inspection.exports(name) => Ok(name.to_owned()),
        Some(name) => {
            Err(invalid(format!("exports no function `{name}`"))
                .hint("name the function that prepares it under `init:`"))
        }
        None => STARTS.iter().copied().find(exported).map(str::to_owned).ok_or_else(|| {
            invalid(format!("exports none of {}, so it has no start that could be kept", listed()))
                .hint("export such a function, or name another one under `init:`, or use `mode: fresh`")
        }),
    }
}

fn listed() -> String {
    STARTS.map(|name| format!("`{name}`")).join(", ")
}

/// What is said of a guest once its start was run: there is none any more, and both may lie in one cache.
pub(crate) fn after(inspection: &mut Inspection, start: &str) {
    inspection.digest = blake3::hash(format!("{} after {start}", inspection.digest).as_bytes()).to_hex().to_string();
    inspection.exports.retain(|export| export.name != start && export.name != "_initialize");
}

/// Code of a guest that can be asked for its state.
pub(crate) struct Instrumented<'a> {
    wizer: Wizer,
    start: String,
    binary: Vec<u8>,
    context: Context<'a>,
}

enum Context<'a> {
    Module(Box<wasmtime_wizer::ModuleContext<'a>>),
    Component(Box<wasmtime_wizer::ComponentContext<'a>>),
}

/// Adds to a guest the means to ask for its state.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] where the state can't be kept: tables that change, imported memories.
pub(crate) fn instrument<'a>(binary: &'a [u8], format: Format, start: &str) -> Result<Instrumented<'a>, Error> {
    let mut wizer = Wizer::new();
    // A component names the function where it is lifted, which stays.
    wizer.init_func(start).keep_init_func(format == Format::Component);
    let instrumented = guarded(|| match format {
        Format::Module => wizer.instrument(binary).map(|(context, code)| (Context::Module(Box::new(context)), code)),
        Format::Component => {
            wizer.instrument_component(binary).map(|(context, code)| (Context::Component(Box::new(context)), code))
        }
    })?;
    let (context, code) = instrumented.map_err(|error| cannot(&error))?;
    Ok(Instrumented { wizer, start: start.to_owned(), binary: code, context })
}

impl Instrumented<'_> {
    /// The code that [`keep`](Self::keep) wants as a guest.
    pub(crate) fn binary(&self) -> &[u8] {
        &self.binary
    }

    /// Runs the start of the instrumented guest and answers its code with the state it left.
    ///
    /// # Errors
    /// A trap or a limit in the start, or a state that can't be kept.
    pub(crate) fn keep(self, shared: &Arc<Shared>, guest: Guest) -> Result<Vec<u8>, Error> {
        let threads = shared.threads.handle().clone();
        let shared = Arc::clone(shared);
        // The caller may be on a thread of an async runtime, where nothing may block on another one.
        let kept = std::thread::scope(|scope| {
            scope
                .spawn(|| guarded(|| threads.block_on(self.run(&shared, guest))))
                .join()
                .unwrap_or_else(|_| Err(invalid("could not be prepared: its start failed in the host")))
        });
        kept.and_then(|kept| kept)
    }

    async fn run(self, shared: &Arc<Shared>, guest: Guest) -> Result<Vec<u8>, Error> {
        let limits = Limits { timeout: START_TIMEOUT, memory: START_MEMORY, ..Limits::default() };
        let spec = GuestSpec { limits, ..GuestSpec::new(guest.name().to_owned(), guest.clone()) };
        let hosted = Arc::new(Hosted::new(shared, &"".into(), spec, None));
        let call = Call::new(&hosted, &HeaderMap::new());
        let stderr = Stream::new(Lines::new(&call, "stderr"));
        let wasi = match guest.kind() {
            GuestKind::Http | GuestKind::Messages | GuestKind::Dapr => Wasi::handler(&call),
            _ => instance::wasi(&call, &stderr).map(|mut wasi| Wasi::Program(Box::new(wasi.build_p1()))),
        };
        let mut store = instance::store_of(&call, wasi.map_err(|error| cannot(&error))?);
        let code = in_time(&call, pin!(self.state(&mut store, &guest))).await;
        let last_line = stderr.sink().finish() + &store.data_mut().last_line();
        code.map_err(|error| {
            let cause = trap::error(&call, store.data(), &error, &last_line);
            invalid(format!("could not be prepared by `{}`: {}", self.start, cause.message()))
                .hint("its start has clocks and random numbers, and nothing else; or use `mode: fresh`")
        })
    }

    async fn state(&self, store: &mut Store<Host>, guest: &Guest) -> wasmtime::Result<Vec<u8>> {
        let program = guest.0.code.program();
        match (&self.context, program.as_deref()) {
            (Context::Module(context), Some(Program::Core(pre))) => self.of_module(store, context, pre).await,
            (Context::Module(context), Some(Program::Bindgen(bindgen))) => {
                self.of_module(store, context, bindgen.instance_pre()).await
            }
            (Context::Component(context), Some(Program::Http(pre))) => {
                self.of_component(store, context, pre.instance_pre()).await
            }
            (Context::Component(context), Some(Program::Command(pre))) => {
                self.of_component(store, context, pre.instance_pre()).await
            }
            (Context::Component(context), Some(Program::Messages(handler))) => {
                self.of_component(store, context, handler.instance_pre()).await
            }
            (Context::Component(context), Some(Program::Dapr(handlers))) => {
                self.of_component(store, context, handlers.instance_pre()).await
            }
            _ => wasmtime::bail!("the instrumented guest is of another kind"),
        }
    }

    async fn of_module(
        &self,
        store: &mut Store<Host>,
        context: &wasmtime_wizer::ModuleContext<'_>,
        pre: &wasmtime::InstancePre<Host>,
    ) -> wasmtime::Result<Vec<u8>> {
        let instance = pre.instantiate_async(&mut *store).await?;
        // A reactor is initialised before anything else of it is called.
        for name in ["_initialize", &self.start] {
            if let Ok(start) = instance.get_typed_func::<(), ()>(&mut *store, name) {
                start.call_async(&mut *store, ()).await?;
            }
            if name == self.start {
                break;
            }
        }
        self.wizer.snapshot(context, &mut ModuleState { store, instance }).await
    }

    async fn of_component(
        &self,
        store: &mut Store<Host>,
        context: &wasmtime_wizer::ComponentContext<'_>,
        pre: &wasmtime::component::InstancePre<Host>,
    ) -> wasmtime::Result<Vec<u8>> {
        let instance = pre.instantiate_async(&mut *store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut *store, &*self.start)?;
        start.call_async(&mut *store, ()).await?;
        self.wizer.snapshot_component(context, &mut ComponentState { store, instance }).await
    }
}

fn cannot(error: &wasmtime::Error) -> Error {
    invalid(format!("has a state that can't be kept: {error:#}")).hint("use `mode: fresh`, or `mode: reuse`")
}

/// The rewriting of a file that nobody vouches for: where it is surprised, it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| invalid("has a state that can't be kept").hint("use `mode: fresh`, or `mode: reuse`"))
}

struct ModuleState<'a> {
    store: &'a mut Store<Host>,
    instance: Instance,
}

impl InstanceState for ModuleState<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut *self.store, name).expect("the instrumentation exports it");
        match global.get(&mut *self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            _ => unreachable!("the instrumentation exports no globals of references"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut *self.store, name).expect("the instrumentation exports it");
        contents(memory.data(&*self.store));
    }
}

struct ComponentState<'a> {
    store: &'a mut Store<Host>,
    instance: wasmtime::component::Instance,
}

impl ComponentState<'_> {
    /// Calls a function that the instrumentation added; a trap of it is a panic, which is caught around all of this.
    async fn ask<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> R {
        let found = self.instance.get_export_index(&mut *self.store, None, instance);
        let found = found.and_then(|of| self.instance.get_export_index(&mut *self.store, Some(&of), function));
        let function = found.expect("the instrumentation exports it");
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, function);
        let function = function.expect("the instrumentation knows its type");
        function.call_async(&mut *self.store, ()).await.expect("it only reads").0
    }
}

impl ComponentInstanceState for ComponentState<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list: WasmList<u8> = self.ask(instance, func).await;
        contents(list.as_le_slice(&*self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.ask(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.ask(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.ask::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.ask::<f64>(instance, func).await.to_bits()
    }
}
