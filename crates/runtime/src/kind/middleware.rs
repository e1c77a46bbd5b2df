//! Handlers of http-wasm: a fresh instance sees a request, gives its turn away while the next handler works, and sees the
//! answer.

use crate::call::{self, Call, Hosted};
use crate::host::http_wasm::{Exchange, MODULE, Phase};
use crate::instance::{self, Host, in_time};
use crate::outgoing::HOPS;
use crate::output::{self, Lines, Stream};
use crate::program::Program;
use crate::{Inspection, code, trap};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use pillion_api::middleware::Next;
use pillion_api::scope;
use pillion_api::{Body, Code, Error, body};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Instance, Store};
use wasmtime_wasi::I32Exit;

/// What starts such a guest, in the log.
const TRIGGER: &str = "middleware";
const HANDLE_REQUEST: &str = "handle_request";
const HANDLE_RESPONSE: &str = "handle_response";
/// What a toolchain makes of a library's or a program's start; the first that is there is called before the request.
const STARTS: [&str; 2] = ["_initialize", "_start"];

/// Whether a module is a handler, by what it exports or imports; if so, what is wrong with it.
pub(crate) fn recognise(inspection: &Inspection) -> Option<Result<(), String>> {
    match problem(inspection) {
        None => Some(Ok(())),
        Some(problem) => inspection.imports(MODULE).then_some(Err(problem)),
    }
}

fn problem(inspection: &Inspection) -> Option<String> {
    let wanted = [(HANDLE_REQUEST, "() -> i64"), (HANDLE_RESPONSE, "(i32, i32)")];
    let amiss = wanted.into_iter().find_map(|(name, signature)| match inspection.signature(name) {
        Some(found) if found == signature => None,
        Some(found) => Some(format!("exports `{name}` as `{found}`, and http-wasm calls `{signature}`")),
        None => Some(format!("exports no `{name}`, which http-wasm calls")),
    });
    amiss.or_else(|| (!inspection.exports("memory")).then(|| "exports no `memory`".to_owned()))
}

/// An instance between its two functions.
struct Waiting {
    store: Store<Host>,
    instance: Instance,
    /// What the guest wants to be told of the request again.
    context: u32,
    /// It looks into the answer, which must be whole.
    buffers: bool,
    streams: [Stream<Lines>; 2],
}

/// What a guest decided.
enum Decided {
    Answered(Response<Body>),
    Next(Box<Waiting>, Request<Body>),
}

/// Hands a request to a handler.
pub(crate) async fn handle(
    hosted: &Arc<Hosted>,
    config: Bytes,
    request: Request<Body>,
    next: Next,
) -> Result<Response<Body>, Error> {
    let _started = hosted.counters.start();
    let (guest, process) = match hosted.admit().await {
        Ok(permits) => permits,
        Err(error) => return call::judged(hosted, TRIGGER, Err(error)),
    };
    // The answer to this very request may fail or hang in what comes next, which is not this guest's doing.
    let headers = of_call(request.headers());
    let exchange = Box::new(Exchange::new(hosted, config, request));
    let decided = ask(hosted, &headers, exchange).await;
    drop(process);
    let (waiting, request) = match call::judged(hosted, TRIGGER, decided)? {
        Decided::Answered(response) => return Ok(response),
        Decided::Next(waiting, request) => (waiting, request),
    };
    let answered = match next(request).await {
        Ok(response) if waiting.buffers => Ok(collected(hosted, response).await?),
        Ok(response) => Ok((response, None)),
        Err(error) => Err(error),
    };
    // Whoever waited for the app is not sent away now: its work is done.
    let process = hosted.shared.process.enter_over(Instant::now());
    let answer = tell(hosted, &headers, waiting, answered).await;
    drop((guest, process));
    answer
}

/// The headers that a call is known by.
fn of_call(headers: &HeaderMap) -> HeaderMap {
    let names = [HeaderName::from_static("traceparent"), HeaderName::from_static("x-request-id"), HOPS];
    let known = names.into_iter().filter_map(|name| headers.get(&name).cloned().map(|value| (name, value)));
    known.collect()
}

/// The next handler's answer in one piece.
async fn collected(hosted: &Hosted, response: Response<Body>) -> Result<(Response<Body>, Option<Bytes>), Error> {
    let (parts, incoming) = response.into_parts();
    let limit = hosted.limits().response;
    let whole = body::collect(incoming, limit).await.map_err(|error| match error.code() {
        Code::RequestTooLarge => output::response_over(&hosted.name, limit),
        _ => error,
    })?;
    Ok((Response::from_parts(parts, body::empty()), Some(whole)))
}

/// `handle_request` in a new instance.
async fn ask(hosted: &Arc<Hosted>, headers: &HeaderMap, exchange: Box<Exchange>) -> Result<Decided, Error> {
    let call = Call::new(hosted, headers);
    let of_guest = Arc::clone(&call);
    let work = async move {
        code::touch(&of_guest);
        let program = code::program(&of_guest).await?;
        let Program::Middleware(pre) = &*program else {
            return Err(Error::new(Code::GuestInvalid, format!("guest `{}` is no middleware", of_guest.hosted.name)));
        };
        let streams = ["stderr", "stdout"].map(|name| Stream::new(Lines::new(&of_guest, name)));
        let mut wasi = instance::wasi(&of_guest, &streams[0])
            .map_err(|error| super::command::preopen_failed(&of_guest, &error))?;
        wasi.stdout(streams[1].clone());
        let mut store = instance::store(&of_guest, wasi.build_p1());
        store.data_mut().exchange = Some(exchange);
        let asked = in_time(
            &of_guest,
            pin!(async {
                let instance = pre.instantiate_async(&mut store).await?;
                start(&mut store, &instance).await?;
                let handle = instance.get_typed_func::<(), i64>(&mut store, HANDLE_REQUEST)?;
                Ok((instance, handle.call_async(&mut store, ()).await?.cast_unsigned()))
            }),
        )
        .await;
        hosted_memory(&store);
        match asked {
            Ok((instance, decision)) => Ok(decided(store, instance, decision, streams)),
            Err(error) => Err(failed(&store, &streams, &error)),
        }
    };
    call::on_guest_thread(&call, scope::within(call.scope(TRIGGER), Box::pin(work))).await
}

fn hosted_memory(store: &Store<Host>) {
    let host = store.data();
    host.call.hosted.counters.memory(host.limiter.bytes());
}

fn failed(store: &Store<Host>, streams: &[Stream<Lines>; 2], error: &wasmtime::Error) -> Error {
    let last_line = streams[0].sink().finish();
    trap::error(&store.data().call, store.data(), error, &last_line)
}

/// A program whose `main` only registers its handlers may leave by an exit.
async fn start(store: &mut Store<Host>, instance: &Instance) -> wasmtime::Result<()> {
    let Some(start) = STARTS.iter().find_map(|name| instance.get_func(&mut *store, name)) else { return Ok(()) };
    match start.typed::<(), ()>(&mut *store)?.call_async(store, ()).await {
        Err(error) if matches!(error.downcast_ref(), Some(I32Exit(0))) => Ok(()),
        ended => ended,
    }
}

/// The low half says whether the next handler is asked, the high half is the guest's own.
fn decided(mut store: Store<Host>, instance: Instance, decision: u64, streams: [Stream<Lines>; 2]) -> Decided {
    let [context, next] = [decision >> 32, decision & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0));
    if next == 0 {
        return Decided::Answered(answer_of(&mut store));
    }
    let Some(exchange) = store.data_mut().exchange.as_mut() else { return Decided::Answered(answer_of(&mut store)) };
    let (request, buffers) = (exchange.take_request(), exchange.buffers_response());
    store.data_mut().rest();
    Decided::Next(Box::new(Waiting { store, instance, context, buffers, streams }), request)
}

fn answer_of(store: &mut Store<Host>) -> Response<Body> {
    store.data_mut().exchange.take().map_or_else(|| Response::new(body::empty()), |exchange| exchange.answer())
}

/// `handle_response` in the instance that saw the request, with a deadline of its own: how long the next handler took is
/// none of its business.
async fn tell(
    hosted: &Arc<Hosted>,
    headers: &HeaderMap,
    waiting: Box<Waiting>,
    answered: Result<(Response<Body>, Option<Bytes>), Error>,
) -> Result<Response<Body>, Error> {
    let call = Call::new(hosted, headers);
    let of_guest = Arc::clone(&call);
    let (received, failure) = match answered {
        Ok(received) => (Some(received), None),
        Err(error) => (None, Some(error)),
    };
    let is_error = i32::from(failure.is_some());
    let work = async move {
        let Waiting { mut store, instance, context, streams, .. } = *waiting;
        instance::renew(&mut store, &of_guest);
        if let Some(exchange) = store.data_mut().exchange.as_mut() {
            exchange.phase = Phase::After;
            received.into_iter().for_each(|(response, whole)| exchange.receive(response, whole));
        }
        let told = in_time(
            &of_guest,
            pin!(async {
                let handle = instance.get_typed_func::<(i32, i32), ()>(&mut store, HANDLE_RESPONSE)?;
                handle.call_async(&mut store, (context.cast_signed(), is_error)).await
            }),
        )
        .await;
        hosted_memory(&store);
        told.map_err(|error| failed(&store, &streams, &error))?;
        let has_answer = store.data().exchange.as_ref().is_some_and(|exchange| exchange.has_answer());
        Ok(match failure {
            // The guest has nothing to say instead.
            Some(error) if !has_answer => Err(error),
            _ => Ok(answer_of(&mut store)),
        })
    };
    let told = call::on_guest_thread(&call, scope::within(call.scope(TRIGGER), Box::pin(work))).await;
    call::judged(hosted, TRIGGER, told)?
}
