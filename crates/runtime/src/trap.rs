//! What went wrong in a guest, as an error of the table: which limit, which function, which line.

use crate::call::Call;
use crate::instance::{Deadline, Host};
use crate::limiter::Refused;
use crate::limits::key;
use pillion_api::{Code, Error};
use std::time::Duration;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::{I32Exit, ResourceTableError};
use wasmtime_wasi_http::FieldMapError;

/// Frames that a message names.
const FRAMES_SHOWN: usize = 3;
/// The exit code of a program whose input is damaged (`EX_DATAERR` of sysexits.h).
const EX_DATAERR: i32 = 65;

/// How a guest ended that did not simply return.
pub(crate) enum Ended {
    /// It called `exit`.
    Exit(i32),
    /// It could not go on.
    Error(Error),
}

/// Reads the error of an instantiation or a call.
pub(crate) fn ended(call: &Call, host: &Host, error: &wasmtime::Error) -> Ended {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Ended::Exit(*code);
    }
    Ended::Error(self::error(call, host, error, ""))
}

/// The same where an exit is an error whatever its code; `last_line` is what the guest said last on stderr.
pub(crate) fn error(call: &Call, host: &Host, error: &wasmtime::Error, last_line: &str) -> Error {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return exit(call, *code, last_line);
    }
    if let Some(own) = error.downcast_ref::<Error>() {
        return own.clone();
    }
    if error.is::<Deadline>() {
        return call.timed_out();
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return busy("every instance of the process is in use", call);
    }
    limit(call, host, error).unwrap_or_else(|| trap(call, error))
}

/// An exit code other than 0. 65 says that the input was damaged, and then the last line of stderr is for the caller.
pub(crate) fn exit(call: &Call, code: i32, last_line: &str) -> Error {
    let name = &call.hosted.name;
    if code == EX_DATAERR {
        let detail = if last_line.is_empty() { "the guest can't work on these bytes" } else { last_line };
        return Error::new(Code::UnprocessableData, detail.to_owned());
    }
    Error::new(Code::GuestExit, format!("guest `{name}` ended with exit code {code}")).hint("its stderr is in the log")
}

/// The process has no room for what the guest may have.
pub(crate) fn short_of_memory(call: &Call) -> Error {
    busy("the memory budget of the process is used up", call)
}

fn busy(what: &str, call: &Call) -> Error {
    Error::new(Code::Overloaded, format!("guest `{}` can't start: {what}", call.hosted.name))
        .retry_after(Duration::from_secs(1))
}

fn limit(call: &Call, host: &Host, error: &wasmtime::Error) -> Option<Error> {
    let limits = call.hosted.limits();
    match host.limiter.refused() {
        Some(Refused::Memory) => return Some(over(call, "bytes of memory", key::MEMORY, limits.memory)),
        Some(Refused::TableElements) => {
            return Some(over(call, "table elements", key::TABLE_ELEMENTS, limits.table_elements as u64));
        }
        Some(Refused::Budget) => return Some(short_of_memory(call)),
        None => {}
    }
    if error.is::<ResourceTableError>() {
        return Some(over(call, "open handles", key::RESOURCES, limits.resources as u64));
    }
    if error.is::<FieldMapError>() {
        return Some(over(call, "header fields", key::FIELDS, limits.fields as u64));
    }
    counted(call, &error.root_cause().to_string())
}

/// Wasmtime has no type for the limits that it counts itself; these are the texts of version 48.
fn counted(call: &Call, text: &str) -> Option<Error> {
    let limits = call.hosted.limits();
    let of = |what: &str| text.contains(&format!("{what} count too high"));
    if of("memory") {
        Some(over(call, "memories", key::MEMORIES, limits.memories as u64))
    } else if of("table") {
        Some(over(call, "tables", key::TABLES, limits.tables as u64))
    } else if of("instance") {
        Some(over(call, "core instances", key::INSTANCES, limits.instances as u64))
    } else if text.contains("handle limit exceeded") {
        Some(over(call, "open handles", key::RESOURCES, limits.resources as u64))
    } else if text.contains("too much data") || text.contains("fuel allocated for hostcalls") {
        Some(over(call, "bytes in a host call", key::HOSTCALL_FUEL, limits.hostcall_bytes() as u64))
    } else {
        None
    }
}

fn over(call: &Call, what: &str, key: &'static str, value: u64) -> Error {
    Error::new(Code::GuestLimit, format!("guest `{}` went over its limit of {value} {what}", call.hosted.name))
        .hint(format!("raise `{key}` of the guest if that much is meant"))
        .limit(key, value)
}

fn trap(call: &Call, error: &wasmtime::Error) -> Error {
    let reason = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => error.root_cause().to_string(),
    };
    let place = error.downcast_ref::<WasmBacktrace>().map(place).unwrap_or_default();
    Error::new(Code::GuestTrap, format!("guest `{}` trapped: {reason}{place}", call.hosted.name))
}

/// ` in f (src/lib.rs:3), called by g`, without the frames of panic machinery.
fn place(backtrace: &WasmBacktrace) -> String {
    let frames = backtrace.frames().iter().map(frame).filter(|frame| !is_machinery(frame));
    let shown: Vec<_> = frames.take(FRAMES_SHOWN).collect();
    if shown.is_empty() { String::new() } else { format!(" in {}", shown.join(", called by ")) }
}

fn is_machinery(frame: &str) -> bool {
    ["std::", "core::", "rust_panic", "__rust", "abort", "_start", "__main_void"]
        .iter()
        .any(|name| frame.trim_start_matches('`').starts_with(name))
}

fn frame(frame: &wasmtime::FrameInfo) -> String {
    let symbol = frame.symbols().first();
    let name = symbol.and_then(|symbol| symbol.name()).or_else(|| frame.func_name());
    let name = name.map_or_else(|| format!("function {}", frame.func_index()), |name| format!("`{}`", demangled(name)));
    match symbol.and_then(|symbol| Some((symbol.file()?, symbol.line()?))) {
        Some((file, line)) => format!("{name} ({file}:{line})"),
        None => name,
    }
}

/// Rust's names carry a hash that says nothing to a reader, and today's are not even words.
fn demangled(name: &str) -> String {
    if let Ok(words) = rustc_demangle::try_demangle(name) {
        return format!("{words:#}");
    }
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path.to_owned(),
        _ => name.to_owned(),
    }
}
