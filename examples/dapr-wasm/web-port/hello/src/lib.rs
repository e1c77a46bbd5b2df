//! The http guest of the web page: passes a picture on to one of two apps, and its answer back, both while they flow.

mod pump;
mod respond;
mod target;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingRequest, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};

use pump::{Progress, Pump};
use target::Target;

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if !matches!(request.method(), Method::Post) {
            return respond::method_not_allowed(out);
        }
        let target = Target::of(&request.headers());
        if let Err((out, reason)) = forward(&request, &target, out) {
            respond::bad_gateway(out, &format!("calling {target} failed: {reason}"));
        }
    }
}

/// What is left to answer with when the call failed before its answer began, and why it did.
type Unanswered = (ResponseOutparam, String);

fn forward(request: &IncomingRequest, target: &Target, out: ResponseOutparam) -> Result<(), Unanswered> {
    let (body, sent) = match start(request, target) {
        Ok(started) => started,
        Err(reason) => return Err((out, reason)),
    };
    let mut upload = match Pump::new(body.0, body.1) {
        Ok(upload) => upload,
        Err(reason) => return Err((out, reason)),
    };
    match await_response(&mut upload, &sent) {
        Ok(response) => answer(out, response, upload),
        Err(reason) => Err((out, reason)),
    }
}

/// Sends the head of the request; its body follows while the answer is awaited.
#[allow(clippy::type_complexity)]
fn start(
    request: &IncomingRequest,
    target: &Target,
) -> Result<((IncomingBody, OutgoingBody), FutureIncomingResponse), String> {
    let headers = Fields::new();
    copy(&request.headers(), &headers, &["content-type", "content-length", "traceparent", "tracestate"]);
    if let Some(app_id) = target.app_id_header {
        headers.set("dapr-app-id", &[app_id.into()]).map_err(|error| error.to_string())?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let refused = |()| "the host refused the address".to_owned();
    outgoing.set_method(&Method::Post).map_err(refused)?;
    outgoing.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    outgoing.set_authority(Some(&target.authority)).map_err(refused)?;
    outgoing.set_path_with_query(Some(target.path)).map_err(refused)?;
    let read_twice = |()| "the request's body was taken already".to_owned();
    let outgoing_body = outgoing.body().map_err(read_twice)?;
    let sent = outgoing_handler::handle(outgoing, None).map_err(|code| in_words(&code))?;
    Ok(((request.consume().map_err(read_twice)?, outgoing_body), sent))
}

/// Uploads until the answer begins: whoever refuses a body early is heard before all of it is sent.
fn await_response(upload: &mut Pump, sent: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    let answered = sent.subscribe();
    loop {
        // A receiver that closed the body has its answer under way.
        let _ = upload.advance();
        if answered.ready() {
            break;
        }
        pump::wait(&[upload], Some(&answered));
    }
    drop(answered);
    match sent.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(in_words(&code)),
        _ => Err("the answer was lost".to_owned()),
    }
}

/// Passes status, the headers that mean something to the page, and the body back.
fn answer(out: ResponseOutparam, response: IncomingResponse, upload: Pump) -> Result<(), Unanswered> {
    let headers = Fields::new();
    copy(&response.headers(), &headers, &["content-type", "content-length", "retry-after"]);
    let outgoing = OutgoingResponse::new(headers);
    let taken = "the answer's body was taken already";
    if outgoing.set_status_code(response.status()).is_err() {
        return Err((out, format!("it answered with the status {}", response.status())));
    }
    let (Ok(from), Ok(to)) = (response.consume(), outgoing.body()) else { return Err((out, taken.to_owned())) };
    ResponseOutparam::set(out, Ok(outgoing));
    // From here on the head is sent: a failure shows as a body that ends too early.
    if let Ok(download) = Pump::new(from, to) {
        relay(upload, download);
    }
    Ok(())
}

fn relay(mut upload: Pump, mut download: Pump) {
    loop {
        let _ = upload.advance();
        match download.advance() {
            Ok(Progress::Finished) => return,
            Ok(Progress::Waiting) => pump::wait(&[&upload, &download], None),
            Err(reason) => return eprintln!("the answer ended too early: {reason}"),
        }
    }
}

fn copy(from: &Fields, to: &Fields, names: &[&str]) {
    for name in names {
        let values = from.get(name);
        if !values.is_empty() {
            // A value that the host does not take is left out.
            let _ = to.set(name, &values);
        }
    }
}

/// The host's error code in lower-case words.
fn in_words(code: &ErrorCode) -> String {
    match code {
        ErrorCode::InternalError(Some(text)) => text.clone(),
        ErrorCode::HttpRequestDenied => "the call is not allowed (`allow:` of this app does not name it)".to_owned(),
        other => words_of(&format!("{other:?}")),
    }
}

/// `ErrorCode::ConnectionRefused` → `connection refused`.
fn words_of(name: &str) -> String {
    let name = name.rsplit("::").next().unwrap_or(name);
    name.chars().fold(String::new(), |mut words, c| {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        words
    })
}
