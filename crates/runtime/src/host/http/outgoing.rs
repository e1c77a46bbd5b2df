//! Requests of the guest and their answers: the stock implementation's, with header fields of either way.

use super::QuickView;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, Duration, ErrorCode, IoError, Method, RequestOptions, Scheme, StatusCode,
};
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::p2::{HeaderError, HttpError, HttpResult};

impl types::Host for QuickView<'_> {
    fn convert_error_code(&mut self, error: HttpError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn convert_header_error(&mut self, error: HeaderError) -> Result<types::HeaderError> {
        error.downcast()
    }

    fn http_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        self.stock().http_error_code(error)
    }
}

impl outgoing_handler::Host for QuickView<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<HostFutureIncomingResponse>> {
        self.hooks().want_at_once();
        let sent = outgoing_handler::Host::handle(&mut self.stock(), request, options);
        let answered = self.hooks().answered();
        let response = sent?;
        if let Some(answer) = answered {
            let nothing_to_do = wasmtime_wasi::runtime::spawn(std::future::ready(()));
            let answer = answer.map(|answer| (answer, nothing_to_do));
            *self.table().get_mut(&response).map_err(HttpError::trap)? = HostFutureIncomingResponse::Ready(answer);
        }
        Ok(response)
    }
}

impl types::HostOutgoingRequest for QuickView<'_> {
    fn new(&mut self, headers: Resource<FieldMap>) -> Result<Resource<HostOutgoingRequest>> {
        let headers = self.take_fields(headers)?;
        let headers = self.table().push(headers)?;
        types::HostOutgoingRequest::new(&mut self.stock(), headers)
    }

    fn body(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Result<Resource<HostOutgoingBody>, ()>> {
        types::HostOutgoingRequest::body(&mut self.stock(), request)
    }

    fn method(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Method> {
        types::HostOutgoingRequest::method(&mut self.stock(), request)
    }

    fn set_method(&mut self, request: Resource<HostOutgoingRequest>, method: Method) -> Result<Result<(), ()>> {
        self.stock().set_method(request, method)
    }

    fn path_with_query(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Option<String>> {
        types::HostOutgoingRequest::path_with_query(&mut self.stock(), request)
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        path: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.stock().set_path_with_query(request, path)
    }

    fn scheme(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Option<Scheme>> {
        types::HostOutgoingRequest::scheme(&mut self.stock(), request)
    }

    fn set_scheme(&mut self, request: Resource<HostOutgoingRequest>, scheme: Option<Scheme>) -> Result<Result<(), ()>> {
        self.stock().set_scheme(request, scheme)
    }

    fn authority(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Option<String>> {
        types::HostOutgoingRequest::authority(&mut self.stock(), request)
    }

    fn set_authority(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.stock().set_authority(request, authority)
    }

    fn headers(&mut self, request: Resource<HostOutgoingRequest>) -> Result<Resource<FieldMap>> {
        types::HostOutgoingRequest::headers(&mut self.stock(), request)
    }

    fn drop(&mut self, request: Resource<HostOutgoingRequest>) -> Result<()> {
        types::HostOutgoingRequest::drop(&mut self.stock(), request)
    }
}

impl types::HostIncomingResponse for QuickView<'_> {
    fn status(&mut self, response: Resource<HostIncomingResponse>) -> Result<StatusCode> {
        self.stock().status(response)
    }

    fn headers(&mut self, response: Resource<HostIncomingResponse>) -> Result<Resource<FieldMap>> {
        types::HostIncomingResponse::headers(&mut self.stock(), response)
    }

    fn consume(&mut self, response: Resource<HostIncomingResponse>) -> Result<Result<Resource<HostIncomingBody>, ()>> {
        types::HostIncomingResponse::consume(&mut self.stock(), response)
    }

    fn drop(&mut self, response: Resource<HostIncomingResponse>) -> Result<()> {
        types::HostIncomingResponse::drop(&mut self.stock(), response)
    }
}

type Response = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

impl types::HostFutureIncomingResponse for QuickView<'_> {
    fn get(&mut self, response: Resource<HostFutureIncomingResponse>) -> Result<Response> {
        types::HostFutureIncomingResponse::get(&mut self.stock(), response)
    }

    fn subscribe(&mut self, response: Resource<HostFutureIncomingResponse>) -> Result<Resource<DynPollable>> {
        types::HostFutureIncomingResponse::subscribe(&mut self.stock(), response)
    }

    fn drop(&mut self, response: Resource<HostFutureIncomingResponse>) -> Result<()> {
        types::HostFutureIncomingResponse::drop(&mut self.stock(), response)
    }
}

impl types::HostRequestOptions for QuickView<'_> {
    fn new(&mut self) -> Result<Resource<RequestOptions>> {
        types::HostRequestOptions::new(&mut self.stock())
    }

    fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<Duration>> {
        self.stock().connect_timeout(options)
    }

    fn set_connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<Duration>,
    ) -> Result<Result<(), ()>> {
        self.stock().set_connect_timeout(options, time)
    }

    fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<Duration>> {
        self.stock().first_byte_timeout(options)
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<Duration>,
    ) -> Result<Result<(), ()>> {
        self.stock().set_first_byte_timeout(options, time)
    }

    fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<Duration>> {
        self.stock().between_bytes_timeout(options)
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<Duration>,
    ) -> Result<Result<(), ()>> {
        self.stock().set_between_bytes_timeout(options, time)
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> Result<()> {
        types::HostRequestOptions::drop(&mut self.stock(), options)
    }
}
