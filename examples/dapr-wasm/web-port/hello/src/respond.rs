//! The answers that this guest makes itself.

use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// RFC 9110, 15.5.6: the methods that are allowed must be named.
pub(crate) fn method_not_allowed(out: ResponseOutparam) {
    problem(out, 405, "Method Not Allowed", "send the picture by POST", &[("allow", "POST")]);
}

/// RFC 9110, 15.6.3.
pub(crate) fn bad_gateway(out: ResponseOutparam, detail: &str) {
    problem(out, 502, "Bad Gateway", detail, &[]);
}

/// RFC 9457.
fn problem(out: ResponseOutparam, status: u16, title: &str, detail: &str, headers: &[(&str, &str)]) {
    let fields = Fields::new();
    for (name, value) in headers.iter().chain(&[("content-type", "application/problem+json")]) {
        fields.set(name, &[value.as_bytes().to_vec()]).expect("a constant header is valid");
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).expect("a constant status is valid");
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    let text =
        format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{}"}}"#, json_escaped(detail));
    // When the client is gone, nobody is left to tell.
    let _ = write(&body, text.as_bytes());
    let _ = OutgoingBody::finish(body, None);
}

fn write(body: &OutgoingBody, text: &[u8]) -> Option<()> {
    // The most that `blocking-write-and-flush` of wasi:io takes at once.
    const MAX_WRITE: usize = 4096;
    let stream = body.write().ok()?;
    text.chunks(MAX_WRITE).try_for_each(|chunk| stream.blocking_write_and_flush(chunk)).ok()
}

/// RFC 8259, 7.
fn json_escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut json, c| {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
        json
    })
}
