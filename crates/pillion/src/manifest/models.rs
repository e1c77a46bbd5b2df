//! `models:`: what the guests find by name, from files or fetched by digest.

use super::{
    keys::{self, LABELS, MODEL},
    paths::{Base, Wanted},
    wasm::check_name,
};
use pillion_sidecar::yaml::{Entry, Fields, Findings, Node, Place, Unknown, shown};
use std::{collections::BTreeMap, path::PathBuf};

/// How many models one app may name.
pub(super) const MAX_MODELS: usize = 100;

/// One model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// The model itself.
    pub(crate) source: FileSource,
    /// A text file that the guests read as `/models/<name>/labels.txt`.
    pub(crate) labels: Option<FileSource>,
    /// Where the model stands.
    pub(crate) at: Place,
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileSource {
    /// A file, which exists. Its digest is still to be checked.
    File {
        /// The file.
        path: PathBuf,
        /// What its content must have, as 64 hexadecimal digits in lower case.
        sha256: Option<String>,
    },
    /// To be fetched once and kept.
    Url {
        /// `https://` or `http://`.
        url: String,
        /// As above.
        sha256: String,
    },
}

/// Reads the entries of `models:`.
pub(super) fn read(entries: &[Entry], owner: &str, base: Base<'_>, findings: &mut Findings) -> BTreeMap<String, Model> {
    if let Some(entry) = entries.get(MAX_MODELS) {
        findings.error(entry.at, format!("{owner}: more than {MAX_MODELS} models"));
    }
    let model = |entry| read_model(entry, owner, base, findings);
    entries.iter().take(MAX_MODELS).filter_map(model).collect()
}

fn read_model(entry: &Entry, owner: &str, base: Base<'_>, findings: &mut Findings) -> Option<(String, Model)> {
    check_name(&entry.key, "a model", entry.at, findings);
    let owner = format!("{owner}: model `{}`", shown(&entry.key));
    let mut fields = Fields::open(&entry.value, &owner, findings)?;
    let source = read_source(&mut fields, base, findings);
    let labels = fields.node("labels").and_then(|node| read_labels(node, &owner, base, findings));
    keys::close(fields, &[MODEL], Unknown::Error, findings);
    Some((entry.key.clone(), Model { source: source?, labels, at: entry.at }))
}

fn read_labels(node: &Node, owner: &str, base: Base<'_>, findings: &mut Findings) -> Option<FileSource> {
    if let Some(text) = node.text() {
        let path = base.existing("labels", node.at, text, Wanted::File, findings)?;
        return Some(FileSource::File { path, sha256: None });
    }
    let mut fields = Fields::open(node, format!("{owner}: `labels`"), findings)?;
    let source = read_source(&mut fields, base, findings);
    keys::close(fields, &[LABELS], Unknown::Error, findings);
    source
}

fn read_source(fields: &mut Fields<'_>, base: Base<'_>, findings: &mut Findings) -> Option<FileSource> {
    let (file, url) = (fields.entry("file"), fields.entry("url"));
    let has_digest = fields.entry("sha256").is_some();
    let sha256 = fields.parsed("sha256", read_sha256, findings);
    let (missing, message) = match (file, url) {
        (Some(_), Some(url)) => (url.at, "`file` and `url` exclude each other"),
        (None, None) => (fields.at(), "`file` or `url` is missing"),
        (None, Some(url)) if !has_digest => (url.at, "`sha256` is missing, which a `url` needs"),
        (Some(file), None) => {
            let text = fields.text("file", findings)?;
            let path = base.existing("file", file.value.at, text, Wanted::File, findings)?;
            return Some(FileSource::File { path, sha256 });
        }
        (None, Some(_)) => {
            let url = fields.parsed("url", read_url, findings);
            return Some(FileSource::Url { url: url?, sha256: sha256? });
        }
    };
    findings.error(missing, format!("{}: {message}", fields.owner()));
    None
}

fn read_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err("it must be a URL of https or http".to_owned()),
    }
}

fn read_sha256(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    match digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(digits.to_ascii_lowercase()),
        false => Err("a sha256 has 64 hexadecimal digits".to_owned()),
    }
}
