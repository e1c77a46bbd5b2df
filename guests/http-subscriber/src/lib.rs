//! Http: an app as Dapr knows it: names its subscriptions (`SUBSCRIPTIONS`) and bindings (`BINDINGS`), writes what it gets to `/events/log`.

use std::{env, fs::OpenOptions, io::Write};

use wasip2::http::types::{Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

struct Subscriber;

wasip2::http::proxy::export!(Subscriber);

impl wasip2::exports::http::incoming_handler::Guest for Subscriber {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, answer) = match (request.method(), path.as_str()) {
            (Method::Get, "/dapr/subscribe") => of_variable("SUBSCRIPTIONS"),
            (Method::Get, "/dapr/config") => of_variable("CONFIG"),
            (Method::Options, path) => {
                let bindings = env::var("BINDINGS").unwrap_or_default();
                (if bindings.split(',').any(|binding| binding == path) { 200 } else { 404 }, String::new())
            }
            (method, path) => {
                let body = read(&request);
                record(&format!("{} {path} {body}\n", name(&method)));
                (200, verdict(&body))
            }
        };
        respond(out, status, &answer);
    }
}

fn of_variable(name: &str) -> (u16, String) {
    env::var(name).map_or((404, String::new()), |text| (200, text))
}

/// What Dapr is told: of a bulk delivery, of each entry.
fn verdict(body: &str) -> String {
    let status = |text: &str| if text.contains("drop it") { "DROP" } else { "SUCCESS" };
    if !body.contains(r#""entries":["#) {
        return format!(r#"{{"status":"{}"}}"#, status(body));
    }
    // An entry begins with its id.
    let entries = body.split(r#""entryId":""#).skip(1).filter_map(|entry| {
        let (id, rest) = entry.split_once('"')?;
        Some(format!(r#"{{"entryId":"{id}","status":"{}"}}"#, status(rest)))
    });
    format!(r#"{{"statuses":[{}]}}"#, entries.collect::<Vec<_>>().join(","))
}

fn record(line: &str) {
    let log = OpenOptions::new().create(true).append(true).open("/events/log");
    log.and_then(|mut log| log.write_all(line.as_bytes())).expect("the folder is there");
}

fn read(request: &IncomingRequest) -> String {
    let body = request.consume().expect("the body is taken once");
    let stream = body.stream().expect("the stream is taken once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("the body broke off: {error}"),
        }
    }
}

fn respond(out: ResponseOutparam, status: u16, answer: &str) {
    let headers = Fields::from_list(&[("content-type".into(), b"application/json".into())]).expect("valid");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    for chunk in answer.as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(chunk).expect("the client reads on");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

fn name(method: &Method) -> String {
    match method {
        Method::Other(name) => name.clone(),
        other => format!("{other:?}").trim_start_matches("Method::").to_uppercase(),
    }
}
