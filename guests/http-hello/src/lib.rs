//! Http: answers `hello world` whatever is asked, in as few calls of the host as that takes.
//!
//! It traps without a word where others would panic: a panic's message brings all of wasi:cli with it, and this guest is
//! there to show what a call costs at least.

use std::arch::wasm32::unreachable;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let Ok(body) = response.body() else { unreachable() };
        ResponseOutparam::set(out, Ok(response));
        let Ok(stream) = body.write() else { unreachable() };
        let Ok(()) = stream.blocking_write_and_flush(b"hello world\n") else { unreachable() };
        drop(stream);
        let Ok(()) = OutgoingBody::finish(body, None) else { unreachable() };
    }
}
