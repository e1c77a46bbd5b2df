//! A request to the app, as the invocation-handler takes it and answers.

use super::events::call_handler;
use super::{DaprPre, Event, Said, in_instance};
use crate::call::Call;
use crate::host::dapr::{headers, of_headers};
use crate::instance::Host;
use crate::output::response_over;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use pillion_api::{Body, Code, Error, body};
use pillion_wit::exports::pillion::dapr::invocation_handler as wit;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::Instance;

struct Invocation(wit::Request);

impl Event for Invocation {
    type Answer = wit::Response;
    const HANDLER: &'static str = "invocation-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<wit::Response>> {
        call_handler!(pre.invocation, store, instance, &self.0)
    }
}

/// One request.
pub(crate) async fn invoke(call: &Arc<Call>, pre: &DaprPre, request: Request<Bytes>) -> Result<Response<Body>, Error> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let request = wit::Request {
        method: parts.method.as_str().to_owned(),
        path,
        headers: of_headers(&parts.headers),
        body: body.into(),
    };
    respond(call, in_instance(call, pre, Invocation(request)).await?)
}

fn respond(call: &Call, said: wit::Response) -> Result<Response<Body>, Error> {
    let limit = call.hosted.limits().response;
    if said.body.len() as u64 > limit {
        return Err(response_over(&call.hosted.name, limit));
    }
    let none =
        |why: &str| Error::new(Code::GuestNoResponse, format!("guest `{}` gave no response: {why}", call.hosted.name));
    let status = StatusCode::from_u16(said.status).ok().filter(|status| !status.is_informational());
    let status = status.ok_or_else(|| none(&format!("{} is no status", said.status)))?;
    let headers = headers(said.headers).map_err(|error| none(error.message()))?;
    let typed = headers.contains_key(header::CONTENT_TYPE) || said.body.is_empty();
    let bytes = Bytes::from(said.body);
    let mut response = if typed { Response::new(body::full(bytes)) } else { super::super::respond(bytes) };
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    Ok(response)
}
