//! From a file to linked code, with every refusal made here and none at the first request.

use crate::artefact::{self, Origin};
use crate::cache::{self, Code};
use crate::guest::{Inner, Needs, Program};
use crate::inspect::{self, Format, invalid};
use crate::kind::bindgen::BindgenPre;
use crate::runtime::Shared;
use crate::{Guest, GuestKind, Inspection, LoadOptions, Mode, link, snapshot};
use bytes::Bytes;
use pillion_api::{Error, diagnostic::nearest};
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, ResourcesRequired};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;

/// Loads a guest from WebAssembly or from an artefact.
pub(crate) fn load(
    shared: &Arc<Shared>,
    name: &str,
    bytes: &Bytes,
    call: Option<&str>,
    options: &LoadOptions,
) -> Result<Guest, Error> {
    let load = Load { shared, name, call, mode: &options.mode };
    let loaded = if artefact::is_artefact(bytes) { precompiled(shared, bytes, options) } else { load.compiled(bytes) };
    loaded.and_then(|(inspection, code)| load.link(inspection, code)).map_err(|error| named(name, &error))
}

/// What is loaded, and how.
struct Load<'a> {
    shared: &'a Arc<Shared>,
    name: &'a str,
    call: Option<&'a str>,
    mode: &'a Mode,
}

impl Load<'_> {
    fn compiled(&self, bytes: &[u8]) -> Result<(Inspection, Code), Error> {
        let shared = self.shared;
        if bytes.len() as u64 > shared.options.wasm_bytes {
            let limit = shared.options.wasm_bytes;
            return Err(invalid(format!("has {} bytes, over the limit of {limit}", bytes.len())));
        }
        let binary = inspect::to_binary(bytes)?;
        let mut inspection = checked(shared, &binary)?;
        fits(&inspection, self.mode)?;
        let engine = shared.engine_of(&inspection)?;
        let start = match self.mode {
            Mode::Reset { init } => Some(snapshot::start_of(&inspection, init.as_deref())?),
            Mode::Fresh | Mode::Reuse { .. } | Mode::Concurrent { .. } => None,
        };
        let whole = inspection.clone();
        if let Some(start) = &start {
            snapshot::after(&mut inspection, start);
        }
        let compile = || match &start {
            None => compile_code(engine, &inspection, &binary),
            Some(start) => self.prepared(&whole, &binary, start),
        };
        let Some(cache) = &shared.cache else {
            return compile().map(|code| (inspection.clone(), code));
        };
        if let Some(code) = cache.get(engine, &inspection) {
            return Ok((inspection, code));
        }
        let code = compile()?;
        let fingerprint = artefact::fingerprint(engine);
        let file = artefact::encode(Some(cache.key()), &fingerprint, &inspection, &serialize(&code)?);
        cache.put(engine, &inspection, &file);
        Ok((inspection, code))
    }

    /// Code with the state that the guest's start leaves.
    fn prepared(&self, inspection: &Inspection, binary: &[u8], start: &str) -> Result<Code, Error> {
        let engine = &self.shared.engine;
        let instrumented = snapshot::instrument(binary, inspection.format, start)?;
        let code = compile_code(engine, inspection, instrumented.binary())?;
        let guest = self.link(inspection.clone(), code)?;
        let kept = instrumented.keep(self.shared, guest)?;
        compile_code(engine, inspection, &kept)
    }

    fn link(&self, inspection: Inspection, code: Code) -> Result<Guest, Error> {
        let (shared, call) = (self.shared, self.call);
        let needs = needs(match &code {
            Code::Module(module) => Some(module.resources_required()),
            Code::Component(component) => component.resources_required(),
        });
        let program = match &code {
            Code::Module(module) => link_module(shared, &inspection, module, call)?,
            Code::Component(component) => link_component(shared, &inspection, component, call)?,
        };
        let mode = self.mode.clone();
        if matches!(mode, Mode::Reuse { .. }) && !matches!(program, Program::Http(_) | Program::Service(_)) {
            return Err(invalid("is no handler of requests, and only their instances can serve again")
                .hint("use `mode: fresh`, or `mode: reset` if its start is what takes long"));
        }
        Ok(Guest(Arc::new(Inner { name: self.name.into(), inspection, program, needs, mode })))
    }
}

/// Says which guest; the causes say `the guest`.
fn named(name: &str, error: &Error) -> Error {
    let message = error.message();
    let message = match message.strip_prefix("the guest ") {
        Some(rest) => format!("guest `{name}` {rest}"),
        None => format!("guest `{name}`: {message}"),
    };
    let named = Error::new(error.code(), message);
    match error.help() {
        Some(hint) => named.hint(hint.to_owned()),
        None => named,
    }
}

/// Compiles a guest into an artefact.
pub(crate) fn compile(shared: &Shared, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    if artefact::is_artefact(bytes) {
        return Err(invalid("is compiled already"));
    }
    let binary = inspect::to_binary(bytes)?;
    let inspection = checked(shared, &binary)?;
    let engine = shared.engine_of(&inspection)?;
    let code = serialize(&compile_code(engine, &inspection, &binary)?)?;
    let key = shared.cache.as_ref().map(|cache| cache.key());
    Ok(artefact::encode(key, &artefact::fingerprint(engine), &inspection, &code))
}

/// Whether a guest can be kept as its mode says.
fn fits(inspection: &Inspection, mode: &Mode) -> Result<(), Error> {
    match mode {
        Mode::Reset { .. } if inspection.is_service() => {
            Err(invalid("is a handler of WASI 0.3, whose start can't be kept")
                .hint("use `mode: fresh` or `mode: reuse`"))
        }
        Mode::Concurrent { .. } if !inspection.is_service() => {
            Err(invalid("can't have several calls at the same time in one instance: only a handler of WASI 0.3 can")
                .hint("use `mode: reuse`, or build it for `wasi:http/handler@0.3`"))
        }
        _ => Ok(()),
    }
}

/// What can be refused before the expensive compilation.
fn checked(shared: &Shared, binary: &[u8]) -> Result<Inspection, Error> {
    let inspection = inspect::read(binary)?;
    if inspection.format == Format::Component {
        let missing = link::missing_interfaces(&inspection);
        if !missing.is_empty() {
            let (what, hint) = link::explain(&missing);
            return Err(invalid(what).hint(hint));
        }
    }
    match &inspection.problem {
        // A module with a foreign import fails by that import: it is the better explanation.
        Some(problem) if missing_of_binary(shared, &inspection, binary).is_none() => Err(invalid(problem)),
        _ => Ok(inspection),
    }
}

fn missing_of_binary(shared: &Shared, inspection: &Inspection, binary: &[u8]) -> Option<()> {
    if inspection.format == Format::Component || inspection.imports.is_empty() {
        return None;
    }
    let module = Module::new(&shared.engine, binary).ok()?;
    shared.core.instantiate_pre(&module).err().map(drop)
}

fn precompiled(shared: &Shared, file: &[u8], options: &LoadOptions) -> Result<(Inspection, Code), Error> {
    if matches!(options.mode, Mode::Reset { .. }) {
        return Err(invalid("is compiled already, so its start can't be kept").hint("load the .wasm file"));
    }
    let key = shared.cache.as_ref().map(|cache| cache.key());
    let opened = artefact::open(key, file).ok_or_else(artefact::damaged)?;
    if opened.origin == Origin::Foreign && !options.trust_precompiled {
        return Err(invalid("is native code that was compiled elsewhere, or with another cache directory")
            .hint("load the .wasm file, compile it on this machine, or say that you trust this file"));
    }
    let inspection = opened.inspection().ok_or_else(artefact::damaged)?;
    fits(&inspection, &options.mode)?;
    let engine = shared.engine_of(&inspection)?;
    if opened.fingerprint != artefact::fingerprint(engine) {
        return Err(invalid("was compiled by another version, or for another processor").hint("compile it again"));
    }
    // SAFETY: this machine's key signed the file, or the operator vouches for it.
    let code = unsafe { cache::deserialize(engine, inspection.format, opened.code) };
    Ok((inspection, code.map_err(|error| invalid(format!("can't be loaded: {error:#}")))?))
}

fn compile_code(engine: &Engine, inspection: &Inspection, binary: &[u8]) -> Result<Code, Error> {
    let code = match inspection.format {
        Format::Module => Module::from_binary(engine, binary).map(Code::Module),
        Format::Component => Component::from_binary(engine, binary).map(Code::Component),
    };
    code.map_err(|error| {
        let text = format!("{error:#}");
        let hint = match text.contains("requires gc") || text.contains("gc types") {
            true => "build without reference types and garbage collection (for Rust: `-C target-cpu=mvp`)",
            false => "build without proposals that are not standard yet",
        };
        invalid(format!("is not valid: {text}")).hint(hint)
    })
}

fn serialize(code: &Code) -> Result<Vec<u8>, Error> {
    let bytes = match code {
        Code::Module(module) => module.serialize(),
        Code::Component(component) => component.serialize(),
    };
    bytes.map_err(|error| invalid(format!("can't be serialised: {error:#}")))
}

fn needs(required: Option<ResourcesRequired>) -> Needs {
    let Some(required) = required else { return Needs::default() };
    Needs {
        memories: required.num_memories as usize,
        memory_bytes: required.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE),
        tables: required.num_tables as usize,
        table_elements: required.max_initial_table_size.unwrap_or(0),
    }
}

fn link_module(
    shared: &Shared,
    inspection: &Inspection,
    module: &Module,
    call: Option<&str>,
) -> Result<Program, Error> {
    let missing = link::missing(&shared.core, module);
    if !missing.is_empty() {
        let (what, hint) = link::explain(&missing);
        return Err(invalid(what).hint(hint));
    }
    let pre = shared.core.instantiate_pre(module).map_err(|error| invalid(format!("can't be linked: {error:#}")))?;
    // A name asks for that function, also of a guest that could be run as a program.
    match (inspection.kind, call) {
        (Some(GuestKind::Command), None) => Ok(Program::Core(pre)),
        (Some(GuestKind::Command), Some(call)) if !inspection.calls.iter().any(|name| name == call) => {
            Err(no_such_call(inspection, call))
        }
        (Some(GuestKind::Command | GuestKind::Bindgen), _) => {
            let call = choose(inspection, call)?;
            BindgenPre::new(pre, inspection, call).map(Program::Bindgen)
        }
        _ => Err(invalid(inspection.problem.as_deref().unwrap_or("is of no known kind"))),
    }
}

fn choose<'a>(inspection: &'a Inspection, call: Option<&'a str>) -> Result<&'a str, Error> {
    match (call, &inspection.calls[..]) {
        (Some(call), calls) if calls.iter().any(|name| name == call) => Ok(call),
        (Some(call), _) => Err(no_such_call(inspection, call)),
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(invalid(format!("exports several functions: {}", listed(inspection))).hint("say which one by `call:`"))
        }
    }
}

fn no_such_call(inspection: &Inspection, call: &str) -> Error {
    let error = invalid(format!("exports no function `{call}` that takes bytes; it has: {}", listed(inspection)));
    match nearest(call, inspection.calls.iter().map(String::as_str)) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error,
    }
}

fn listed(inspection: &Inspection) -> String {
    if inspection.calls.is_empty() {
        return "none".into();
    }
    inspection.calls.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn link_component(
    shared: &Shared,
    inspection: &Inspection,
    component: &Component,
    call: Option<&str>,
) -> Result<Program, Error> {
    if let Some(call) = call {
        return Err(invalid(format!("is a component, so `call: {call}` has no meaning")).hint("remove `call:`"));
    }
    let linked = |error: wasmtime::Error| invalid(format!("can't be linked: {error:#}"));
    if inspection.is_service() {
        let pre = shared.services()?.linker.instantiate_pre(component).map_err(linked)?;
        return ServicePre::new(pre).map(Program::Service).map_err(linked);
    }
    let pre = shared.component.instantiate_pre(component).map_err(linked)?;
    match inspection.kind {
        Some(GuestKind::Http) => ProxyPre::new(pre).map(Program::Http).map_err(linked),
        Some(GuestKind::Command) => CommandPre::new(pre).map(Program::Command).map_err(linked),
        _ => Err(invalid(inspection.problem.as_deref().unwrap_or("is of no known kind"))),
    }
}
