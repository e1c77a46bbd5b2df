//! Http: a handler of wasi:http that writes the method and path of each request to state, and answers the path of the one before.

use pillion_sdk::state::Store;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Noting;

wasip2::http::proxy::export!(Noting);

impl wasip2::exports::http::incoming_handler::Guest for Noting {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let answer = note(&path).unwrap_or_else(pillion_sdk::text);
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(answer.as_bytes()).expect("the host reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no content-length was promised");
    }
}

fn note(path: &str) -> pillion_sdk::Result<String> {
    let store = Store::open("c");
    let before = store.get("path")?.map(|item| item.value).unwrap_or_default();
    store.set("path", path)?;
    Ok(String::from_utf8_lossy(&before).into_owned())
}
