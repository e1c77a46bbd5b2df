//! Http: the gRPC service `pillion.test.Greeter`, by hand: messages of one text in frames of five bytes and more, the status in trailers.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::{InputStream, OutputStream};

struct Greeter;

wasip2::http::proxy::export!(Greeter);

/// A status: its number and its text.
type Status = (u8, &'static str);

const OK: Status = (0, "");
const NO_NAME: Status = (3, "the name is missing");
const UNKNOWN: Status = (12, "the service has no such method");
/// A frame's head: whether it is compressed, and how long it is.
const HEAD: usize = 5;
/// The field 1 of a message, a text.
const TEXT: u8 = 0x0a;
/// As much as one call of the host writes.
const MAX_WRITE: usize = 4096;

impl wasip2::exports::http::incoming_handler::Guest for Greeter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let caller = request.headers().get("dapr-caller-app-id").pop().unwrap_or_default();
        let headers =
            Fields::from_list(&[("content-type".into(), b"application/grpc".into()), ("x-called-by".into(), caller)]);
        let response = OutgoingResponse::new(headers.expect("valid"));
        let answer = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let body = request.consume().expect("the body is taken once");
        let input = body.stream().expect("the stream is taken once");
        let output = answer.write().expect("the stream is taken once");
        let (number, text) = call(&path, &mut Frames { input, bytes: Vec::new() }, &output);
        drop(output);
        let trailers = Fields::from_list(&[
            ("grpc-status".into(), number.to_string().into_bytes()),
            ("grpc-message".into(), text.into()),
        ]);
        OutgoingBody::finish(answer, Some(trailers.expect("valid"))).expect("no content-length was promised");
    }
}

fn call(path: &str, frames: &mut Frames, output: &OutputStream) -> Status {
    match path.strip_prefix("/pillion.test.Greeter/") {
        Some("Say") => say(frames, output),
        Some("Count") => count(frames, output),
        Some("Collect") => collect(frames, output),
        Some("Chat") => chat(frames, output),
        Some("Trap") => panic!("trapped as asked"),
        _ => UNKNOWN,
    }
}

/// One message in, one out.
fn say(frames: &mut Frames, output: &OutputStream) -> Status {
    match frames.next() {
        Some(name) if !name.is_empty() => {
            send(output, &format!("hello {name}"));
            OK
        }
        _ => NO_NAME,
    }
}

/// One message in, as many out as it says.
fn count(frames: &mut Frames, output: &OutputStream) -> Status {
    let last: u32 = frames.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    for n in 1..=last {
        send(output, &n.to_string());
    }
    OK
}

/// Messages in, one out.
fn collect(frames: &mut Frames, output: &OutputStream) -> Status {
    let mut all = Vec::new();
    while let Some(text) = frames.next() {
        all.push(text);
    }
    send(output, &all.join(" "));
    OK
}

/// Each message is answered before the next one is read.
fn chat(frames: &mut Frames, output: &OutputStream) -> Status {
    while let Some(text) = frames.next() {
        send(output, &format!("you said {text}"));
    }
    OK
}

/// The messages of a body.
struct Frames {
    input: InputStream,
    bytes: Vec<u8>,
}

impl Frames {
    fn next(&mut self) -> Option<String> {
        while self.bytes.len() < HEAD {
            self.read()?;
        }
        let length = u32::from_be_bytes(self.bytes[1..HEAD].try_into().expect("four bytes")) as usize;
        while self.bytes.len() < HEAD + length {
            self.read()?;
        }
        let rest = self.bytes.split_off(HEAD + length);
        let frame = std::mem::replace(&mut self.bytes, rest);
        Some(text_of(&frame[HEAD..]))
    }

    fn read(&mut self) -> Option<()> {
        self.bytes.extend(self.input.blocking_read(64 << 10).ok()?);
        Some(())
    }
}

/// The text of a message of less than 128 bytes.
fn text_of(message: &[u8]) -> String {
    match message {
        [TEXT, length, text @ ..] => {
            String::from_utf8_lossy(&text[..usize::from(*length).min(text.len())]).into_owned()
        }
        _ => String::new(),
    }
}

fn send(output: &OutputStream, text: &str) {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 128).expect("a short text");
    let mut frame = vec![0, 0, 0, 0, length + 2, TEXT, length];
    frame.extend(text.as_bytes());
    for piece in frame.chunks(MAX_WRITE) {
        output.blocking_write_and_flush(piece).expect("the client reads on");
    }
}
