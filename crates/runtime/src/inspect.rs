//! What a guest's file says of it, read without compiling.

use crate::host::dapr::BLOCKS;
use crate::host::interfaces;
use crate::{GuestKind, artefact, candidate};
use pillion_api::{Code, Error};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use wasmparser::{CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, ValType};

/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;
/// Imports and exports that are listed; a file with more is none that a person wrote.
const MAX_NAMES: usize = 10_000;
/// What a handler of WASI 0.3 exports.
const SERVICE: &str = "wasi:http/handler@0.3.";

/// Core module or component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The module, or the interface of a component.
    pub module: String,
    /// The function; empty for an interface of a component.
    pub name: String,
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// The signature of a core function, as `(i32, i32) -> i32`; empty for anything else.
    pub signature: String,
}

/// What `pillion inspect` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// How it would be called; none where it can't be.
    pub kind: Option<GuestKind>,
    /// Why it can't be called.
    pub problem: Option<String>,
    /// Core module or component.
    pub format: Format,
    /// Exports that `call` could name.
    pub calls: Vec<String>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<Export>,
    /// Building blocks of Dapr, and other services of the host, that it can use.
    pub building_blocks: Vec<String>,
    /// Handlers of `pillion:dapr` that it has.
    #[serde(default)]
    pub handlers: Vec<String>,
    /// Lines of `allow:` that it may need, with names to fill in.
    pub allow: Vec<String>,
    /// What each import becomes that is no part of WASI's releases.
    #[serde(default)]
    pub mapping: Vec<String>,
    /// Bytes of memory that it begins with, over all memories of the main level.
    pub memory: u64,
    /// Bytes of its file.
    pub size: u64,
    /// BLAKE3 of its file.
    pub digest: String,
}

impl Inspection {
    pub(crate) fn exports(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export.name == name)
    }

    pub(crate) fn signature(&self, name: &str) -> Option<&str> {
        self.exports.iter().find(|export| export.name == name).map(|export| export.signature.as_str())
    }

    pub(crate) fn imports(&self, module: &str) -> bool {
        self.imports.iter().any(|import| import.module == module)
    }
}

/// Reads a guest's file, text or binary or compiled ahead of time, without compiling or running it.
///
/// # Errors
/// [`Code::GuestInvalid`] where it isn't WebAssembly.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    match artefact::is_artefact(bytes) {
        true => artefact::inspection(bytes),
        false => read(&to_binary(bytes)?),
    }
}

/// Translates the text format, and what was written for a release candidate; any other binary stays as it is.
pub(crate) fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if bytes.starts_with(b"\0asm") {
        return Ok(candidate::as_released(bytes));
    }
    let looks_like_text = std::str::from_utf8(bytes).is_ok_and(|text| {
        let text = text.trim_start();
        text.starts_with("(module")
            || text.starts_with("(component")
            || text.starts_with(";;")
            || text.starts_with("(;")
    });
    if !looks_like_text {
        return Err(invalid("is not WebAssembly: it does not begin with `\\0asm`, nor is it the text format")
            .hint("build for wasm32-wasip1 or wasm32-wasip2, and name the .wasm file"));
    }
    wat::parse_bytes(bytes).map_err(|error| invalid(format!("is not valid WebAssembly text: {error}")))
}

pub(crate) fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Code::GuestInvalid, format!("the guest {what}"))
}

pub(crate) fn read(binary: &[u8]) -> Result<Inspection, Error> {
    let mut raw = Raw::default();
    raw.parse(binary).map_err(|error| {
        invalid(format!("is damaged: {} at byte {}", error.message(), error.offset()))
            .hint("build or download it again")
    })?;
    let mut inspection = Inspection {
        kind: None,
        problem: None,
        format: if raw.component { Format::Component } else { Format::Module },
        calls: Vec::new(),
        imports: raw.imports,
        exports: raw.exports,
        building_blocks: Vec::new(),
        handlers: Vec::new(),
        allow: Vec::new(),
        mapping: Vec::new(),
        memory: raw.memory,
        size: binary.len() as u64,
        digest: blake3::hash(binary).to_hex().to_string(),
    };
    classify(&mut inspection);
    needs(&mut inspection);
    Ok(inspection)
}

#[derive(Default)]
struct Raw {
    component: bool,
    imports: Vec<Import>,
    exports: Vec<Export>,
    memory: u64,
    signatures: Vec<String>,
    functions: Vec<u32>,
}

impl Raw {
    fn parse(&mut self, binary: &[u8]) -> wasmparser::Result<()> {
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload?;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ => self.section(payload)?,
            }
        }
        Ok(())
    }

    fn section(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.component = encoding == wasmparser::Encoding::Component,
            Payload::TypeSection(section) => {
                for group in section {
                    self.signatures.extend(group?.into_types().map(|ty| signature(&ty.composite_type.inner)));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                self.functions.extend(section.into_iter().collect::<wasmparser::Result<Vec<_>>>()?);
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memory = self.memory.saturating_add(memory?.initial.saturating_mul(PAGE));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let function = matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact);
                    let signature = if function { self.signature_of(export.index) } else { String::new() };
                    self.export(export.name, signature);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.push_import(import?.name.name, "");
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.export(export?.name.name, String::new());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        if let TypeRef::Func(index) | TypeRef::FuncExact(index) = import.ty {
            self.functions.push(index);
        }
        if let TypeRef::Memory(memory) = import.ty {
            self.memory = self.memory.saturating_add(memory.initial.saturating_mul(PAGE));
        }
        self.push_import(import.module, import.name);
    }

    fn push_import(&mut self, module: &str, name: &str) {
        if self.imports.len() < MAX_NAMES {
            self.imports.push(Import { module: module.into(), name: name.into() });
        }
    }

    fn export(&mut self, name: &str, signature: String) {
        if self.exports.len() < MAX_NAMES {
            self.exports.push(Export { name: name.into(), signature });
        }
    }

    fn signature_of(&self, function: u32) -> String {
        let index = self.functions.get(function as usize).copied().unwrap_or(u32::MAX);
        self.signatures.get(index as usize).cloned().unwrap_or_default()
    }
}

fn signature(ty: &CompositeInnerType) -> String {
    let CompositeInnerType::Func(ty) = ty else { return String::new() };
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match ty.results() {
        [] => format!("({})", list(ty.params())),
        [one] => format!("({}) -> {one}", list(ty.params())),
        many => format!("({}) -> ({})", list(ty.params()), list(many)),
    }
}

impl Inspection {
    /// Whether it is a handler of WASI 0.3, of requests or of messages. Who exports both is called by 0.2, which costs less.
    pub(crate) fn is_service(&self) -> bool {
        let also_0_2 = self.exports.iter().any(|export| export.name.starts_with("wasi:http/incoming-handler@0.2"));
        !also_0_2 && (self.takes_requests_of_0_3() || crate::kind::messages::is_async_handler(self))
    }

    /// Whether it is a handler of wasi:http 0.3, a released one.
    fn takes_requests_of_0_3(&self) -> bool {
        let mut versions = self.exports.iter().filter_map(|export| export.name.strip_prefix(SERVICE));
        versions.any(|version| !version.contains('-'))
    }
}

fn classify(inspection: &mut Inspection) {
    let decided = match inspection.format {
        Format::Component => component_kind(inspection),
        Format::Module => module_kind(inspection),
    };
    match decided {
        Ok(kind) => inspection.kind = Some(kind),
        Err(problem) => inspection.problem = Some(problem),
    }
    if inspection.format == Format::Module {
        inspection.calls = crate::kind::bindgen::candidates(inspection);
    }
}

fn component_kind(inspection: &Inspection) -> Result<GuestKind, String> {
    let exports = |prefix: &str| inspection.exports.iter().any(|export| export.name.starts_with(prefix));
    if !crate::kind::dapr::handlers(inspection).is_empty() {
        Ok(GuestKind::Dapr)
    } else if exports("wasi:http/incoming-handler@0.2") || inspection.takes_requests_of_0_3() {
        Ok(GuestKind::Http)
    } else if crate::kind::messages::is_handler(inspection) {
        Ok(GuestKind::Messages)
    } else if exports("wasi:cli/run@0.2") {
        Ok(GuestKind::Command)
    } else if exports("wasi:http/handler@0.3") {
        Err("is built for a release candidate of WASI 0.3; build it for 0.3.0 or later".into())
    } else if exports("wasi:cli/run@0.3") {
        Err("is a command of WASI 0.3, which is not supported yet; build it for 0.2 (wasm32-wasip2)".into())
    } else if exports("pillion:dapr/") || exports(crate::host::workflow::PACKAGE) {
        Err("exports no handler of `pillion:dapr@0.1.0` that this version calls; build it against this version's `wit/`"
            .into())
    } else {
        Err("is a component that exports none of `wasi:http/incoming-handler@0.2` and `wasi:http/handler@0.3` (http guests), \
             `wasi:cli/run@0.2` (a command), the handlers of `pillion:dapr@0.1.0` (a dapr guest), and those of \
             `wasi:messaging@0.2.0-draft`, `wasmcloud:messaging` and Spin's Redis trigger (messages)"
            .into())
    }
}

fn module_kind(inspection: &Inspection) -> Result<GuestKind, String> {
    if let Some(handler) = crate::kind::middleware::recognise(inspection) {
        return handler.map(|()| GuestKind::Middleware);
    }
    let bindgen = inspection.exports("__wbindgen_malloc") || inspection.exports("allocate");
    if inspection.exports("_start") {
        Ok(GuestKind::Command)
    } else if bindgen && !crate::kind::bindgen::candidates(inspection).is_empty() {
        Ok(GuestKind::Bindgen)
    } else if bindgen {
        Err("has the bindgen ABI but exports no function that takes bytes".into())
    } else if inspection.imports("wasi_unstable") {
        Err("is built for `wasi_unstable`, the WASI of 2019; build it with a current toolchain (wasm32-wasip1)".into())
    } else {
        Err("exports no `_start`: it is a library, not a command; build a program with a `main`, or an http component"
            .into())
    }
}

fn needs(inspection: &mut Inspection) {
    let mut blocks = Vec::new();
    let mut allow = Vec::new();
    let others = [
        ("wasi:http/outgoing-handler", "invocation", "invoke: [<app-id>]"),
        ("wasi:http/outgoing-handler", "outgoing HTTP", "hosts: [<host>]"),
        ("wasi:http/client", "invocation", "invoke: [<app-id>]"),
        ("wasi:http/client", "outgoing HTTP", "hosts: [<host>]"),
        ("wasmedge_tensorflow", "inference", "models: [<model>]"),
        ("wasi_ephemeral_nn", "inference", "models: [<model>]"),
        ("wasmedge_image", "picture decoding", ""),
    ];
    // With their version, so that no name is the beginning of another one.
    let of_package = BLOCKS.map(|(interface, block, line)| (format!("{interface}@"), block, line));
    let others = others.map(|(module, block, line)| (module.to_owned(), block, line));
    for (module, block, line) in others.into_iter().chain(of_package) {
        if inspection.imports.iter().any(|import| import.module.starts_with(&module)) {
            blocks.push(block.to_owned());
            allow.extend((!line.is_empty()).then(|| line.to_owned()));
        }
    }
    for (block, line) in inspection.imports.iter().filter_map(|import| interfaces::needs(&import.module)) {
        if !blocks.iter().any(|known| known == block) {
            blocks.push(block.to_owned());
            allow.extend((!line.is_empty()).then(|| line.to_owned()));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    blocks.retain(|block| seen.insert(block.clone()));
    (inspection.building_blocks, inspection.allow) = (blocks, allow);
    if inspection.format == Format::Component {
        inspection.mapping = interfaces::mapping(&inspection.imports, inspection.is_service());
    }
    inspection.handlers = crate::kind::dapr::handlers(inspection);
}
