//! From a file to linked code, with every refusal made here and none at the first request.

use crate::artefact::{self, Origin};
use crate::cache::{self, Native};
use crate::code::{Again, Code};
use crate::guest::Inner;
use crate::inspect::{self, Format, invalid};
use crate::program::{Needs, Program};
use crate::residents::{Key, Known};
use crate::runtime::Shared;
use crate::{Guest, GuestKind, Inspection, LoadOptions, Mode, link, snapshot};
use bytes::Bytes;
use pillion_api::{Code as Kind, Error};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Loads a guest from WebAssembly or from an artefact. The same bytes are compiled, mapped and linked once.
pub(crate) fn load(
    shared: &Arc<Shared>,
    name: &str,
    bytes: &Bytes,
    call: Option<&str>,
    options: &LoadOptions,
) -> Result<Guest, Error> {
    let load = Load { shared, name, call, mode: &options.mode };
    let known = shared.residents.find(Key::of(bytes, call, options));
    let code = load.once(&known, bytes, options).map_err(|error| named(name, &error))?;
    Ok(load.guest(code))
}

/// Loads code that left memory: from the cache, else from the file that it came from. Blocks.
///
/// # Errors
/// Neither is as it was.
pub(crate) fn again(shared: &Arc<Shared>, guest: &Guest) -> Result<Arc<Program>, Error> {
    let code = &guest.0.code;
    let Some(again) = &code.again else { return Err(lost(guest, "it was never kept")) };
    let target = shared.target_of(&code.inspection)?;
    let native = match shared.cache.as_ref().and_then(|cache| cache.get(target, &code.inspection)) {
        Some(native) => native,
        None => from_source(shared, guest, again)?,
    };
    let program = Arc::new(Program::link(shared, &code.inspection, &native, again.call.as_deref())?);
    code.put(Arc::clone(&program));
    shared.residents.counts.returned();
    shared.residents.came(shared, code);
    Ok(program)
}

fn from_source(shared: &Arc<Shared>, guest: &Guest, again: &Again) -> Result<Native, Error> {
    let Some(source) = &again.source else { return Err(lost(guest, "the cache of code lost it")) };
    let bytes = read_bounded(source, shared.options.wasm_bytes)
        .map_err(|error| lost(guest, &format!("the cache of code lost it, and `{}`: {error}", source.display())))?;
    let mode = match &again.start {
        Some(start) => Mode::Reset { init: Some(start.clone()) },
        None => Mode::Fresh,
    };
    let load = Load { shared, name: guest.name(), call: again.call.as_deref(), mode: &mode };
    let (inspection, native, _) = load.compiled(&bytes).map_err(|error| named(guest.name(), &error))?;
    match inspection.digest == guest.inspection().digest {
        true => Ok(native),
        false => Err(lost(guest, &format!("the cache of code lost it, and `{}` has changed", source.display()))),
    }
}

fn lost(guest: &Guest, why: &str) -> Error {
    Error::new(Kind::Internal, format!("the code of guest `{}` can't be loaded again: {why}", guest.name()))
        .hint("start again; if it happens often, the cache is too small for all guests")
}

fn read_bounded(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than the limit, which the loader then refuses.
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is loaded, and how.
struct Load<'a> {
    shared: &'a Arc<Shared>,
    name: &'a str,
    call: Option<&'a str>,
    mode: &'a Mode,
}

impl Load<'_> {
    /// The code that is there, or new code; whoever wants the same one meanwhile waits for it.
    fn once(&self, known: &Known, bytes: &[u8], options: &LoadOptions) -> Result<Arc<Code>, Error> {
        let mut known = known.lock();
        if let Some(code) = known.upgrade() {
            // It may have been loaded for another mode.
            fits(&code.inspection, self.mode)?;
            return Ok(code);
        }
        let code = Arc::new(self.code(bytes, options)?);
        *known = Arc::downgrade(&code);
        drop(known);
        self.shared.residents.came(self.shared, &code);
        Ok(code)
    }

    fn code(&self, bytes: &[u8], options: &LoadOptions) -> Result<Code, Error> {
        if artefact::is_artefact(bytes) {
            let (inspection, native) = precompiled(self.shared, bytes, options)?;
            return self.linked(inspection, &native, None);
        }
        let (inspection, native, start) = self.compiled(bytes)?;
        let call = self.call.map(str::to_owned);
        // Without a cache there is nowhere to come back from.
        let again = self.shared.cache.as_ref().map(|_| Again { call, start, source: options.source.clone() });
        self.linked(inspection, &native, again)
    }

    /// What a file says of itself, its code, and the function that was run to prepare it.
    fn compiled(&self, bytes: &[u8]) -> Result<(Inspection, Native, Option<String>), Error> {
        let shared = self.shared;
        if bytes.len() as u64 > shared.options.wasm_bytes {
            let limit = shared.options.wasm_bytes;
            return Err(invalid(format!("has {} bytes, over the limit of {limit}", bytes.len())));
        }
        let binary = inspect::to_binary(bytes)?;
        let mut inspection = checked(shared, &binary)?;
        fits(&inspection, self.mode)?;
        let target = shared.target_of(&inspection)?;
        let start = match self.mode {
            Mode::Reset { init } => Some(snapshot::start_of(&inspection, init.as_deref())?),
            Mode::Fresh | Mode::Reuse { .. } | Mode::Concurrent { .. } => None,
        };
        let whole = inspection.clone();
        if let Some(start) = &start {
            snapshot::after(&mut inspection, start);
        }
        let compile = || match &start {
            None => compile_code(&target.engine, &inspection, &binary),
            Some(start) => self.prepared(&whole, &binary, start),
        };
        let Some(cache) = &shared.cache else {
            let native = compile()?;
            return Ok((inspection, native, start));
        };
        if let Some(native) = cache.get(target, &inspection) {
            return Ok((inspection, native, start));
        }
        let native = compile()?;
        let file = artefact::encode(Some(cache.key()), &target.fingerprint, &inspection, &serialize(&native)?);
        cache.put(target, &inspection, &file);
        Ok((inspection, native, start))
    }

    /// Code with the state that the guest's start leaves.
    fn prepared(&self, inspection: &Inspection, binary: &[u8], start: &str) -> Result<Native, Error> {
        let engine = &self.shared.target.engine;
        let instrumented = snapshot::instrument(binary, inspection.format, start)?;
        let native = compile_code(engine, inspection, instrumented.binary())?;
        let code = self.linked(inspection.clone(), &native, None)?;
        let kept = instrumented.keep(self.shared, self.guest(Arc::new(code)))?;
        compile_code(engine, inspection, &kept)
    }

    fn linked(&self, inspection: Inspection, native: &Native, again: Option<Again>) -> Result<Code, Error> {
        let program = Program::link(self.shared, &inspection, native, self.call)?;
        Ok(Code::new(inspection, Needs::of(native), program, again, &self.shared.residents.counts))
    }

    fn guest(&self, code: Arc<Code>) -> Guest {
        Guest(Arc::new(Inner { name: self.name.into(), mode: self.mode.clone(), code }))
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
    let target = shared.target_of(&inspection)?;
    let code = serialize(&compile_code(&target.engine, &inspection, &binary)?)?;
    let key = shared.cache.as_ref().map(|cache| cache.key());
    Ok(artefact::encode(key, &target.fingerprint, &inspection, &code))
}

/// Whether a guest can be kept as its mode says.
fn fits(inspection: &Inspection, mode: &Mode) -> Result<(), Error> {
    match mode {
        Mode::Reset { .. } if inspection.is_service() => {
            Err(invalid("is a handler of WASI 0.3, whose start can't be kept")
                .hint("use `mode: fresh` or `mode: reuse`"))
        }
        Mode::Concurrent { .. } if !(inspection.is_service() && inspection.kind == Some(GuestKind::Http)) => Err(
            invalid("can't have several calls at the same time in one instance: only an http handler of WASI 0.3 can")
                .hint("use `mode: reuse`, or build it for `wasi:http/handler@0.3`"),
        ),
        Mode::Concurrent { .. }
            if inspection.imports.iter().any(|import| import.module.starts_with("pillion:dapr/")) =>
        {
            Err(invalid("imports `pillion:dapr`, whose calls would hold up all others of its instance")
                .hint("use `mode: fresh` or `mode: reuse`"))
        }
        Mode::Reuse { .. } if inspection.kind != Some(GuestKind::Http) => {
            Err(invalid("is no handler of requests, and only their instances can serve again")
                .hint("use `mode: fresh`, or `mode: reset` if its start is what takes long"))
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
    let module = Module::new(&shared.target.engine, binary).ok()?;
    shared.linkers.core().ok()?.instantiate_pre(&module).err().map(drop)
}

fn precompiled(shared: &Shared, file: &[u8], options: &LoadOptions) -> Result<(Inspection, Native), Error> {
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
    let target = shared.target_of(&inspection)?;
    if opened.fingerprint != target.fingerprint {
        return Err(invalid("was compiled by another version, or for another processor").hint("compile it again"));
    }
    // SAFETY: this machine's key signed the file, or the operator vouches for it.
    let code = unsafe { cache::deserialize(&target.engine, inspection.format, opened.code) };
    Ok((inspection, code.map_err(|error| invalid(format!("can't be loaded: {error:#}")))?))
}

fn compile_code(engine: &Engine, inspection: &Inspection, binary: &[u8]) -> Result<Native, Error> {
    let code = match inspection.format {
        Format::Module => Module::from_binary(engine, binary).map(Native::Module),
        Format::Component => Component::from_binary(engine, binary).map(Native::Component),
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

fn serialize(native: &Native) -> Result<Vec<u8>, Error> {
    let bytes = match native {
        Native::Module(module) => module.serialize(),
        Native::Component(component) => component.serialize(),
    };
    bytes.map_err(|error| invalid(format!("can't be serialised: {error:#}")))
}
