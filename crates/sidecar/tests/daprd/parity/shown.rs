//! What a sidecar said, as text that two of them can be compared by.

use pillion_api::{Error, Result};
use std::{fmt::Debug, path::Path};

/// What one sidecar said to each call of a script.
pub(super) struct Log {
    said: Vec<(String, String)>,
    folder: String,
    port: String,
}

/// A difference that is meant: the calls whose name begins so, and why they differ.
pub(super) type Known = (&'static str, &'static str);

impl Log {
    pub(super) fn new(folder: &Path, port: u16) -> Self {
        Self { said: Vec::new(), folder: folder.display().to_string(), port: format!(":{port}") }
    }

    /// Notes the answer to a call.
    pub(super) fn say<T: Debug>(&mut self, call: impl Into<String>, answer: Result<T>) {
        let text = match answer {
            Ok(value) => format!("{value:?}"),
            Err(error) => shown(&error),
        };
        let text = text.replace(&self.folder, "<folder>").replace(&self.port, ":<port>");
        self.said.push((call.into(), without_uuids(&text)));
    }
}

fn shown(error: &Error) -> String {
    let details = error
        .given_details()
        .map(|details| format!(" {} {:?} {:?}", details.reason, details.metadata, details.resource));
    format!("{} {} {}{}", error.status().as_u16(), error.code().name(), error.message(), details.unwrap_or_default())
}

/// ETags and ids differ from run to run.
fn without_uuids(text: &str) -> String {
    const SHAPE: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let bytes = text.as_bytes();
    let fits = |at: usize| {
        bytes.len() >= at + SHAPE.len()
            && SHAPE
                .iter()
                .zip(&bytes[at..])
                .all(|(shape, byte)| if *shape == b'-' { *byte == b'-' } else { byte.is_ascii_hexdigit() })
    };
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if fits(at) {
            out.extend_from_slice(b"<uuid>");
            at += SHAPE.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).expect("what was text stays text")
}

/// What the two said differently and is not known to. A known difference that is none any more is one, too.
pub(super) fn differences(here: &Log, there: &Log, known: &[Known]) -> Vec<String> {
    assert_eq!(here.said.len(), there.said.len(), "both were asked the same");
    let mut found = Vec::new();
    for ((call, embedded), (_, daprd)) in here.said.iter().zip(&there.said) {
        let listed = known.iter().any(|(name, _)| name == call);
        match (embedded == daprd, listed) {
            (false, false) => found.push(format!("{call}\n  embedded: {embedded}\n  daprd:    {daprd}")),
            (true, true) => found.push(format!("{call}: listed as different, and both say {embedded}")),
            _ => {}
        }
    }
    found
}

#[test]
fn uuids_are_not_compared() {
    assert_eq!(without_uuids("a 0b2fbf40-9e8e-4d8f-9c5e-6d3c5d1a2b3c z"), "a <uuid> z");
    assert_eq!(without_uuids("0b2fbf40-9e8e"), "0b2fbf40-9e8e");
}
