//! A guest: loaded, compiled and linked, ready to be instantiated.

use crate::Inspection;
use crate::instance::Host;
use crate::kind::bindgen::BindgenPre;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use wasmtime::InstancePre;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// How a guest is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// A program: stdin, environment, stdout, exit code.
    Command,
    /// A handler of HTTP requests.
    Http,
    /// A function of bytes.
    Bindgen,
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "command",
            Self::Http => "http",
            Self::Bindgen => "bindgen",
        })
    }
}

/// A loaded guest. Cheap to clone; the code is shared.
#[derive(Clone)]
pub struct Guest(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) inspection: Inspection,
    pub(crate) program: Program,
    pub(crate) needs: Needs,
    pub(crate) mode: Mode,
}

/// What a call of a guest finds of earlier calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: each call has an instance of its own.
    #[default]
    Fresh,
    /// The state right after the guest's start, which is run once, when the guest is loaded.
    Reset {
        /// The function that starts it; none takes one by the names that toolchains give it.
        init: Option<String>,
    },
    /// Everything that earlier calls left in the instance: it serves so many, one at a time.
    Reuse {
        /// Calls of one instance, at least 1.
        calls: u32,
    },
    /// The same with several calls at the same time in one instance, as handlers of WASI 0.3 are made for. A trap of one
    /// ends them all.
    Concurrent {
        /// Calls of one instance, at least 1.
        calls: u32,
        /// Calls at the same time in one instance, at least 1.
        at_once: u32,
    },
}

/// Linked code.
pub(crate) enum Program {
    Core(InstancePre<Host>),
    Command(CommandPre<Host>),
    Http(ProxyPre<Host>),
    /// A handler of WASI 0.3.
    Service(ServicePre<Host>),
    Bindgen(BindgenPre),
}

/// What an instance takes before its first instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) memories: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) tables: usize,
    pub(crate) table_elements: u64,
}

impl Guest {
    /// The name it was loaded under.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How it is called.
    pub fn kind(&self) -> GuestKind {
        match self.0.program {
            Program::Core(_) | Program::Command(_) => GuestKind::Command,
            Program::Http(_) | Program::Service(_) => GuestKind::Http,
            Program::Bindgen(_) => GuestKind::Bindgen,
        }
    }

    /// What its calls find of earlier ones.
    pub fn mode(&self) -> &Mode {
        &self.0.mode
    }

    /// What its file says of it.
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guest({}, {})", self.name(), self.kind())
    }
}
