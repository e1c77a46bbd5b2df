//! wasi:http handlers of 0.2 and 0.3. The guest runs in the task of its caller until its answer is known: a small one is whole
//! when the guest returns, and then nothing else was needed. A guest that still writes then goes on in a task of its own,
//! which the streaming body owns.

mod body;
mod service;
pub(crate) mod shared;

use crate::admission::Permit;
use crate::ahead::{self, Ready, Started};
use crate::call::Call;
use crate::guest::Mode;
use crate::host::http::{Answer, Exchange, QuickView, wasi_error};
use crate::instance::{Host, in_time};
use crate::kept::Kept;
use crate::threads::Task;
use crate::trap;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error, scope};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use wasmtime::Store;
use wasmtime::component::Resource;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

/// How a guest ended, with the answer that nobody has taken.
struct Ended {
    answer: Option<Answer>,
    result: Result<(), Error>,
}

type Guest = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// One request. Comes back with the whole answer, or with its head once the guest has to wait.
pub(crate) async fn call(
    call: Arc<Call>,
    request: Request<Body>,
    permits: (Permit, Permit),
) -> Result<Response<Body>, Error> {
    if let Mode::Concurrent { .. } = call.hosted.spec.guest.mode() {
        return Box::pin(shared::call(call, request, permits)).await;
    }
    let exchange = Arc::new(Exchange::default());
    let (of_guest, to) = (Arc::clone(&call), Arc::clone(&exchange));
    let mut guest: Guest = Box::pin(async move {
        let ended = run(&of_guest, request, to).await;
        drop(permits);
        ended
    });
    let first = std::future::poll_fn(|context| match guest.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Ok(ended)),
        Poll::Pending => exchange.take().map_or(Poll::Pending, |answer| Poll::Ready(Err(answer))),
    });
    match first.await {
        Ok(ended) => whole(&call, &exchange, ended),
        Err(answer) => goes_on(&call, &exchange, answer, guest),
    }
}

/// The guest is at its end.
fn whole(call: &Arc<Call>, exchange: &Arc<Exchange>, ended: Ended) -> Result<Response<Body>, Error> {
    match (exchange.take().or(ended.answer), ended.result) {
        (Some(Answer::Whole(whole)), result) => Ok(body::of_whole(call, whole, result.err())),
        (Some(Answer::Stream(response)), _) => Ok(body::stream(call, response, None, Arc::clone(exchange))),
        (Some(Answer::Failed(code)), _) => Err(answered_with(call, &code)),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(no_response(call, "it returned without setting a response")),
    }
}

/// The guest is not at its end: what it does after a whole answer is its own time, up to its deadline.
fn goes_on(call: &Arc<Call>, exchange: &Arc<Exchange>, answer: Answer, guest: Guest) -> Result<Response<Body>, Error> {
    let task = || Task::of(call.hosted.shared.threads.handle().spawn(scope::within_current(guest)));
    match answer {
        Answer::Failed(code) => Err(answered_with(call, &code)),
        Answer::Stream(response) => Ok(body::stream(call, response, Some(task()), Arc::clone(exchange))),
        Answer::Whole(whole) => {
            task().let_go();
            Ok(body::of_whole(call, whole, None))
        }
    }
}

fn answered_with(call: &Call, code: &impl std::fmt::Display) -> Error {
    no_response(call, &format!("it answered with the error {code}"))
}

fn no_response(call: &Call, why: &str) -> Error {
    Error::new(Code::GuestNoResponse, format!("guest `{}` gave no response: {why}", call.hosted.name))
}

async fn run(call: &Arc<Call>, request: Request<Body>, exchange: Arc<Exchange>) -> Ended {
    let (mut store, kept) = match ahead::take(call) {
        Ok(taken) => taken,
        Err(error) => return Ended { answer: None, result: Err(error) },
    };
    let outcome = in_time(call, pin!(handle(call, &mut store, kept, request, Arc::clone(&exchange)))).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let answer = QuickView(store.data_mut()).answer();
    let last_line = store.data_mut().last_line();
    let result = match outcome {
        Ok((proxy, calls)) => {
            let started = Started::Proxy(proxy);
            call.hosted.kept.keep(&call.hosted, Kept { store, started, calls, place: None });
            ahead::prepare(&call.hosted);
            Ok(())
        }
        Err(error) => Err(trap::error(call, store.data(), &error, &last_line)),
    };
    if let Err(error) = &result {
        exchange.judge(error.clone());
    }
    Ended { answer, result }
}

/// Calls the guest; answers the instance and how many calls it has served.
async fn handle(
    call: &Call,
    store: &mut Store<Host>,
    kept: Option<Ready>,
    request: Request<Body>,
    exchange: Arc<Exchange>,
) -> wasmtime::Result<(Proxy, u32)> {
    if call.hosted.spec.guest.0.code.is_service {
        return Box::pin(service::handle(call, store, kept, request, exchange)).await;
    }
    let (request, response) = match call.hosted.shared.options.stock_http {
        true => stock(call, store.data_mut(), request, exchange)?,
        false => store.data_mut().quick.start(request, exchange),
    };
    let (started, calls) = ahead::ready(call, store, kept).await?;
    let proxy = started.proxy()?;
    let Proxy::P2(handler) = &proxy else { wasmtime::bail!("an instance of 0.3 is called by 0.2") };
    handler.wasi_http_incoming_handler().call_handle(store, request, response).await?;
    Ok((proxy, calls + 1))
}

/// The two resources that a handler is called with, as the stock implementation makes them.
fn stock(
    call: &Call,
    host: &mut Host,
    request: Request<Body>,
    exchange: Arc<Exchange>,
) -> wasmtime::Result<(Resource<HostIncomingRequest>, Resource<HostResponseOutparam>)> {
    let request = with_authority(request, call).map(|body| body.map_err(|error| wasi_error(&error)));
    let mut http = host.http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let response = http.new_response_outparam_from_callback(move |answer| {
        exchange.send(answer.map_or_else(Answer::Failed, Answer::Stream));
    })?;
    Ok((request, response))
}

/// wasi:http wants an authority; a call in process has none but the app's own name.
fn with_authority(mut request: Request<Body>, call: &Call) -> Request<Body> {
    let named = request.headers().get(header::HOST).is_some_and(|host| host.to_str().is_ok());
    if request.uri().authority().is_none() && !named {
        let host = HeaderValue::from_str(&call.hosted.app).unwrap_or(HeaderValue::from_static("app"));
        request.headers_mut().insert(header::HOST, host);
    }
    request
}
