//! wasi:http handlers of 0.3 in an instance of their own, by Wasmtime's implementation: the guest's tasks run in the event
//! loop of its store until none is left.

use super::{answered_with, with_authority};
use crate::ahead::{self, Ready};
use crate::call::Call;
use crate::guest::Mode;
use crate::host::http::{Answer, Exchange, wasi_error};
use crate::instance::Host;
use futures_channel::oneshot;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, header};
use http_body_util::BodyExt;
use pillion_api::Body;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

/// Calls the guest; answers the instance and how many calls it has served.
pub(super) async fn handle(
    call: &Call,
    store: &mut Store<Host>,
    kept: Option<Ready>,
    request: Request<Body>,
    exchange: Arc<Exchange>,
) -> wasmtime::Result<(Proxy, u32)> {
    let (started, calls) = ahead::ready(call, store, kept).await?;
    let proxy = started.proxy()?;
    let (sender, answer) = oneshot::channel();
    let prepared = Prepared::new(store.as_context_mut(), &proxy, absolute(request, call), Host::http, sender)?;
    let is_kept = matches!(call.hosted.spec.guest.mode(), Mode::Reuse { .. });
    let served = store.run_concurrent(async |accessor| {
        prepared.run(accessor, pending()).await?;
        match answer.await {
            Ok(answer) => exchange.send(Answer::Stream(answer.map_err(|error| refusal(call, error))?)),
            Err(_) => wasmtime::bail!("the handler went without an answer"),
        }
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        // The loop must turn until the answer's end has gone out, and the next call must find nothing of this one.
        if is_kept {
            exchange.read().await;
        }
        Ok(())
    });
    served.await??;
    Ok((proxy, calls + 1))
}

/// What the guest itself answered in place of a response; a trap stays one.
pub(super) fn refusal(call: &Call, error: wasmtime::Error) -> wasmtime::Error {
    match error.downcast::<ErrorCode>() {
        Ok(code) => answered_with(call, &code).into(),
        Err(error) => error,
    }
}

/// A request as wasi:http 0.3 takes it: scheme and authority are in its URI alone.
pub(super) fn absolute(request: Request<Body>, call: &Call) -> Request<WasiBody> {
    let (mut parts, body) = with_authority(request, call).into_parts();
    let mut uri = parts.uri.into_parts();
    let named = parts.headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    uri.scheme.get_or_insert(Scheme::HTTP);
    uri.authority = uri.authority.or(named).or(Some(Authority::from_static("app")));
    uri.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    parts.uri = Uri::from_parts(uri).unwrap_or_default();
    Request::from_parts(parts, body.map_err(|error| wasi_error(&error)).boxed_unsync())
}
