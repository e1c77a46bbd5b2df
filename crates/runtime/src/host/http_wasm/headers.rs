//! The header functions: names and values as lists of texts that end with a zero byte.

use super::exchange::Exchange;
use super::{MODULE, broken, bytes_of, exchange_of, pair};
use crate::host::memory;
use crate::instance::Host;
use crate::limits::key;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pillion_api::{Code, Error};
use wasmtime::{Caller, Linker};

/// The kinds of header that a guest names.
const REQUEST: i32 = 0;
const RESPONSE: i32 = 1;
const REQUEST_TRAILERS: i32 = 2;
const RESPONSE_TRAILERS: i32 = 3;
/// What a header takes beside its name and value, as HTTP/2 counts it.
const OVERHEAD: usize = 32;

/// What is done to a header.
#[derive(Clone, Copy)]
enum Change {
    Set,
    Add,
    Remove,
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "get_header_names", |mut caller: Caller<'_, Host>, kind: i32, to: i32, room: i32| {
        let names = names(exchange_of(&mut caller)?, kind)?;
        give_list(&mut caller, &names, to, room)
    })?;
    linker.func_wrap(
        MODULE,
        "get_header_values",
        |mut caller: Caller<'_, Host>, kind: i32, name: i32, length: i32, to: i32, room: i32| {
            let name = name_of(&mut caller, (name, length))?;
            let values = values(exchange_of(&mut caller)?, kind, &name)?;
            give_list(&mut caller, &values, to, room)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "set_header_value",
        |mut caller: Caller<'_, Host>, kind: i32, name: i32, length: i32, value: i32, value_length: i32| {
            change(&mut caller, Change::Set, kind, (name, length), (value, value_length))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "add_header_value",
        |mut caller: Caller<'_, Host>, kind: i32, name: i32, length: i32, value: i32, value_length: i32| {
            change(&mut caller, Change::Add, kind, (name, length), (value, value_length))
        },
    )?;
    linker.func_wrap(MODULE, "remove_header", |mut caller: Caller<'_, Host>, kind: i32, name: i32, length: i32| {
        change(&mut caller, Change::Remove, kind, (name, length), (0, 0))
    })?;
    Ok(())
}

/// None for trailers: there are none here, and the guest learns so from `enable_features`.
fn headers(exchange: &Exchange, kind: i32) -> wasmtime::Result<Option<&HeaderMap>> {
    match kind {
        REQUEST => Ok(Some(&exchange.request.headers)),
        RESPONSE => Ok(Some(&exchange.response.headers)),
        REQUEST_TRAILERS | RESPONSE_TRAILERS => Ok(None),
        other => Err(no_such_kind(other)),
    }
}

fn no_such_kind(kind: i32) -> wasmtime::Error {
    broken(format!("names the headers {kind}, which are none"))
}

/// The host of a request that says it beside its headers, as HTTP/2 does.
fn authority(exchange: &Exchange) -> Option<&str> {
    let said = exchange.request.headers.contains_key(header::HOST);
    exchange.request.uri.authority().filter(|_| !said).map(http::uri::Authority::as_str)
}

fn names(exchange: &Exchange, kind: i32) -> wasmtime::Result<Vec<Vec<u8>>> {
    let Some(headers) = headers(exchange, kind)? else { return Ok(Vec::new()) };
    let mut names: Vec<Vec<u8>> = headers.keys().map(|name| name.as_str().as_bytes().to_vec()).collect();
    if kind == REQUEST && authority(exchange).is_some() {
        names.push(b"host".to_vec());
    }
    names.sort_unstable();
    Ok(names)
}

fn values(exchange: &Exchange, kind: i32, name: &HeaderName) -> wasmtime::Result<Vec<Vec<u8>>> {
    let Some(headers) = headers(exchange, kind)? else { return Ok(Vec::new()) };
    if let Some(host) = authority(exchange).filter(|_| kind == REQUEST && name == header::HOST) {
        return Ok(vec![host.as_bytes().to_vec()]);
    }
    Ok(headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect())
}

/// Writes the list if there is room for it; answers how many there are, and their length with the zeros.
fn give_list(caller: &mut Caller<'_, Host>, list: &[Vec<u8>], to: i32, room: i32) -> wasmtime::Result<i64> {
    let length = list.iter().map(|text| text.len() + 1).sum();
    if length > 0 && length <= room.cast_unsigned() as usize {
        let mut bytes = Vec::with_capacity(length);
        for text in list {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
        memory::write(caller, to, &bytes)?;
    }
    pair(list.len(), length)
}

fn name_of(caller: &mut Caller<'_, Host>, name: (i32, i32)) -> wasmtime::Result<HeaderName> {
    let name = bytes_of(caller, name)?;
    HeaderName::from_bytes(&name).map_err(|_| broken(format!("names the header `{}`", name.escape_ascii())))
}

fn change(
    caller: &mut Caller<'_, Host>,
    change: Change,
    kind: i32,
    name: (i32, i32),
    value: (i32, i32),
) -> wasmtime::Result<()> {
    let name = name_of(caller, name)?;
    let bytes = bytes_of(caller, value)?;
    let value = HeaderValue::from_bytes(&bytes)
        .map_err(|_| broken(format!("gives the header `{name}` a value that no header can have")))?;
    let limit = caller.data().call.hosted.limits().fields;
    let exchange = exchange_of(caller)?;
    let headers = mutable(exchange, kind)?;
    match change {
        Change::Set => {
            headers.insert(name, value);
        }
        Change::Add => {
            headers.append(name, value);
        }
        Change::Remove => {
            headers.remove(name);
        }
    }
    match size(headers) > limit {
        true => Err(over(exchange, limit)),
        false => Ok(()),
    }
}

fn mutable(exchange: &mut Exchange, kind: i32) -> wasmtime::Result<&mut HeaderMap> {
    match kind {
        REQUEST => {
            exchange.before_next("changes a header of the request")?;
            Ok(&mut exchange.request.headers)
        }
        RESPONSE => {
            exchange.before_next_or_buffered("changes a header of the answer")?;
            Ok(&mut exchange.response.headers)
        }
        REQUEST_TRAILERS | RESPONSE_TRAILERS => {
            Err(broken("changes trailers, and `enable_features` said that there are none here"))
        }
        other => Err(no_such_kind(other)),
    }
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD).sum()
}

fn over(exchange: &Exchange, limit: usize) -> wasmtime::Error {
    let name = &exchange.hosted().name;
    Error::new(Code::GuestLimit, format!("guest `{name}` made more than {limit} bytes of headers"))
        .limit(key::FIELDS, limit as u64)
        .into()
}
