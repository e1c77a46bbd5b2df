//! Http: calls interfaces of WASI's drafts, Spin and wasmCloud as the lines of its request say, and answers what each call came
//! to, a line each.

mod blobs;
mod draft;
mod draft2;
mod llm;
mod messages;
mod nn;
mod otel;
mod secrets;
mod settings;
mod spin2;
mod sql;
mod sql3;

use std::fmt::Debug;

use wasip2::http::types::{Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-keyvalue-0.2.0-draft",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2",
        "../../wit/deps/wasi-config-0.2.0-rc.1",
        "../../wit/deps/wasi-config-0.2.0-draft-2024-09-27",
        "../../wit/deps/wasi-logging-0.1.0-draft",
        "../../wit/deps/wasi-messaging-0.2.0-draft",
        "../../wit/deps/wasi-io-0.2.0",
        "../../wit/deps/wasi-io-0.2.1",
        "../../wit/deps/wasi-clocks-0.2.0",
        "../../wit/deps/wasi-blobstore-0.2.0-draft",
        "../../wit/deps/wasi-otel-0.2.0-rc.2",
        "../../wit/deps/wasi-nn-0.2.0-rc-2024-10-28",
        "../../wit/deps/wasmcloud-messaging-0.2.0",
        "../../wit/deps/wasmcloud-secrets-0.1.0-draft",
        "../../wit/deps/fermyon-spin-2.0.0",
        "../../wit/deps/spin-sqlite-3.0.0",
    ],
    inline: "
        package pillion:wasi-cases;
        world cases {
            include wasi:keyvalue/imports@0.2.0-draft;
            include wasi:keyvalue/imports@0.2.0-draft2;
            include wasi:config/imports@0.2.0-rc.1;
            include wasi:config/imports@0.2.0-draft-2024-09-27;
            include wasi:logging/imports@0.1.0-draft;
            include wasi:messaging/imports@0.2.0-draft;
            include wasi:blobstore/imports@0.2.0-draft;
            include wasi:otel/imports@0.2.0-rc.2;
            include wasi:nn/ml@0.2.0-rc-2024-10-28;
            import wasmcloud:messaging/consumer@0.2.0;
            include wasmcloud:secrets/imports@0.1.0-draft;
            include fermyon:spin/platform@2.0.0;
            import spin:sqlite/sqlite@3.0.0;
        }
    ",
    generate_all,
});

struct Cases;

wasip2::http::proxy::export!(Cases);

impl wasip2::exports::http::incoming_handler::Guest for Cases {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let script = asked(&request).unwrap_or_else(|| text(&request));
        let mut state = State::default();
        let answers: String = script.lines().map(|line| format!("{}\n", state.run(line))).collect();
        say(out, &answers);
    }
}

/// What the lines of one request have opened.
#[derive(Default)]
struct State {
    draft: draft::Opened,
    draft2: draft2::Opened,
    spin: spin2::Opened,
    blobs: blobs::Opened,
    sql: sql::Opened,
    sql3: sql3::Opened,
}

impl State {
    /// Does what a line says: an interface, a function, and its arguments.
    fn run(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["draft", ref call @ ..] => self.draft.run(call),
            ["draft2", ref call @ ..] => self.draft2.run(call),
            ["spin", ref call @ ..] => self.spin.run(call),
            ["sql", ref call @ ..] => self.sql.run(call),
            ["sql3", ref call @ ..] => self.sql3.run(call),
            ["blob", ref call @ ..] => self.blobs.run(call),
            ["llm", ref call @ ..] => llm::run(call),
            ["otel", ref call @ ..] => otel::run(call),
            ["message", ref call @ ..] => messages::run(call),
            ["nn", ref call @ ..] => nn::run(call),
            ["secret", ref call @ ..] => secrets::run(call),
            ref call => settings::run(call),
        }
    }
}

/// Bytes as text; hundreds of them as their number.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 100 { format!("{} bytes", bytes.len()) } else { String::from_utf8_lossy(bytes).into_owned() }
}

/// A value: text, or as many bytes as `#` before a number says.
fn value(word: &str) -> Vec<u8> {
    match word.strip_prefix('#').and_then(|count| count.parse().ok()) {
        Some(count) => vec![b'x'; count],
        None => word.as_bytes().to_vec(),
    }
}

fn said(result: Result<impl Debug, impl Debug>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn unknown(call: &[&str]) -> String {
    format!("no such call: {call:?}")
}

/// A script that stands in the query, `+` for a space and `&` between its lines: an instance that need not read a body can be
/// kept for its next call.
fn asked(request: &IncomingRequest) -> Option<String> {
    let path = request.path_with_query()?;
    path.split_once('?').map(|(_, query)| query.replace('+', " ").replace('&', "\n"))
}

fn text(request: &IncomingRequest) -> String {
    let mut bytes = Vec::new();
    if let Ok(body) = request.consume() {
        {
            let stream = body.stream().expect("taken once");
            while let Ok(part) = stream.blocking_read(1 << 16) {
                bytes.extend(part);
            }
        }
        IncomingBody::finish(body);
    }
    String::from_utf8(bytes).expect("text")
}

fn say(out: ResponseOutparam, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("taken once");
    for chunk in text.as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(chunk).expect("the client reads on");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("no length was promised");
}
