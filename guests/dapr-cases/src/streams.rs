//! Calls and documents whose bodies stream, as the path says: `/stream/relay/APP/BYTES` and the like.

use pillion_sdk::invocation::{self, RequestHead, StreamingCall};
use pillion_sdk::streams::{InputStream, OutputStream, poll};
use pillion_sdk::{Error, Result, text};
use std::io::{self, Read, Write};

/// Bytes of a piece.
const PIECE: usize = 32 << 10;

pub fn run(what: &str) -> Result<String> {
    match what.split('/').collect::<Vec<_>>()[..] {
        ["relay", app, bytes] => relay(app, bytes.parse().unwrap_or(0)),
        ["pieces", app, count] => pieces(app, count.parse().unwrap_or(0)),
        ["unread"] => unread(),
        ["endless"] => endless(),
        ["too-much"] => too_much(),
        ["cancel"] => begun().map(|_| "dropped".to_owned()),
        ["cancel-answer"] => begin("c", "/endless", false).and_then(|call| {
            let mut body = call.response()?.body;
            Ok(format!("{:?}", body.read_exact(&mut [0]).map_err(said)))
        }),
        ["unfinished"] => unfinished(),
        ["wait"] => begin("c", "/never", false).and_then(|call| call.response().map(|_| "answered".to_owned())),
        ["many"] => {
            let mut open = Vec::new();
            loop {
                open.push(begun()?);
            }
        }
        ["twice"] => twice(),
        _ => Ok(format!("no such stream: {what}")),
    }
}

pub fn begin(app: &str, path: &str, has_body: bool) -> Result<StreamingCall> {
    let headers = vec![("x-own".into(), b"1".to_vec()), ("dapr-caller-app-id".into(), b"forged".to_vec())];
    let request = RequestHead { method: "PUT".into(), path: path.into(), headers };
    invocation::invoke_streaming(app, &request, has_body)
}

/// A call whose first bytes were read.
fn begun() -> Result<StreamingCall> {
    let call = begin("c", "/once", true)?;
    if let Some(mut upload) = call.body() {
        let _ = upload.write_all(b"first").and_then(|()| Write::flush(&mut upload));
    }
    Ok(call)
}

/// What a stream came to, as text: its bytes, and Dapr's error if it broke.
pub fn whole(mut stream: InputStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("{} bytes, then {}", bytes.len(), said(error)),
    }
}

fn said(error: io::Error) -> String {
    let shown = error.to_string();
    error.downcast::<Error>().map_or(shown, text)
}

/// Writes while there is room and reads what is there, both at the same time; answers what came back. Over the wire, an
/// answer may well begin only when the request is at its end.
fn relay(app: &str, bytes: usize) -> Result<String> {
    let call = begin(app, "/echo", true)?;
    let (mut upload, mut download, mut left) = (call.body(), None, bytes);
    let (mut came, mut ends) = (0, 0);
    loop {
        if let Some(stream) = &upload {
            let room = stream.check_write().map_or(0, |room| usize::try_from(room).unwrap_or(0));
            let piece = room.min(left).min(PIECE);
            if piece > 0 && OutputStream::write(stream, &vec![b'x'; piece]).is_ok() {
                left -= piece;
            }
            if left == 0 {
                upload = None;
                call.finish()?;
            }
        }
        let answered = call.subscribe();
        if download.is_none() && answered.ready() {
            download = Some(call.response()?.body);
        }
        match download.as_ref().map(|stream| InputStream::read(stream, PIECE as u64)) {
            Some(Ok(read)) => {
                came += read.len();
                ends += read.iter().filter(|byte| **byte == b'x').count();
            }
            Some(Err(_)) => return Ok(format!("{came} {ends}")),
            None => {}
        }
        let arrives = download.as_ref().map_or(answered, InputStream::subscribe);
        match &upload {
            Some(stream) => drop(poll(&[&arrives, &stream.subscribe()])),
            None => arrives.block(),
        }
    }
}

/// Each piece comes back before the next one is written.
fn pieces(app: &str, count: usize) -> Result<String> {
    let call = begin(app, "/echo", true)?;
    let (Some(mut upload), mut download) = (call.body(), call.response()?.body) else { return Ok("no body".into()) };
    for _ in 0..count {
        let mut back = [0; 4];
        if let Err(error) = upload.write_all(b"ping").and_then(|()| download.read_exact(&mut back)) {
            return Ok(said(error));
        }
    }
    drop(upload);
    call.finish()?;
    Ok(format!("{count} and {:?}", whole(download)))
}

/// What can be written while nobody reads.
fn unread() -> Result<String> {
    let call = begin("c", "/never", true)?;
    let Some(stream) = call.body() else { return Ok("no body".into()) };
    let mut written = 0;
    while let Ok(room @ 1..) = stream.check_write() {
        let room = usize::try_from(room).unwrap_or(0);
        if stream.write(&vec![0; room]).is_err() {
            break;
        }
        written += room;
    }
    Ok(written.to_string())
}

fn endless() -> Result<String> {
    Ok(whole(begin("c", "/endless", false)?.response()?.body).replace(char::is_numeric, ""))
}

/// Writes until it may no more.
fn too_much() -> Result<String> {
    let call = begin("c", "/echo", true)?;
    let Some(mut upload) = call.body() else { return Ok("no body".into()) };
    let mut download = call.response()?.body;
    let error = loop {
        if let Err(error) = upload.write_all(&[0; PIECE]).and_then(|()| download.read_exact(&mut [0; PIECE])) {
            break said(error);
        }
    };
    Ok(format!("{error}; then {:?}; {}", call.finish().map_err(|error| error.code), whole(download)))
}

/// The call goes before its request's body is at its end.
fn unfinished() -> Result<String> {
    let call = begin("c", "/echo", true)?;
    let (Some(mut upload), download) = (call.body(), call.response()?.body) else { return Ok("no body".into()) };
    let _ = upload.write_all(b"half");
    drop(upload);
    drop(call);
    Ok(whole(download))
}

/// What there is once.
fn twice() -> Result<String> {
    let call = begin("c", "/echo", true)?;
    let (first, second) = (call.body().is_some(), call.body().is_some());
    call.finish()?;
    let finished = call.finish().map_err(|error| error.code);
    let answer = whole(call.response()?.body);
    let answered = call.response().map(|_| ()).map_err(|error| error.code);
    Ok(format!("{first} {second} {finished:?} {answer:?} {answered:?}"))
}
