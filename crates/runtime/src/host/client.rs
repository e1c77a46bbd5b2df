//! wasi:http/client of 0.3: Wasmtime's own, which learns whose call a request belongs to.

use crate::instance::Host;
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, HasData, Linker, Resource};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p3::bindings::http::client::{self, HostWithStore};
use wasmtime_wasi_http::p3::bindings::http::types::{self, ErrorCode};
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView};

/// The functions of wasi:http 0.3.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    types::add_to_linker::<Host, WasiHttp>(linker, Host::http)?;
    client::add_to_linker::<Host, OfCall>(linker, Host::http)
}

struct OfCall;

impl HasData for OfCall {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl HostWithStore<Host> for OfCall {
    async fn send(
        store: &Accessor<Host, Self>,
        request: Resource<Request>,
    ) -> Result<Resource<Response>, TrappableError<ErrorCode>> {
        store.with(|mut access| {
            let mut context = access.as_context_mut();
            if context.data().is_shared() {
                let root = context.async_call_stack().map_err(TrappableError::trap)?.last();
                context.data_mut().ask_for(root);
            }
            Ok::<_, TrappableError<ErrorCode>>(())
        })?;
        // Up to its first wait, which comes after the hooks were asked, no other task runs.
        let stock = store.with_getter::<WasiHttp>(Host::http);
        <WasiHttp as HostWithStore<Host>>::send(&stock, request).await
    }
}
