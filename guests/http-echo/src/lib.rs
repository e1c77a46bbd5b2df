//! Http: answers with method, path and headers as text, then the body as it comes; `/stream?N` sends N chunks, `/trap` traps mid-body.

use std::env;

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::OutputStream;

struct Echo;

wasip2::http::proxy::export!(Echo);

impl wasip2::exports::http::incoming_handler::Guest for Echo {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let response =
            OutgoingResponse::new(Fields::from_list(&[("content-type".into(), b"text/plain".into())]).expect("valid"));
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        let target = request.path_with_query().unwrap_or_default();
        match target.split_once('?').unwrap_or((&target, "")) {
            ("/stream", count) => send_chunks(&stream, count.parse().unwrap_or(3)),
            ("/trap", _) => trap(&stream),
            _ => echo(&request, &target, &stream),
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("no content-length was promised");
    }
}

fn send_chunks(stream: &OutputStream, count: u32) {
    for chunk in 0..count {
        write(stream, format!("chunk {chunk}\n").as_bytes());
    }
}

/// The head and a part of the body are out by then.
fn trap(stream: &OutputStream) {
    write(stream, b"half a body\n");
    panic!("trapped mid-body as asked");
}

fn echo(request: &IncomingRequest, target: &str, stream: &OutputStream) {
    let mut head = format!("{} {target}\n", method(&request.method()));
    let mut headers = request.headers().entries();
    headers.sort();
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    // An environment variable on request: this guest imports all of wasi:cli, as most guests do.
    if let Ok(greeting) = env::var("GREETING") {
        head.push_str(&format!("greeting {greeting}\n"));
    }
    head.push('\n');
    write(stream, head.as_bytes());
    copy_body(&request.consume().expect("the body is taken once"), stream);
}

fn copy_body(body: &IncomingBody, stream: &OutputStream) {
    const STEP: u64 = 64 << 10;
    let input = body.stream().expect("the stream is taken once");
    // Ends with the body, or when a side breaks off.
    while stream.blocking_splice(&input, STEP).is_ok() {}
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    // The most that wasi:io takes at once.
    for chunk in bytes.chunks(4096) {
        stream.blocking_write_and_flush(chunk).expect("the client reads on");
    }
}

fn method(method: &Method) -> String {
    match method {
        Method::Other(name) => name.clone(),
        other => format!("{other:?}").trim_start_matches("Method::").to_uppercase(),
    }
}
