//! wasi:http handlers of 0.2: the request streams in, the response streams out while the guest still runs.

use crate::admission::Permit;
use crate::call::Call;
use crate::instance::{self, Host, in_time};
use crate::output::{Lines, Stream, response_over};
use crate::threads::Task;
use crate::trap;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error, body};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::oneshot;
use tracing::Instrument;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::{bindings::ProxyPre, body::HyperOutgoingBody};
use wasmtime_wasi_http::{Error as WasiError, WasiHttpView};

type Answer = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// What the guest's task has to say once it is over, set before its store is dropped: a body whose guest is gone looks
/// like one that ended well.
#[derive(Clone, Default)]
struct Verdict(Arc<Mutex<Option<Error>>>);

impl Verdict {
    fn set(&self, error: Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn get(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request. Comes back with the head of the response; the guest goes on in a task that the body owns.
pub(crate) async fn call(
    call: Arc<Call>,
    pre: ProxyPre<Host>,
    request: Request<Body>,
    permits: (Permit, Permit),
) -> Result<Response<Body>, Error> {
    let (sender, receiver) = oneshot::channel();
    let verdict = Verdict::default();
    let (of_task, said) = (Arc::clone(&call), verdict.clone());
    let guest = async move {
        let result = run(&of_task, pre, request, sender, &said).await;
        drop(permits);
        result
    };
    let task = Task::of(call.hosted.shared.threads.handle().spawn(guest.in_current_span()));
    match receiver.await {
        Ok(Ok(response)) => Ok(stream(&call, response, task, verdict)),
        Ok(Err(code)) => Err(no_response(&call, &format!("it answered with the error {code}"))),
        Err(_) => match task.await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => Err(no_response(&call, "it returned without setting a response")),
            Err(_) => Err(Error::new(Code::Internal, format!("guest `{}` failed in the host", call.hosted.name))),
        },
    }
}

fn no_response(call: &Call, why: &str) -> Error {
    Error::new(Code::GuestNoResponse, format!("guest `{}` gave no response: {why}", call.hosted.name))
}

async fn run(
    call: &Arc<Call>,
    pre: ProxyPre<Host>,
    request: Request<Body>,
    sender: oneshot::Sender<Answer>,
    verdict: &Verdict,
) -> Result<(), Error> {
    let (stdout, stderr) = (Stream::new(Lines::new(call, "stdout")), Stream::new(Lines::new(call, "stderr")));
    let mut wasi = instance::wasi(call, &stderr).map_err(|error| super::command::preopen_failed(call, &error))?;
    let mut store = instance::store(call, wasi.stdout(stdout).build_p1());
    let outcome = in_time(call, handle(&mut store, pre, request, sender)).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = stderr.sink().finish();
    let outcome = outcome.map_err(|error| trap::error(call, store.data(), &error, &last_line));
    if let Err(error) = &outcome {
        verdict.set(error.clone());
    }
    outcome
}

async fn handle(
    store: &mut wasmtime::Store<Host>,
    pre: ProxyPre<Host>,
    request: Request<Body>,
    sender: oneshot::Sender<Answer>,
) -> wasmtime::Result<()> {
    let request = with_authority(request, &store.data().call).map(|body| body.map_err(|error| incoming_error(&error)));
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let response = http.new_response_outparam(sender)?;
    let proxy = pre.instantiate_async(&mut *store).await?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, response).await
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

fn incoming_error(error: &Error) -> WasiError {
    match error.code() {
        Code::RequestTooLarge => WasiError::HttpRequestBodySize(error.reached().map(|limit| limit.value)),
        _ => WasiError::ConnectionTerminated,
    }
}

fn stream(
    call: &Arc<Call>,
    response: Response<HyperOutgoingBody>,
    task: Task<Result<(), Error>>,
    verdict: Verdict,
) -> Response<Body> {
    let left = call.hosted.limits().response;
    response.map(|inner| {
        if inner.is_end_stream() {
            task.let_go();
            return body::empty();
        }
        GuestBody { inner, task: Some(task), verdict, left, call: Arc::clone(call) }.boxed_unsync()
    })
}

/// A body that its guest still writes. Dropped before its end, it takes the guest with it.
struct GuestBody {
    inner: HyperOutgoingBody,
    task: Option<Task<Result<(), Error>>>,
    verdict: Verdict,
    left: u64,
    call: Arc<Call>,
}

impl GuestBody {
    fn data(&mut self, data: &Bytes) -> Result<(), Error> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(response_over(&self.call.hosted.name, self.call.hosted.limits().response)),
        }
    }

    /// Ended well, unless the guest's end says otherwise.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        let task = self.task.take()?;
        match self.verdict.get() {
            Some(error) => Some(Err(self.broken(error))),
            None => {
                // What the guest does after its answer is its own time, up to its deadline.
                task.let_go();
                None
            }
        }
    }

    fn broken(&self, error: Error) -> Error {
        let (app, guest, request_id) = self.call.names();
        self.call.hosted.counters.failed(error.code());
        tracing::warn!(app, guest, request_id, code = error.code().name(), "the response is broken off: {error}");
        error
    }
}

impl http_body::Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.task.is_none() {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        Poll::Ready(match frame {
            None => self.end(),
            Some(Err(error)) => {
                self.task = None;
                let unfinished = || no_response(&self.call, &format!("its body broke off: {error}"));
                let error = self.verdict.get().unwrap_or_else(unfinished);
                Some(Err(self.broken(error)))
            }
            Some(Ok(frame)) => match frame.data_ref().map_or(Ok(()), |data| self.data(data)) {
                Ok(()) => Some(Ok(frame)),
                Err(error) => {
                    self.task = None;
                    Some(Err(self.broken(error)))
                }
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.task.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
