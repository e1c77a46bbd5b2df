//! Commands: the body on stdin, the request in the environment (CGI's names, RFC 3875), stdout as the response. A block
//! of headers on stdout, as CGI programs write it, is not read as one: stdout is the body and nothing else.

use super::respond;
use crate::call::{self, Call, Hosted};
use crate::instance::{self, Host, in_time};
use crate::output::{Collected, Lines, Stream};
use crate::runtime::Shared;
use crate::trap::{self, Ended};
use crate::{GuestSpec, code, program::Program};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use pillion_api::{Body, Code, Error, body};
use std::pin::pin;
use std::sync::Arc;
use wasmtime::{InstancePre, Store};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

/// Headers that become no `HTTP_*` variable: they have a name of their own, or are secrets between server and client.
const NOT_IN_ENVIRONMENT: [header::HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::AUTHORIZATION, header::PROXY_AUTHORIZATION];

/// What starts a run for a component, in the log.
const BINDING: &str = "binding";

/// Linked code of a command.
pub(crate) enum Entry<'a> {
    Core(&'a InstancePre<Host>),
    Component(&'a CommandPre<Host>),
}

impl Entry<'_> {
    /// Runs it to its end. A program that returns has succeeded, unless it says otherwise.
    async fn run(&self, store: &mut Store<Host>) -> wasmtime::Result<i32> {
        match self {
            Self::Core(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
                start.call_async(store, ()).await?;
                Ok(0)
            }
            Self::Component(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                let result = command.wasi_cli_run().call_run(store).await?;
                Ok(i32::from(result.is_err()))
            }
        }
    }
}

/// One request.
pub(crate) async fn call(call: &Arc<Call>, entry: Entry<'_>, request: Request<Bytes>) -> Result<Response<Body>, Error> {
    let (parts, body) = request.into_parts();
    let stdout = Stream::new(Collected::new(call.hosted.limits().response, Arc::clone(&call.hosted.name)));
    let stderr = Stream::new(Lines::new(call, "stderr"));
    let mut wasi = instance::wasi(call, &stderr).map_err(|error| preopen_failed(call, &error))?;
    environment(&mut wasi, &parts, &body);
    wasi.stdin(MemoryInputPipe::new(body)).stdout(stdout.clone());
    let outcome = run(call, &entry, &mut wasi).await;
    let last_line = stderr.sink().finish();
    match outcome {
        Ok(0) => Ok(respond(stdout.sink().finish())),
        Ok(code) => Err(trap::exit(call, code, &last_line)),
        Err(error) => Err(error),
    }
}

async fn run(call: &Arc<Call>, entry: &Entry<'_>, wasi: &mut WasiCtxBuilder) -> Result<i32, Error> {
    let mut store = instance::store(call, wasi.build_p1());
    let outcome = in_time(call, pin!(entry.run(&mut store))).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    outcome.or_else(|error| match trap::ended(call, store.data(), &error) {
        Ended::Exit(code) => Ok(code),
        Ended::Error(error) => Err(error),
    })
}

pub(crate) fn preopen_failed(call: &Call, error: &wasmtime::Error) -> Error {
    Error::new(
        Code::Internal,
        format!("guest `{}`: a directory of `allow.files` can't be opened: {error:#}", call.hosted.name),
    )
}

fn environment(wasi: &mut WasiCtxBuilder, parts: &Parts, body: &Bytes) {
    wasi.env("GATEWAY_INTERFACE", "CGI/1.1").env("SERVER_PROTOCOL", "HTTP/1.1");
    wasi.env("REQUEST_METHOD", parts.method.as_str());
    wasi.env("PATH_INFO", parts.uri.path());
    wasi.env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    wasi.env("CONTENT_LENGTH", body.len().to_string());
    if let Some(content_type) = text(&parts.headers, &header::CONTENT_TYPE) {
        wasi.env("CONTENT_TYPE", content_type);
    }
    // `a_b` and `a-b` would be one variable, so that a client could say what only the sidecar may: the former is left out.
    let usable = |name: &&header::HeaderName| {
        !NOT_IN_ENVIRONMENT.contains(name) && name.as_str() != "proxy" && !name.as_str().contains('_')
    };
    for name in parts.headers.keys().filter(usable) {
        if let Some(value) = text(&parts.headers, name) {
            wasi.env(format!("HTTP_{}", name.as_str().replace('-', "_").to_ascii_uppercase()), value);
        }
    }
}

/// The values of a header, joined as RFC 9110 joins them; none if one is not text.
fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|value| value.to_str()).collect();
    values.ok().filter(|values| !values.is_empty()).map(|values| values.join(", "))
}

/// A run for a component: arguments and stdin in, stdout out.
pub(crate) async fn execute(hosted: &Arc<Hosted>, args: Vec<String>, input: Bytes) -> Result<Bytes, Error> {
    let limit = hosted.limits().request;
    if input.len() as u64 > limit {
        let _started = hosted.counters.start();
        return call::judged(hosted, BINDING, Err(body::too_large(limit)));
    }
    call::work(hosted, BINDING, &HeaderMap::new(), |call| async move { execute_here(&call, &args, input).await }).await
}

async fn execute_here(call: &Arc<Call>, args: &[String], input: Bytes) -> Result<Bytes, Error> {
    code::touch(call);
    let program = code::program(call).await?;
    let entry = match &*program {
        Program::Core(pre) => Entry::Core(pre),
        Program::Command(pre) => Entry::Component(pre),
        _ => return Err(Error::new(Code::GuestInvalid, format!("guest `{}` is no command", call.hosted.name))),
    };
    let stdout = Stream::new(Collected::new(call.hosted.limits().response, Arc::clone(&call.hosted.name)));
    let stderr = Stream::new(Lines::new(call, "stderr"));
    let mut wasi = instance::wasi(call, &stderr).map_err(|error| preopen_failed(call, &error))?;
    wasi.args(args).stdin(MemoryInputPipe::new(input)).stdout(stdout.clone());
    let code = run(call, &entry, &mut wasi).await?;
    let last_line = stderr.sink().finish();
    if code == 0 { Ok(stdout.sink().finish()) } else { Err(trap::exit(call, code, &last_line)) }
}

/// A plain WASI run: this process's stdio, no app behind it.
pub(crate) async fn run_plain(shared: &Arc<Shared>, spec: GuestSpec) -> Result<i32, Error> {
    let guest = spec.guest.clone();
    let hosted = Arc::new(Hosted::new(shared, &"".into(), spec, None));
    let call = Call::new(&hosted, &HeaderMap::new());
    let mut wasi = plain_wasi(&call).map_err(|error| preopen_failed(&call, &error))?;
    let task = async move {
        let program = code::program(&call).await?;
        let entry = match &*program {
            Program::Core(pre) => Entry::Core(pre),
            Program::Command(pre) => Entry::Component(pre),
            _ => {
                return Err(Error::new(Code::GuestInvalid, format!("guest `{}` is no command", guest.name()))
                    .hint("give it an app id to serve it"));
            }
        };
        run(&call, &entry, &mut wasi).await
    };
    let failed = |_| Error::new(Code::Internal, "the guest failed in the host");
    shared.threads.spawn(task).await.map_err(failed)?
}

fn plain_wasi(call: &Arc<Call>) -> wasmtime::Result<WasiCtxBuilder> {
    let mut wasi = instance::granted(&call.hosted.spec)?;
    wasi.inherit_stdio();
    Ok(wasi)
}
