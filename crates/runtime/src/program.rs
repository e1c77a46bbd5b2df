//! Linked code: what a guest's calls are made of, and every reason why code can't be linked.

use crate::cache::Native;
use crate::host::interfaces;
use crate::inspect::invalid;
use crate::instance::Host;
use crate::kind::bindgen::BindgenPre;
use crate::kind::dapr::DaprPre;
use crate::kind::messages::MessagesPre;
use crate::runtime::Shared;
use crate::{GuestKind, Inspection, link};
use pillion_api::{Error, diagnostic::nearest};
use wasmtime::component::Component;
use wasmtime::{InstancePre, Module, ResourcesRequired};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;

/// Linked code.
pub(crate) enum Program {
    Core(InstancePre<Host>),
    Command(CommandPre<Host>),
    Http(ProxyPre<Host>),
    /// A handler of WASI 0.3.
    Service(ServicePre<Host>),
    Bindgen(BindgenPre),
    /// A handler of messages.
    Messages(MessagesPre),
    Dapr(DaprPre),
    /// A handler of http-wasm.
    Middleware(InstancePre<Host>),
}

impl Program {
    /// Links code; `call` names the export of a bindgen guest.
    ///
    /// # Errors
    /// [`pillion_api::Code::GuestInvalid`] that says what is missing.
    pub(crate) fn link(
        shared: &Shared,
        inspection: &Inspection,
        native: &Native,
        call: Option<&str>,
    ) -> Result<Self, Error> {
        match native {
            Native::Module(module) => link_module(shared, inspection, module, call),
            Native::Component(component) => link_component(shared, inspection, component, call),
        }
    }

    pub(crate) fn kind(&self) -> GuestKind {
        match self {
            Self::Core(_) | Self::Command(_) => GuestKind::Command,
            Self::Http(_) | Self::Service(_) => GuestKind::Http,
            Self::Bindgen(_) => GuestKind::Bindgen,
            Self::Messages(_) => GuestKind::Messages,
            Self::Dapr(_) => GuestKind::Dapr,
            Self::Middleware(_) => GuestKind::Middleware,
        }
    }
}

/// What an instance takes before its first instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) memories: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) tables: usize,
    pub(crate) table_elements: u64,
}

impl Needs {
    pub(crate) fn of(native: &Native) -> Self {
        let required = match native {
            Native::Module(module) => Some(module.resources_required()),
            Native::Component(component) => component.resources_required(),
        };
        required.map_or_else(Self::default, |required: ResourcesRequired| Self {
            memories: required.num_memories as usize,
            memory_bytes: required.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE),
            tables: required.num_tables as usize,
            table_elements: required.max_initial_table_size.unwrap_or(0),
        })
    }
}

fn link_module(
    shared: &Shared,
    inspection: &Inspection,
    module: &Module,
    call: Option<&str>,
) -> Result<Program, Error> {
    let linker = shared.linkers.core()?;
    let missing = link::missing(linker, module);
    if !missing.is_empty() {
        let (what, hint) = link::explain(&missing);
        return Err(invalid(what).hint(hint));
    }
    let pre = linker.instantiate_pre(module).map_err(|error| invalid(format!("can't be linked: {error:#}")))?;
    // A name asks for that function, also of a guest that could be run as a program.
    match (inspection.kind, call) {
        (Some(GuestKind::Command), None) => Ok(Program::Core(pre)),
        (Some(GuestKind::Middleware), None) => Ok(Program::Middleware(pre)),
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
        let linker = interfaces::by_shape(&shared.services()?.linker, component, inspection)?;
        let pre = linker.instantiate_pre(component).map_err(linked)?;
        return match inspection.kind {
            Some(GuestKind::Messages) => MessagesPre::new(pre, component, inspection).map(Program::Messages),
            _ => ServicePre::new(pre).map(Program::Service).map_err(linked),
        };
    }
    let linker = interfaces::by_shape(shared.linkers.component()?, component, inspection)?;
    let pre = linker.instantiate_pre(component).map_err(linked)?;
    match inspection.kind {
        Some(GuestKind::Http) => ProxyPre::new(pre).map(Program::Http).map_err(linked),
        Some(GuestKind::Command) => CommandPre::new(pre).map(Program::Command).map_err(linked),
        Some(GuestKind::Messages) => MessagesPre::new(pre, component, inspection).map(Program::Messages),
        Some(GuestKind::Dapr) => DaprPre::new(shared, component, pre, inspection).map(Program::Dapr),
        _ => Err(invalid(inspection.problem.as_deref().unwrap_or("is of no known kind"))),
    }
}
