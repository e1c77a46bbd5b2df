//! Ends: good ones, broken promises, second tries, traps.

use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam, http_error_code};
use wasip2::io::streams::{OutputStream, StreamError};

use crate::{Notes, begin, say, write};

pub(crate) fn handle(case: &str, out: ResponseOutparam) {
    match case {
        "no-body" => ResponseOutparam::set(out, Ok(OutgoingResponse::new(Fields::new()))),
        "untouched-body" => untouched(out),
        "length-kept" => promised(out, "5", b"12345"),
        "length-missed" => promised(out, "5", b"1234"),
        "length-passed" => promised(out, "5", b"123456"),
        "length-unfinished" => std::mem::forget(begin(out, &[("content-length", "5")])),
        "unfinished" => {
            let (body, stream) = begin(out, &[]);
            write(&stream, b"half a body");
            std::mem::forget((body, stream));
        }
        "aborted" => {
            let (body, stream) = begin(out, &[]);
            write(&stream, b"half a body");
            drop(stream);
            drop(body);
        }
        "failed" => ResponseOutparam::set(out, Err(ErrorCode::HttpRequestDenied)),
        "nothing" => std::mem::forget(out),
        "dropped" => drop(out),
        "twice" => twice(out),
        "second" => second(out),
        "dropped-response" => dropped_response(out),
        "stream-outlives-body" => {
            let (body, _stream) = begin(out, &[]);
            let _ = OutgoingBody::finish(body, None);
        }
        "trap" => panic!("before anything"),
        "trap-unset" => {
            let _response = OutgoingResponse::new(Fields::new());
            panic!("before it was set");
        }
        "trap-set" => {
            let _open = begin(out, &[]);
            panic!("after it was set");
        }
        "trap-midway" => {
            let (_body, stream) = begin(out, &[]);
            write(&stream, b"half a body\n");
            panic!("in the middle");
        }
        "trap-finished" => {
            say(out, "a whole body");
            panic!("when all was said");
        }
        "too-large-a-write" => {
            let (_body, stream) = begin(out, &[]);
            let _ = stream.write(&vec![b'x'; (1 << 20) + 1]);
        }
        "too-large-a-blocking-write" => {
            let (_body, stream) = begin(out, &[]);
            let _ = stream.blocking_write_and_flush(&[b'x'; 4097]);
        }
        _ => say(out, "no such case"),
    }
}

fn untouched(out: ResponseOutparam) {
    let (body, stream) = begin(out, &[]);
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

/// What a broken promise came to is known only to the guest by then, so it is in its log.
fn promised(out: ResponseOutparam, length: &str, bytes: &[u8]) {
    let (body, stream) = begin(out, &[("content-length", length)]);
    let mut notes = Notes::default();
    notes.note("write", written(&stream, bytes));
    drop(stream);
    notes.note("finish", OutgoingBody::finish(body, None));
    eprint!("{}", notes.0);
}

fn written(stream: &OutputStream, bytes: &[u8]) -> String {
    match stream.blocking_write_and_flush(bytes) {
        Err(StreamError::LastOperationFailed(error)) => format!("{:?}", http_error_code(&error)),
        other => format!("{other:?}"),
    }
}

fn twice(out: ResponseOutparam) {
    let mut notes = Notes::default();
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body is taken once");
    notes.note("body", response.body().map(drop));
    let stream = body.write().expect("the stream is taken once");
    notes.note("stream", body.write().map(drop));
    ResponseOutparam::set(out, Ok(response));
    write(&stream, notes.0.as_bytes());
    drop(stream);
    notes.0.clear();
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

/// Two responses at once, of which the second is sent.
fn second(out: ResponseOutparam) {
    let first = OutgoingResponse::new(Fields::new());
    let other = OutgoingResponse::new(Fields::from_list(&[("x-which".into(), b"second".to_vec())]).expect("valid"));
    let first_body = first.body().expect("the body is taken once");
    let body = other.body().expect("the body is taken once");
    let first_stream = first_body.write().expect("the stream is taken once");
    let stream = body.write().expect("the stream is taken once");
    other.set_status_code(201).expect("a status");
    ResponseOutparam::set(out, Ok(other));
    write(&first_stream, b"for nobody");
    drop((first_stream, first));
    drop(first_body);
    write(&stream, b"the second");
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}

fn dropped_response(out: ResponseOutparam) {
    let mut notes = Notes::default();
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body is taken once");
    let stream = body.write().expect("the stream is taken once");
    drop(response);
    notes.note("check", stream.check_write());
    notes.note("write", stream.write(b"for nobody"));
    notes.note("flush", stream.flush());
    notes.note("blocking", stream.blocking_write_and_flush(b"for nobody"));
    drop(stream);
    notes.note("finish", OutgoingBody::finish(body, None));
    say(out, &notes.0);
}
