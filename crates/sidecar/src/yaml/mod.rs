//! Bounded reading of YAML with positions: a small tree that callers walk, so that every finding names its line.
//!
//! [`load`] reads a file, [`parse`] a text; both answer one [`Node`] a document. [`Fields`] reads a mapping key by key and
//! reports what it could not use to [`Findings`]. Aliases and merge keys are expanded under the limits below, so callers
//! see plain data.

mod fields;
mod findings;
mod json;
mod node;
mod tree;

pub use fields::{Fields, Unknown};
pub use findings::{Findings, MAX_FINDINGS, shown, shown_up_to};
pub use node::{Entry, Mapping, Node, Place, Scalar, Value};

use pillion_api::Diagnostic;
use std::{fs::File, io::Read, path::Path};

/// The largest file that is read, in bytes. Kubernetes stores no resource over 1.5 MiB, and daprd no request over 4 MiB.
pub const MAX_FILE: usize = 1024 * 1024;
/// How deep sequences and mappings may nest.
pub const MAX_DEPTH: usize = 64;
/// How many nodes all documents of a file may hold, copies made by aliases and merge keys included: so many are read within
/// 100 ms.
pub const MAX_NODES: usize = 20_000;
/// How many bytes of text all documents of a file may hold, copies included.
pub const MAX_TEXT: usize = 4 * MAX_FILE;
/// The longest key, in bytes.
pub const MAX_KEY: usize = 1024;

/// Reads the documents of a file; documents that hold nothing are left out.
///
/// # Errors
/// What is wrong with the file: that it can't be read, is too large, isn't YAML, exceeds a limit, repeats a key.
pub fn load(path: &Path) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let bytes = read_bounded(path).map_err(|error| vec![unreadable(path, &error)])?;
    if bytes.len() > MAX_FILE {
        let message = format!("the file is larger than {MAX_FILE} bytes");
        return Err(vec![Diagnostic::error(path, message).hint("split it into several files")]);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(path, text),
        Err(error) => Err(vec![not_utf8(path, &bytes, error.valid_up_to())]),
    }
}

/// Reads the documents of a text that came from `file`; documents that hold nothing are left out.
///
/// # Errors
/// As [`load`].
pub fn parse(file: &Path, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if text.len() > MAX_FILE {
        return Err(vec![Diagnostic::error(file, format!("the text is larger than {MAX_FILE} bytes"))]);
    }
    tree::build(file, text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// One byte more than allowed is read, so that the caller sees that there is more; special files would never end.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    // Asked before opening: to open a FIFO that nobody writes would wait for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let cause = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
        _ => error.to_string(),
    };
    Diagnostic::error(path, format!("can't read the file: {cause}"))
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Diagnostic {
    let good = &bytes[..valid];
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    let start = good.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = 1 + String::from_utf8_lossy(&good[start..]).chars().count();
    Diagnostic::error(path, "the text is not UTF-8").at(line, column).hint("save the file with the encoding UTF-8")
}

#[cfg(test)]
mod tests;
