//! Http: does what the path says, each an edge of wasi:http; what its calls came to is the answer's text.

mod bodies;
mod ends;
mod heads;

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::OutputStream;

struct Cases;

/// Calls that this instance has served.
static SERVED: AtomicU64 = AtomicU64::new(0);

wasip2::http::proxy::export!(Cases);

impl wasip2::exports::http::incoming_handler::Guest for Cases {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number = query.parse().unwrap_or(0);
        let case = path.trim_start_matches('/');
        let served = SERVED.fetch_add(1, Ordering::Relaxed);
        if case == "served" {
            say(out, &served.to_string());
        } else if heads::handles(case) {
            heads::handle(case, number, &request, out);
        } else if bodies::handles(case) {
            bodies::handle(case, number, &request, out);
        } else {
            ends::handle(case, out);
        }
    }
}

/// Sets a response with these headers, and opens its body.
fn begin(out: ResponseOutparam, headers: &[(&str, &str)]) -> (OutgoingBody, OutputStream) {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into())).collect();
    let response = OutgoingResponse::new(Fields::from_list(&headers).expect("valid"));
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    (body, stream)
}

/// Answers with text.
fn say(out: ResponseOutparam, text: &str) {
    let (body, stream) = begin(out, &[("content-type", "text/plain")]);
    write(&stream, text.as_bytes());
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    for chunk in bytes.chunks(4096) {
        stream.blocking_write_and_flush(chunk).expect("the client reads on");
    }
}

/// What calls came to, a line each.
#[derive(Default)]
struct Notes(String);

impl Notes {
    fn note(&mut self, what: &str, result: impl Debug) {
        self.0.push_str(&format!("{what}: {result:?}\n"));
    }
}
