//! Bodies: in and out, by every function of the streams.

use wasip2::http::types::{Fields, IncomingBody, IncomingRequest, OutgoingBody, ResponseOutparam};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::{Notes, begin, say, write};

/// Bytes that differ from one place to the next.
const ROW: &[u8] = b"0123456789abcdef0123456789ABCDEF-";

pub(crate) fn handles(case: &str) -> bool {
    let names = [
        "blocking",
        "one-write",
        "polled",
        "zeroes",
        "mixed",
        "read",
        "read-polled",
        "read-none",
        "skip",
        "splice",
        "splice-now",
        "echo",
        "trailers",
        "read-trailers",
        "half-read",
        "late",
        "waits",
    ];
    names.contains(&case)
}

pub(crate) fn handle(case: &str, number: u64, request: &IncomingRequest, out: ResponseOutparam) {
    match case {
        "read" | "read-polled" | "read-none" | "skip" | "read-trailers" | "half-read" => {
            let body = request.consume().expect("the body is taken once");
            let text = take(case, body);
            say(out, &text);
        }
        "splice" | "splice-now" | "echo" => give_back(case, request, out),
        _ => give(case, number, out),
    }
}

fn row(length: u64) -> Vec<u8> {
    ROW.iter().copied().cycle().take(usize::try_from(length).expect("small")).collect()
}

fn give(case: &str, number: u64, out: ResponseOutparam) {
    let (body, stream) = begin(out, &[]);
    let bytes = row(number);
    match case {
        "one-write" => {
            stream.check_write().expect("open");
            stream.write(&bytes).expect("open");
            stream.flush().expect("open");
        }
        "polled" => polled(&stream, &bytes),
        "zeroes" => {
            stream.check_write().expect("open");
            stream.write_zeroes(number.min(1000)).expect("open");
            stream.blocking_flush().expect("open");
            stream.blocking_write_zeroes_and_flush(number.min(4096)).expect("open");
        }
        "mixed" => {
            write(&stream, &bytes);
            polled(&stream, &bytes);
            write(&stream, &bytes);
        }
        "late" => {
            write(&stream, &bytes);
            spin();
            write(&stream, &bytes);
        }
        "waits" => {
            write(&stream, &bytes);
            wasip2::clocks::monotonic_clock::subscribe_duration(3_000_000).block();
            write(&stream, &bytes);
        }
        _ => write(&stream, &bytes),
    }
    drop(stream);
    let trailers = (case == "trailers").then(|| Fields::from_list(&[("x-sum".into(), b"7".to_vec())]).expect("valid"));
    OutgoingBody::finish(body, trailers).expect("no content-length was promised");
}

/// As wasi:io tells guests to write.
fn polled(stream: &OutputStream, mut bytes: &[u8]) {
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        ready.block();
        let most = usize::try_from(stream.check_write().expect("open")).expect("small");
        let (now, later) = bytes.split_at(most.min(bytes.len()));
        stream.write(now).expect("open");
        bytes = later;
    }
    stream.flush().expect("open");
    ready.block();
    stream.check_write().expect("open");
}

/// Longer than a guest runs at a time.
fn spin() {
    let start = wasip2::clocks::monotonic_clock::now();
    while wasip2::clocks::monotonic_clock::now() - start < 5_000_000 {}
}

fn take(case: &str, body: IncomingBody) -> String {
    let mut notes = Notes::default();
    if case == "read-none" {
        return notes.0 + "nothing was read";
    }
    let stream = body.stream().expect("the stream is taken once");
    match case {
        "skip" => {
            notes.note("skipped", stream.blocking_skip(3));
            notes.note("skipped nothing", stream.blocking_skip(0));
            notes.note("read", stream.blocking_read(4));
            notes.note("read nothing", stream.read(0));
        }
        "read-polled" => notes.note(
            "read",
            sum(&stream, |stream| {
                stream.subscribe().block();
                stream.read(1000)
            }),
        ),
        "half-read" => notes.note("read", stream.blocking_read(2)),
        _ => {
            notes.note("read", sum(&stream, |stream| stream.blocking_read(70_000)));
            notes.note("read on", stream.read(10));
        }
    }
    drop(stream);
    if case == "read-trailers" || case == "half-read" {
        let trailers = IncomingBody::finish(body);
        trailers.subscribe().block();
        let entries = trailers.get().map(|once| once.map(|all| all.map(|some| some.map(|fields| fields.entries()))));
        notes.note("trailers", entries);
        notes.note("again", trailers.get().map(|once| once.map(drop)));
    }
    notes.0
}

/// Length and sum of what comes.
fn sum(stream: &InputStream, read: impl Fn(&InputStream) -> Result<Vec<u8>, StreamError>) -> (usize, u64, bool) {
    let (mut length, mut sum) = (0, 0);
    loop {
        match read(stream) {
            Ok(bytes) => {
                length += bytes.len();
                sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            }
            Err(error) => return (length, sum, matches!(error, StreamError::Closed)),
        }
    }
}

fn give_back(case: &str, request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("the body is taken once");
    let input = incoming.stream().expect("the stream is taken once");
    let (body, stream) = begin(out, &[]);
    match case {
        "splice" => while stream.blocking_splice(&input, 1 << 16).is_ok() {},
        "splice-now" => {
            let (ready, can) = (input.subscribe(), stream.subscribe());
            loop {
                ready.block();
                can.block();
                if stream.splice(&input, 1 << 16).is_err() {
                    break;
                }
            }
        }
        _ => {
            while let Ok(bytes) = input.blocking_read(1 << 16) {
                write(&stream, &bytes);
            }
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("no content-length was promised");
}
