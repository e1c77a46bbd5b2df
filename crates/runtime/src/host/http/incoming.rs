//! The request that a handler was called with.

use super::{QUICK, QuickView, gone, is_quick};
use http::{HeaderValue, header, request::Parts};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::types::{HostIncomingRequest, Method, Scheme};
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::types;

/// A request, read as the guest asks.
pub(super) struct Request {
    parts: Parts,
    host: Option<HeaderValue>,
    /// The headers as the guest may see them, once it asked: `host` is not among them.
    headers: Option<FieldMap>,
    consumed: bool,
}

impl Request {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, host: None, headers: None, consumed: false }
    }

    /// wasi:http wants an authority; a call in process has none but the app's own name.
    fn authority(&self, app: &str) -> String {
        let host = || self.host.as_ref().or_else(|| self.parts.headers.get(header::HOST));
        match self.parts.uri.authority() {
            Some(authority) => authority.to_string(),
            None => host().and_then(|host| host.to_str().ok()).unwrap_or(app).to_owned(),
        }
    }
}

impl QuickView<'_> {
    fn request(&mut self) -> Result<&mut Request> {
        self.quick().request.as_mut().ok_or_else(gone)
    }
}

impl HostIncomingRequest for QuickView<'_> {
    fn method(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<Method> {
        match is_quick(&request) {
            true => Ok(self.request()?.parts.method.clone().into()),
            false => HostIncomingRequest::method(&mut self.stock(), request),
        }
    }

    fn path_with_query(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<Option<String>> {
        match is_quick(&request) {
            true => Ok(self.request()?.parts.uri.path_and_query().map(|path| path.as_str().to_owned())),
            false => HostIncomingRequest::path_with_query(&mut self.stock(), request),
        }
    }

    fn scheme(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<Option<Scheme>> {
        match is_quick(&request) {
            true => self.request().map(|_| Some(Scheme::Http)),
            false => HostIncomingRequest::scheme(&mut self.stock(), request),
        }
    }

    fn authority(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<Option<String>> {
        if !is_quick(&request) {
            return HostIncomingRequest::authority(&mut self.stock(), request);
        }
        let request = self.0.quick.request.as_ref().ok_or_else(gone)?;
        Ok(Some(request.authority(&self.0.call.hosted.app)))
    }

    fn headers(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<Resource<FieldMap>> {
        if !is_quick(&request) {
            return HostIncomingRequest::headers(&mut self.stock(), request);
        }
        let (quick, _, hooks) = self.0.http_parts();
        let request = quick.request.as_mut().ok_or_else(gone)?;
        if request.headers.is_none() {
            let headers = std::mem::take(&mut request.parts.headers);
            request.host = headers.get(header::HOST).cloned();
            request.headers = Some(FieldMap::new_immutable(hooks, headers));
        }
        let headers = request.headers.clone().ok_or_else(gone)?;
        self.push_fields(headers)
    }

    fn consume(
        &mut self,
        request: Resource<types::HostIncomingRequest>,
    ) -> Result<Result<Resource<HostIncomingBody>, ()>> {
        if !is_quick(&request) {
            return HostIncomingRequest::consume(&mut self.stock(), request);
        }
        let request = self.request()?;
        match std::mem::replace(&mut request.consumed, true) {
            true => Ok(Err(())),
            false => Ok(Ok(Resource::new_own(QUICK))),
        }
    }

    fn drop(&mut self, request: Resource<types::HostIncomingRequest>) -> Result<()> {
        if !is_quick(&request) {
            return HostIncomingRequest::drop(&mut self.stock(), request);
        }
        let request = self.quick().request.take().ok_or_else(gone)?;
        if !request.consumed {
            self.quick().inbox.close();
        }
        Ok(())
    }
}
