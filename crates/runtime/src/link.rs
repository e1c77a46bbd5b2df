//! What guests can import: the linkers, and who provides what is missing.

use crate::host::interfaces;
use crate::instance::Host;
use crate::{Inspection, host, inspect::Import};
use pillion_api::{Code, Error};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, ExternType, Linker, Module, UnknownImportError, component};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError};

/// WASI's packages but wasi:http, whose version has to be that of the handler.
const WASI: [&str; 6] = ["wasi:io", "wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:sockets", "wasi:random"];
/// Missing imports that an error names.
const MAX_MISSING: usize = 20;

/// What guests of the first engine can import. Each is made when the first guest asks for it: to fill one takes longer than
/// many a guest takes to start.
pub(crate) struct Linkers {
    engine: Engine,
    stock_http: bool,
    core: OnceLock<Linker<Host>>,
    component: OnceLock<component::Linker<Host>>,
    workflows: OnceLock<component::Linker<Host>>,
}

impl Linkers {
    pub(crate) fn new(engine: &Engine, stock_http: bool) -> Self {
        let (core, component, workflows) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { engine: engine.clone(), stock_http, core, component, workflows }
    }

    /// WASI preview 1 and WasmEdge's host modules.
    ///
    /// # Errors
    /// [`Code::Internal`], as those below: a name is defined twice.
    pub(crate) fn core(&self) -> Result<&Linker<Host>, Error> {
        made(&self.core, || core(&self.engine))
    }

    /// WASI 0.2 with wasi:http, which is quick for small answers unless it has to be the stock one.
    pub(crate) fn component(&self) -> Result<&component::Linker<Host>, Error> {
        made(&self.component, || component(&self.engine, self.stock_http))
    }

    /// What the code of workflows may import: WASI 0.2, whose context says what it sees, and the history.
    pub(crate) fn workflows(&self) -> Result<&component::Linker<Host>, Error> {
        made(&self.workflows, || workflows(&self.engine))
    }
}

/// Two that come at the same time make two, of which one stays.
fn made<T>(place: &OnceLock<T>, make: impl FnOnce() -> wasmtime::Result<T>) -> Result<&T, Error> {
    if let Some(linker) = place.get() {
        return Ok(linker);
    }
    let failed = |error| Error::new(Code::Internal, format!("what guests can import can't be set up: {error:#}"));
    let linker = make().map_err(failed)?;
    Ok(place.get_or_init(|| linker))
}

fn core(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, Host::program)?;
    host::add_to_linker(&mut linker)?;
    Ok(linker)
}

fn component(engine: &Engine, stock_http: bool) -> wasmtime::Result<component::Linker<Host>> {
    let mut linker = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if !stock_http {
        host::http::add_to_linker(&mut linker)?;
    }
    interfaces::add_to_linker(&mut linker, false)?;
    host::dapr::add_to_linker(&mut linker)?;
    host::workflow::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// WASI 0.3 with wasi:http, and WASI 0.2 without it: what toolchains still build libraries of the language for.
pub(crate) fn service(engine: &Engine) -> wasmtime::Result<component::Linker<Host>> {
    let mut linker = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    host::client::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker, true)?;
    host::dapr::add_to_linker(&mut linker)?;
    Ok(linker)
}

fn workflows(engine: &Engine) -> wasmtime::Result<component::Linker<Host>> {
    let mut linker = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    host::workflow::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// The same with a refusal in the place of whatever else a component imports: what is not in that list is out of reach, known
/// here or not.
pub(crate) fn confined(
    workflows: &component::Linker<Host>,
    component: &component::Component,
) -> wasmtime::Result<component::Linker<Host>> {
    let mut linker = workflows.clone();
    let ty = component.component_type();
    let streams = resources_of_io(&ty, workflows.engine());
    for (name, import) in ty.imports(workflows.engine()) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        if is_of_workflows(name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(workflows.engine()) {
            match export.ty {
                ComponentItem::ComponentFunc(_) => {
                    let denied = denied(name, item);
                    instance.func_new(item, move |_, _, _, _| Err(denied.clone().into()))?;
                }
                ComponentItem::Resource(own) => {
                    let known = streams.iter().find(|(of_io, _)| *of_io == own).map(|(_, host)| *host);
                    let host = known.unwrap_or_else(component::ResourceType::host::<()>);
                    instance.resource(item, host, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(linker)
}

/// The resources that a component imports of wasi:io, each with the host's: an interface that is refused may use them.
fn resources_of_io(
    ty: &component::types::Component,
    engine: &Engine,
) -> Vec<(component::ResourceType, component::ResourceType)> {
    let mut found = Vec::new();
    for (name, import) in ty.imports(engine).filter(|(name, _)| name.starts_with("wasi:io/")) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        let interface_name = name.split('@').next().unwrap_or_default();
        for (item, export) in interface.exports(engine) {
            let ComponentItem::Resource(own) = export.ty else { continue };
            let host = match (interface_name, item) {
                ("wasi:io/error", "error") => component::ResourceType::host::<IoError>(),
                ("wasi:io/poll", "pollable") => component::ResourceType::host::<DynPollable>(),
                ("wasi:io/streams", "input-stream") => component::ResourceType::host::<DynInputStream>(),
                ("wasi:io/streams", "output-stream") => component::ResourceType::host::<DynOutputStream>(),
                _ => continue,
            };
            found.push((own, host));
        }
    }
    found
}

fn is_of_workflows(import: &str) -> bool {
    let Named { interface, package, version } = Named::of(import);
    host::workflow::provides(interface) || (version.starts_with("0.2.") && WASI.contains(&package))
}

/// The name of an interface, `package/name@version`, in its parts.
struct Named<'a> {
    interface: &'a str,
    package: &'a str,
    version: &'a str,
}

impl<'a> Named<'a> {
    fn of(import: &'a str) -> Self {
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        let package = interface.split_once('/').map_or(interface, |(package, _)| package);
        Self { interface, package, version }
    }
}

fn denied(interface: &str, function: &str) -> Error {
    Error::new(Code::NotAllowed, format!("a workflow may not call `{function}` of `{interface}`"))
        .hint("do this in an activity, and have the workflow call that: it has its history alone, so that each replay does the same")
}

/// The functions that a module imports and no one here provides.
pub(crate) fn missing(linker: &Linker<Host>, module: &Module) -> Vec<Import> {
    let mut missing = Vec::new();
    let mut linker = linker.clone();
    // Each round finds one; a stand-in for it lets the next round find the next.
    while let Err(error) = linker.instantiate_pre(module) {
        let Some(unknown) = error.downcast_ref::<UnknownImportError>() else { break };
        missing.push(Import { module: unknown.module().into(), name: unknown.name().into() });
        let ExternType::Func(ty) = unknown.ty() else { break };
        let stand_in = linker.func_new(unknown.module(), unknown.name(), ty, |_, _, _| Ok(()));
        if stand_in.is_err() || missing.len() == MAX_MISSING {
            break;
        }
    }
    missing
}

/// Interfaces of a component that no one here provides. Versions 0.2.x are one to the linker, and so are 0.3.x.
pub(crate) fn missing_interfaces(inspection: &Inspection) -> Vec<Import> {
    let service = inspection.is_service();
    let provided = |import: &&Import| {
        let Named { interface, package, version } = Named::of(&import.module);
        let of_0_2 = version.starts_with("0.2.") && !(service && package == "wasi:http");
        let of_0_3 = service && version.starts_with("0.3.") && !version.contains('-') && package != "wasi:io";
        let of_workflow = host::workflow::provides(interface) && version == host::workflow::VERSION && !service;
        let of_dapr = (host::dapr::provides(interface) && version == host::dapr::VERSION) || of_workflow;
        let of_wasi = (of_0_2 || of_0_3) && (package == "wasi:http" || WASI.contains(&package));
        of_dapr || of_wasi || interfaces::find(&import.module, service).is_some()
    };
    inspection.imports.iter().filter(|import| !provided(import)).cloned().collect()
}

/// A sentence on each missing module, and who usually provides it.
pub(crate) fn explain(missing: &[Import]) -> (String, String) {
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in missing {
        modules.entry(&import.module).or_default().push(&import.name);
    }
    let list = modules.iter().map(|(module, names)| {
        let names: Vec<_> = names.iter().filter(|name| !name.is_empty()).map(|name| format!("`{name}`")).collect();
        if names.is_empty() { format!("`{module}`") } else { format!("{} of `{module}`", names.join(", ")) }
    });
    let advice: Vec<_> = modules.keys().map(|module| advice(module)).collect();
    (format!("imports what nobody provides here: {}", list.collect::<Vec<_>>().join("; ")), advice.join("; "))
}

/// Of both forms of outgoing http before Spin 2.
const OF_FIRST_SPIN: &str =
    "is what Spin's first SDKs asked other services by: build with an SDK for Spin 2, which does by wasi:http";

fn advice(module: &str) -> String {
    let known = [
        ("wasi_unstable", "is the WASI of 2019: build with a current toolchain for wasm32-wasip1"),
        ("wasi_snapshot_preview1", "has no such function: build with a released WASI toolchain"),
        ("wasi_ephemeral_nn", "has no such function here: tokens of language models and training are not supported"),
        ("wasmcloud:blobstore", "is provided by wasmCloud: build for `wasi:blobstore@0.2.0-draft`"),
        ("wasi:tls", "is not supported: ask an `https://` address by wasi:http, or a Dapr component"),
        (
            "wasi:sockets",
            "is denied, and this version is not known: reach hosts by wasi:http, named under `allow.hosts`",
        ),
        ("wasi:http", "is not of the version of the handler itself: build all of it for one, 0.2 or 0.3"),
        (
            "wasi:",
            "is of a version that is not known here: build for WASI 0.2, or for the drafts that `docs/guide/interfaces.md` lists",
        ),
        ("wasi-outbound-http", OF_FIRST_SPIN),
        ("wasi", "is not supported: threads and sockets of preview 1 are extensions of one engine"),
        ("http_handler", "has no such function in the ABI of http-wasm 0.1"),
        ("wasmedge_", "has no such function in either generation of the interface"),
        (
            "__wbindgen",
            "is provided by JavaScript that wasm-bindgen makes: build without types and functions of JavaScript",
        ),
        ("wbg", "is provided by JavaScript that wasm-bindgen makes: build without types and functions of JavaScript"),
        ("./", "is a JavaScript file that wasm-bindgen makes: build without types and functions of JavaScript"),
        ("go", "is provided by Go's wasm_exec.js: build with GOOS=wasip1"),
        ("gojs", "is provided by Go's wasm_exec.js: build with GOOS=wasip1"),
        ("env", "is a symbol that the linker left open: link the library that defines it, or build for wasm32-wasip1"),
        ("fermyon:spin/http", OF_FIRST_SPIN),
        ("fermyon:spin/redis", "is provided by Spin: use `fermyon:spin/key-value` over a component `state.redis`"),
        (
            "fermyon:spin",
            "is provided by Spin: of its interfaces, key-value, variables, sqlite and llm are here; ask other services by wasi:http",
        ),
        (
            "spin:",
            "is provided by Spin, for guests of WASI 0.3: of its interfaces, key-value and variables are here, sqlite for all",
        ),
        ("wasmcloud:secrets", "is provided by wasmCloud: build for 0.1.0-draft, or for 2.1 with a handler of WASI 0.3"),
        ("wasmcloud:messaging", "is provided by wasmCloud: build for 0.2, or for 0.3 with a handler of WASI 0.3"),
        (
            "wasmcloud:keyvalue",
            "is provided by wasmCloud: build for 0.2 with a handler of WASI 0.3, or for `wasi:keyvalue@0.2.0-draft`",
        ),
        ("wasmcloud:", "is provided by wasmCloud, and has no building block behind it here: remove it"),
    ];
    let found = known.iter().find(|(prefix, _)| module.starts_with(prefix));
    let what = found.map_or(
        "is of no standard that is known here: provide it by composing components, or remove it",
        |(_, what)| what,
    );
    format!("`{module}` {what}")
}
