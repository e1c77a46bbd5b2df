//! Http: calls the URL in header `x-url` (same method and body, header `dapr-app-id` passed on); answers `status` and body, or `error` and code.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::OutputStream;

const STEP: u64 = 64 << 10;
/// Bytes that wasi:io takes at once.
const AT_ONCE: usize = 4096;

struct Call;

wasip2::http::proxy::export!(Call);

impl wasip2::exports::http::incoming_handler::Guest for Call {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answer = call(&request);
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        match answer {
            Ok(response) => {
                write(&stream, &format!("status {}\n", response.status()));
                copy_body(&response.consume().expect("the body is taken once"), &stream);
            }
            Err(reason) => write(&stream, &format!("error {reason}\n")),
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("no content-length was promised");
    }
}

fn call(request: &IncomingRequest) -> Result<IncomingResponse, String> {
    let headers = Fields::new();
    let app_id = request.headers().get("dapr-app-id");
    if !app_id.is_empty() {
        headers.set("dapr-app-id", &app_id).map_err(|error| error.to_string())?;
    }
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&request.method()).map_err(|()| "method")?;
    set_url(&outgoing, &url(request)?)?;
    let body = outgoing.body().map_err(|()| "body")?;
    let sent = outgoing_handler::handle(outgoing, None).map_err(|code| format!("{code:?}"))?;
    let uploaded = upload(request, body);
    sent.subscribe().block();
    let answer = match sent.get() {
        Some(Ok(answer)) => answer.map_err(|code| format!("{code:?}"))?,
        _ => return Err("the answer was taken already".into()),
    };
    uploaded.map(|()| answer)
}

fn url(request: &IncomingRequest) -> Result<String, String> {
    let values = request.headers().get("x-url");
    let url = values.first().ok_or("no header `x-url`")?;
    String::from_utf8(url.clone()).map_err(|error| error.to_string())
}

fn set_url(outgoing: &OutgoingRequest, url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("`x-url` has no scheme")?;
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    outgoing.set_authority(Some(authority)).map_err(|()| "authority")?;
    outgoing.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(|()| "path".into())
}

fn upload(request: &IncomingRequest, body: OutgoingBody) -> Result<(), String> {
    let stream = body.write().map_err(|()| "stream")?;
    let from = request.consume().map_err(|()| "body")?;
    let input = from.stream().expect("the stream is taken once");
    while let Ok(bytes) = input.blocking_read(STEP) {
        for part in bytes.chunks(AT_ONCE) {
            stream.blocking_write_and_flush(part).map_err(|error| format!("the body was not taken: {error:?}"))?;
        }
    }
    drop((stream, input));
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))
}

fn copy_body(body: &IncomingBody, stream: &OutputStream) {
    let input = body.stream().expect("the stream is taken once");
    while stream.blocking_splice(&input, STEP).is_ok() {}
}

fn write(stream: &OutputStream, text: &str) {
    stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads on");
}
