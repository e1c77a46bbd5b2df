//! Heads: what a request says, which fields may be set, which status.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::{Notes, begin, say, write};

pub(crate) fn handles(case: &str) -> bool {
    ["request", "fields", "answer-fields", "immutable", "many-fields", "status", "big-fields"].contains(&case)
}

pub(crate) fn handle(case: &str, number: u64, request: &IncomingRequest, out: ResponseOutparam) {
    match case {
        "request" => say(out, &described(request)),
        "fields" => say(out, &fields()),
        "answer-fields" => answer_fields(out),
        "immutable" => immutable(request, out),
        "many-fields" => many_fields(number, out),
        "big-fields" => big_fields(out),
        _ => status(u16::try_from(number).unwrap_or(u16::MAX), out),
    }
}

fn described(request: &IncomingRequest) -> String {
    let mut notes = Notes::default();
    notes.note("authority", request.authority());
    notes.note("headers", text(&request.headers()));
    notes.note("again", text(&request.headers()));
    notes.note("authority", request.authority());
    notes.note("method", request.method());
    notes.note("path", request.path_with_query());
    notes.note("scheme", request.scheme());
    notes.0
}

fn text(fields: &Fields) -> Vec<(String, String)> {
    let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
    fields.entries().into_iter().map(text).collect()
}

fn fields() -> String {
    let mut notes = Notes::default();
    let fields = Fields::new();
    for (name, value) in [
        ("x-one", &b"1"[..]),
        ("X-One", b"2"),
        ("x one", b"3"),
        ("", b"4"),
        ("x-two", b"a\nb"),
        ("x-two", b"\xff"),
        ("x-two", b""),
        ("connection", b"close"),
        ("Host", b"elsewhere"),
        ("transfer-encoding", b"chunked"),
        ("content-length", b"1"),
        ("content-length", b"2"),
        ("content-length", b"x"),
    ] {
        notes.note(name, fields.append(name, value));
    }
    notes.note("get", fields.get("X-ONE"));
    notes.note("get of none", fields.get("x-none"));
    notes.note("get of no name", fields.get("x none"));
    notes.note("has", (fields.has("x-one"), fields.has("x-none"), fields.has("x none")));
    notes.note("set", fields.set("x-one", &[b"5".to_vec(), b"6".to_vec()]));
    notes.note("set to nothing", fields.set("x-two", &[]));
    notes.note("set of two lengths", fields.set("content-length", &[b"1".to_vec(), b"1".to_vec()]));
    notes.note("entries", text(&fields));
    let copy = fields.clone();
    notes.note("delete", fields.delete("x-one"));
    notes.note("delete of none", fields.delete("x-none"));
    notes.note("delete of no name", fields.delete("x none"));
    notes.note("entries", text(&fields));
    notes.note("copy", text(&copy));
    notes.note("bad list", Fields::from_list(&[("x y".into(), b"1".to_vec())]).map(drop));
    notes.note("forbidden list", Fields::from_list(&[("upgrade".into(), b"1".to_vec())]).map(drop));
    notes.0
}

/// Several values of a name keep their order.
fn answer_fields(out: ResponseOutparam) {
    let (body, stream) =
        begin(out, &[("x-b", "1"), ("x-a", "2"), ("x-b", "3"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
    write(&stream, b"fields");
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

fn immutable(request: &IncomingRequest, out: ResponseOutparam) {
    let mut notes = Notes::default();
    let headers = request.headers();
    notes.note("append", headers.append("x", b"1"));
    notes.note("set", headers.set("x", &[b"1".to_vec()]));
    notes.note("delete", headers.delete("x"));
    notes.note("copy", headers.clone().append("x", b"1"));
    let response = OutgoingResponse::new(Fields::new());
    notes.note("of a response", response.headers().append("x", b"1"));
    notes.note("status", response.status_code());
    drop(headers);
    say(out, &notes.0);
}

/// Holds more maps than the host has places for on its quick way.
fn many_fields(count: u64, out: ResponseOutparam) {
    let maps: Vec<Fields> =
        (0..count).map(|n| Fields::from_list(&[("x-n".into(), n.to_string().into_bytes())]).expect("valid")).collect();
    let mut notes = Notes::default();
    for fields in &maps {
        notes.note("map", text(fields));
    }
    say(out, &notes.0);
}

/// Goes on until the host ends it.
fn big_fields(out: ResponseOutparam) {
    let fields = Fields::new();
    for _ in 0..100_000 {
        let _ = fields.append("x", &[b'x'; 1000]);
    }
    say(out, "there was no end");
}

fn status(status: u16, out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let result = response.set_status_code(status);
    let body = response.body().expect("the body is taken once");
    let stream = body.write().expect("the stream is taken once");
    ResponseOutparam::set(out, Ok(response));
    write(&stream, format!("{result:?}").as_bytes());
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}
