//! `http_handler`, the ABI of http-wasm that Dapr's middleware has: a handler reads and changes a request before the next
//! handler has it, and the answer after. See <https://http-wasm.io/http-handler-abi/>; where that is silent, Dapr's own host
//! is followed. A call that is out of turn, a pointer outside of the guest's memory and a limit end the guest.

mod bodies;
mod exchange;
mod headers;

pub(crate) use exchange::{Exchange, Phase};

use super::memory;
use crate::instance::Host;
use crate::output;
use pillion_api::{Code, Error};
use wasmtime::{Caller, Linker};

/// The module that guests import.
pub(crate) const MODULE: &str = "http_handler";
/// Bytes of a method, a URI or the name of a header.
const MAX_TEXT: u64 = 64 << 10;

/// Defines the module.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "enable_features", |mut caller: Caller<'_, Host>, features: i32| {
        exchange_of(&mut caller).map(|exchange| exchange.enable(features.cast_unsigned()).cast_signed())
    })?;
    linker.func_wrap(MODULE, "get_config", |mut caller: Caller<'_, Host>, to: i32, room: i32| {
        let config = exchange_of(&mut caller)?.config.clone();
        give(&mut caller, &config, to, room)
    })?;
    linker.func_wrap(MODULE, "log_enabled", |level: i32| i32::from(level_of(level).is_some_and(is_logged)))?;
    linker.func_wrap(MODULE, "log", |mut caller: Caller<'_, Host>, level: i32, text: i32, length: i32| {
        log(&mut caller, level, (text, length))
    })?;
    of_request(linker)?;
    of_response(linker)?;
    headers::add_to_linker(linker)?;
    bodies::add_to_linker(linker)
}

fn of_request(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "get_method", |mut caller: Caller<'_, Host>, to: i32, room: i32| {
        let method = exchange_of(&mut caller)?.request.method.clone();
        give(&mut caller, method.as_str().as_bytes(), to, room)
    })?;
    linker.func_wrap(MODULE, "set_method", |mut caller: Caller<'_, Host>, text: i32, length: i32| {
        let method = text_of(&mut caller, (text, length))?;
        exchange_of(&mut caller)?.set_method(&method)
    })?;
    linker.func_wrap(MODULE, "get_uri", |mut caller: Caller<'_, Host>, to: i32, room: i32| {
        let uri = exchange_of(&mut caller)?.uri();
        give(&mut caller, uri.as_bytes(), to, room)
    })?;
    linker.func_wrap(MODULE, "set_uri", |mut caller: Caller<'_, Host>, text: i32, length: i32| {
        let uri = text_of(&mut caller, (text, length))?;
        exchange_of(&mut caller)?.set_uri(&uri)
    })?;
    linker.func_wrap(MODULE, "get_protocol_version", |mut caller: Caller<'_, Host>, to: i32, room: i32| {
        let version = exchange_of(&mut caller)?.protocol();
        give(&mut caller, version.as_bytes(), to, room)
    })?;
    linker.func_wrap(MODULE, "get_source_addr", |mut caller: Caller<'_, Host>, to: i32, room: i32| {
        let address = exchange_of(&mut caller)?.source_address();
        give(&mut caller, address.as_bytes(), to, room)
    })?;
    Ok(())
}

fn of_response(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "get_status_code", |mut caller: Caller<'_, Host>| {
        exchange_of(&mut caller).map(|exchange| i32::from(exchange.status().as_u16()))
    })?;
    linker.func_wrap(MODULE, "set_status_code", |mut caller: Caller<'_, Host>, status: i32| {
        exchange_of(&mut caller)?.set_status(status)
    })?;
    Ok(())
}

/// What a guest did that the ABI doesn't let it do.
fn broken(why: impl std::fmt::Display) -> wasmtime::Error {
    Error::new(Code::GuestTrap, format!("the middleware {why}")).into()
}

fn exchange_of<'a>(caller: &'a mut Caller<'_, Host>) -> wasmtime::Result<&'a mut Exchange> {
    let exchange = caller.data_mut().exchange.as_deref_mut();
    exchange.ok_or_else(|| broken("is called without a request"))
}

/// Writes a value if there is room for it; answers its length, so that the guest can make more room.
fn give(caller: &mut Caller<'_, Host>, value: &[u8], to: i32, room: i32) -> wasmtime::Result<i32> {
    if !value.is_empty() && value.len() <= room.cast_unsigned() as usize {
        memory::write(caller, to, value)?;
    }
    i32::try_from(value.len()).map_err(|_| broken("asked for a value that no memory holds"))
}

fn bytes_of(caller: &mut Caller<'_, Host>, (pointer, length): (i32, i32)) -> wasmtime::Result<Vec<u8>> {
    Ok(memory::read(caller, pointer, length, MAX_TEXT)?)
}

fn text_of(caller: &mut Caller<'_, Host>, text: (i32, i32)) -> wasmtime::Result<String> {
    String::from_utf8(bytes_of(caller, text)?).map_err(|_| broken("gave a text that is no UTF-8"))
}

/// Two numbers in one result.
fn pair(high: usize, low: usize) -> wasmtime::Result<i64> {
    let half = |number: usize| u32::try_from(number).map_err(|_| broken("asked for more than a memory holds"));
    Ok(((u64::from(half(high)?) << 32) | u64::from(half(low)?)).cast_signed())
}

/// The ABI's levels; 3 is none at all.
fn level_of(level: i32) -> Option<tracing::Level> {
    match level {
        i32::MIN..=-1 => Some(tracing::Level::DEBUG),
        0 => Some(tracing::Level::INFO),
        1 => Some(tracing::Level::WARN),
        2 => Some(tracing::Level::ERROR),
        _ => None,
    }
}

fn is_logged(level: tracing::Level) -> bool {
    match level {
        tracing::Level::ERROR => tracing::enabled!(target: "guest", tracing::Level::ERROR),
        tracing::Level::WARN => tracing::enabled!(target: "guest", tracing::Level::WARN),
        tracing::Level::INFO => tracing::enabled!(target: "guest", tracing::Level::INFO),
        _ => tracing::enabled!(target: "guest", tracing::Level::DEBUG),
    }
}

fn log(caller: &mut Caller<'_, Host>, level: i32, (text, length): (i32, i32)) -> wasmtime::Result<()> {
    let Some(level) = level_of(level) else { return Ok(()) };
    let limit = caller.data().call.hosted.limits().host_buffers;
    let message = memory::read(caller, text, length, limit)?;
    output::record(&caller.data().call, level, "", &String::from_utf8_lossy(&message));
    Ok(())
}
