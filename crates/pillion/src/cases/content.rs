//! Bodies: what a case sends, and what it expects one to be.

use super::{
    MAX_BODY_FILE,
    compare::{Difference, json_differences, shown},
};
use crate::launch::models::read_bounded;
use bytes::Bytes;
use pillion_sidecar::yaml::{Fields, Findings, Node, Place};
use serde_json::Value as Json;
use std::path::Path;

/// Bytes and the media type that they have unless something else is said.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    pub(super) media_type: Option<&'static str>,
}

/// What a body is expected to be; nothing accepts any.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    body: Option<(Place, Bytes)>,
    json: Option<(Place, Json)>,
    contains: Vec<(Place, String)>,
}

/// The value of a key that may be an empty one on purpose, as in `json: null`.
fn given<'a>(fields: &mut Fields<'a>, key: &'static str) -> Option<&'a Node> {
    fields.node(key);
    fields.mapping().get(key)
}

fn file(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Option<(Place, Bytes)> {
    let entry = fields.entry("file")?;
    let path = folder.join(fields.text("file", findings)?);
    match read_bounded(&path, MAX_BODY_FILE) {
        Ok(bytes) => Some((entry.value.at, bytes.into())),
        Err(error) => {
            findings.error(entry.value.at, format!("{}: {error:#}", fields.owner()));
            None
        }
    }
}

fn compact(json: &Json) -> Bytes {
    json.to_string().into()
}

impl Content {
    /// `body`, `json` or `file`; none where none of them is given.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let json = given(fields, "json").map(|node| (node.at, compact(&node.to_json())));
        let text = fields.entry("body").map(|entry| entry.value.at);
        let text = text.zip(fields.text("body", findings)).map(|(at, text)| (at, Bytes::from(text.to_owned())));
        let file = file(fields, folder, findings);
        let kinds = [(json, "application/json"), (text, "text/plain"), (file, "application/octet-stream")];
        let mut found = kinds.into_iter().filter_map(|(content, kind)| content.map(|(at, bytes)| (at, bytes, kind)));
        let (_, bytes, media_type) = found.next()?;
        if let Some((at, ..)) = found.next() {
            findings.error(at, format!("{}: only one of `json`, `body` and `file` can be sent", fields.owner()));
        }
        Some(Self { bytes, media_type: Some(media_type) })
    }

    /// A value of a mapping: text as it is, anything else as JSON.
    pub(super) fn of_node(node: &Node) -> Bytes {
        match node.as_scalar() {
            Some(scalar) if node.to_json().is_string() => scalar.text.clone().into(),
            _ => compact(&node.to_json()),
        }
    }
}

impl Wanted {
    /// `body`, `json`, `file` and `contains`.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Self {
        let json = given(fields, "json").map(|node| (node.at, node.to_json()));
        let at = fields.entry("body").map(|entry| entry.value.at);
        let text = at.zip(fields.text("body", findings)).map(|(at, text)| (at, Bytes::from(text.to_owned())));
        let file = file(fields, folder, findings);
        if let (Some((at, _)), Some(_)) = (&file, &text) {
            findings.error(*at, format!("{}: only one of `body` and `file` can be expected", fields.owner()));
        }
        Self { body: text.or(file), json, contains: contains(fields, findings) }
    }

    /// A value of a mapping, as [`Content::of_node`] reads it.
    pub(super) fn of_node(node: &Node) -> Self {
        let json = node.to_json();
        match json.is_string() {
            true => Self { body: Some((node.at, Content::of_node(node))), ..Self::default() },
            false => Self { json: Some((node.at, json)), ..Self::default() },
        }
    }

    /// Whether anything is expected.
    pub(super) fn is_any(&self) -> bool {
        self.body.is_none() && self.json.is_none() && self.contains.is_empty()
    }

    /// What `got` has not of what is wanted; `what` names it.
    pub(super) fn compare(&self, what: &str, got: &[u8], differences: &mut Vec<Difference>) {
        if let Some((at, wanted)) = &self.body
            && wanted != got
        {
            differences.push(Difference::new(*at, what, shown(wanted), shown(got)));
        }
        if let Some((at, wanted)) = &self.json {
            match serde_json::from_slice::<Json>(got) {
                Ok(json) => json_differences(*at, what, wanted, &json, differences),
                Err(_) => differences.push(Difference::new(*at, what, wanted.to_string(), shown(got))),
            }
        }
        for (at, part) in &self.contains {
            if !contains_part(got, part.as_bytes()) {
                let wanted = format!("something with {}", shown(part.as_bytes()));
                differences.push(Difference::new(*at, what, wanted, shown(got)));
            }
        }
    }

    /// What is wanted, for a message.
    pub(super) fn shown(&self) -> String {
        let body = self.body.iter().map(|(_, bytes)| shown(bytes));
        let json = self.json.iter().map(|(_, json)| shown(json.to_string().as_bytes()));
        let parts = self.contains.iter().map(|(_, part)| format!("…{part}…"));
        body.chain(json).chain(parts).collect::<Vec<_>>().join(" ")
    }
}

fn contains_part(got: &[u8], part: &[u8]) -> bool {
    part.is_empty() || got.windows(part.len()).any(|window| window == part)
}

/// One text, or a list of them.
fn contains(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<(Place, String)> {
    let texts = match fields.node("contains") {
        Some(node) if node.as_sequence().is_none() => {
            fields.text("contains", findings).map(|text| (node.at, text)).into_iter().collect()
        }
        _ => fields.texts("contains", findings),
    };
    texts.into_iter().map(|(at, text)| (at, text.to_owned())).collect()
}
