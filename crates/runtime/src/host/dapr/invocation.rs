//! `pillion:dapr/invocation`.

use super::{Answer, duplex::Duplex, told};
use crate::instance::Host;
use crate::limits::key;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use pillion_api::{Body, Code, Error, Invocation, Target, body, path};
use pillion_wit::pillion::dapr::invocation::{self as wit};
use pillion_wit::pillion::dapr::types;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynOutputStream, DynPollable, IoError};

impl wit::Host for Host {
    async fn invoke(&mut self, app_id: String, request: wit::Request) -> Answer<wit::Response> {
        self.check_body(request.body.len())?;
        let wit::Request { method, path, headers, body } = request;
        let mut request = of_head(wit::RequestHead { method, path, headers })?;
        self.dress(&mut request);
        let request = request.map(|()| body::full(body));
        let limit = self.call.hosted.limits().outgoing_body;
        let invocation = Invocation { target: Target::App(app_id), request };
        self.ask_sidecar(move |sidecar| async move { whole(sidecar.invoke(invocation).await?, limit).await }).await
    }

    async fn invoke_streaming(
        &mut self,
        app_id: String,
        request: wit::RequestHead,
        has_body: bool,
    ) -> Answer<Resource<wit::StreamingCall>> {
        let mut request = of_head(request)?;
        self.dress(&mut request);
        let call = self.begin(has_body, move |sidecar, body| async move {
            let invocation = Invocation { target: Target::App(app_id), request: request.map(|()| body) };
            Ok(sidecar.invoke(invocation).await?.into_parts())
        })?;
        Ok(Resource::new_own(call.rep()))
    }

    async fn failure(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<types::Error>> {
        Ok(self.table().get(&error)?.downcast_ref::<Error>().map(told))
    }
}

/// What a guest has a handle of.
fn call(handle: &Resource<wit::StreamingCall>) -> Resource<Duplex<Parts>> {
    Resource::new_borrow(handle.rep())
}

impl wit::HostStreamingCall for Host {
    async fn body(
        &mut self,
        handle: Resource<wit::StreamingCall>,
    ) -> wasmtime::Result<Option<Resource<DynOutputStream>>> {
        self.input(&call(&handle))
    }

    async fn finish(&mut self, handle: Resource<wit::StreamingCall>) -> Answer<()> {
        self.finish_input(&call(&handle))
    }

    async fn subscribe(&mut self, handle: Resource<wit::StreamingCall>) -> wasmtime::Result<Resource<DynPollable>> {
        self.watch(&call(&handle))
    }

    async fn response(&mut self, handle: Resource<wit::StreamingCall>) -> Answer<wit::StreamingResponse> {
        let (parts, body) = self.output(&call(&handle)).await?;
        Ok(wit::StreamingResponse { status: parts.status.as_u16(), headers: of_headers(&parts.headers), body })
    }

    async fn drop(&mut self, handle: Resource<wit::StreamingCall>) -> wasmtime::Result<()> {
        self.end::<Parts>(Resource::new_own(handle.rep()))
    }
}

impl Host {
    /// Says who calls, and in which trace.
    fn dress(&self, request: &mut Request<()>) {
        if let Some(outgoing) = &self.call.hosted.outgoing {
            outgoing.dress_for_app(&self.call, request.headers_mut());
        }
    }
}

async fn whole(response: Response<Body>, limit: u64) -> Result<wit::Response, Error> {
    let (parts, body) = response.into_parts();
    let body = body::collect(body, limit).await.map_err(|error| match error.code() {
        Code::RequestTooLarge => Error::new(Code::GuestLimit, format!("the answer has more than {limit} bytes"))
            .hint("ask for less, or raise `limits.outgoingBody` of the guest")
            .limit(key::OUTGOING_BODY, limit),
        _ => error,
    })?;
    Ok(wit::Response { status: parts.status.as_u16(), headers: of_headers(&parts.headers), body: body.into() })
}

/// Headers as a guest gets them.
pub(crate) fn of_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// Headers of a guest, but for those that frame a message.
///
/// # Errors
/// A name or a value that HTTP doesn't know.
pub(crate) fn headers(given: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let shown = crate::output::printable(name.as_bytes());
        let wrong = || Error::new(Code::BadRequest, format!("the header `{shown}` is none that HTTP knows"));
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| wrong())?;
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::HOST].contains(&name) {
            headers.try_append(name, value).map_err(|_| Error::new(Code::BadRequest, "there are too many headers"))?;
        }
    }
    Ok(headers)
}

fn of_head(given: wit::RequestHead) -> Result<Request<()>, Error> {
    let bad = |what: &str| Error::new(Code::BadRequest, format!("the request's {what} is none that HTTP knows"));
    let uri: Uri = if given.path.starts_with('/') { given.path } else { format!("/{}", given.path) }
        .parse()
        .map_err(|_| bad("path"))?;
    let path = path::normalise(uri.path())?.encode(uri.query())?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(given.method.as_bytes()).map_err(|_| bad("method"))?;
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers(given.headers)?;
    Ok(request)
}
