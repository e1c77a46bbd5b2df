//! wasi:http of 0.2 for small answers: what a handler of requests does in the common case, without channels, tasks and
//! tables. Whatever waits, streams or grows is handed over to the stock implementation and goes on there.
//!
//! Resources of this way have numbers from [`QUICK`] up; all others belong to the stock implementation's table, and
//! calls with them go there. A call has one request, one response and one body each way on this way; a second of any of
//! them is the stock one's from the start.

mod answer;
mod fields;
mod incoming;
mod incoming_body;
mod outgoing;
mod outgoing_body;
mod response;
mod streams;

pub(crate) use answer::{Answer, Exchange, Whole};
pub(crate) use incoming_body::wasi_error;

use crate::instance::Host;
use crate::outgoing::Hooks;
use incoming::Request;
use incoming_body::Inbox;
use outgoing_body::Outbox;
use response::{Made, Outcome};
use std::sync::Arc;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{FieldMap, WasiHttpCtxView, WasiHttpView};

/// The first number of a quick resource. The table of the stock ones never has so many.
const QUICK: u32 = 1 << 31;
/// Header maps at the same time; more are the table's. A handler has those of request and response, and a spare one.
const FIELDS: usize = 4;
/// An answer of more bytes streams. What most handlers send is far below, and nobody waits long for its first byte.
pub(crate) const MAX_QUICK_BODY: usize = 64 << 10;

/// The quick resources of one call.
#[derive(Default)]
pub(crate) struct Quick {
    fields: [Option<FieldMap>; FIELDS],
    request: Option<Request>,
    inbox: Inbox,
    made: Made,
    outcome: Outcome,
    outbox: Outbox,
    exchange: Option<Arc<Exchange>>,
}

impl Quick {
    /// The two resources that a handler is called with.
    pub(crate) fn start(
        &mut self,
        request: http::Request<pillion_api::Body>,
        exchange: Arc<Exchange>,
    ) -> (Resource<HostIncomingRequest>, Resource<HostResponseOutparam>) {
        let (parts, body) = request.into_parts();
        self.request = Some(Request::new(parts));
        self.inbox = Inbox::new(body);
        self.exchange = Some(exchange);
        (Resource::new_own(QUICK), Resource::new_own(QUICK))
    }

    /// Whether the guest gave back all that this call gave it: what it still holds would be mistaken for the next one's.
    pub(crate) fn is_given_back(&self) -> bool {
        self.request.is_none()
            && self.fields.iter().all(Option::is_none)
            && !matches!(self.made, Made::Held(_))
            && self.inbox.is_given_back()
            && self.outbox.is_given_back()
    }
}

/// The host functions of one call.
pub(crate) struct QuickView<'a>(pub(crate) &'a mut Host);

struct HasQuick;

impl HasData for HasQuick {
    type Data<'a> = QuickView<'a>;
}

impl QuickView<'_> {
    fn quick(&mut self) -> &mut Quick {
        &mut self.0.quick
    }

    fn stock(&mut self) -> WasiHttpCtxView<'_> {
        self.0.http()
    }

    fn table(&mut self) -> &mut ResourceTable {
        self.0.table()
    }

    fn hooks(&mut self) -> &mut Hooks {
        self.0.http_parts().2
    }
}

/// Whether a resource is of this way.
fn is_quick<T: 'static>(resource: &Resource<T>) -> bool {
    resource.rep() >= QUICK
}

/// What the stock table says of a resource that is not there.
fn gone() -> wasmtime::Error {
    ResourceTableError::NotPresent.into()
}

/// Replaces the stock functions of wasi:http and wasi:io.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let options = LinkOptions::default();
    types::add_to_linker::<Host, HasQuick>(linker, &(&options).into(), |host| QuickView(host))?;
    outgoing_handler::add_to_linker::<Host, HasQuick>(linker, |host| QuickView(host))?;
    streams::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}
