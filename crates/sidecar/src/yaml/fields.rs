//! A mapping read key by key: what it lacks, what has the wrong kind and what nobody asked for becomes a finding.

use super::{Entry, Findings, Mapping, Node, Place, Scalar, shown};
use pillion_api::diagnostic::Severity;
use std::{collections::BTreeMap, ops::RangeInclusive};

/// What becomes of keys that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An error each, with the nearest known key.
    Error,
    /// A warning each, with the nearest known key.
    Warning,
    /// Nothing: others read them.
    Ignored,
}

/// A mapping that is being read. Each reader answers none where the key is absent, empty, or wrong (then a finding says so).
#[derive(Debug)]
pub struct Fields<'a> {
    mapping: &'a Mapping,
    at: Place,
    owner: String,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a node that must be a mapping. `owner` names it in messages: ``app `orders` ``, `the file`.
    pub fn open(node: &'a Node, owner: impl Into<String>, findings: &mut Findings) -> Option<Self> {
        let owner = owner.into();
        match node.as_mapping() {
            Some(mapping) => Some(Self { mapping, at: node.at, owner, asked: Vec::new() }),
            None => {
                findings
                    .error(node.at, format!("{owner} must be a mapping (`key: value` lines), but is {}", node.kind()));
                None
            }
        }
    }

    /// Where the mapping begins.
    pub fn at(&self) -> Place {
        self.at
    }

    /// The whole mapping, whatever was asked for.
    pub fn mapping(&self) -> &'a Mapping {
        self.mapping
    }

    /// What the mapping is called in messages.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Gives the mapping another name for later messages, when its own was read.
    pub fn rename(&mut self, owner: impl Into<String>) {
        self.owner = owner.into();
    }

    /// The keys that were asked for so far.
    pub fn asked(&self) -> &[&'static str] {
        &self.asked
    }

    /// A key with its place and value, of whatever kind; none where it is absent or empty.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.asked.push(key);
        self.mapping.entry(key).filter(|entry| !entry.value.is_null())
    }

    /// The value of a key, of whatever kind.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key that must be there.
    pub fn required(&mut self, key: &'static str, findings: &mut Findings) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() {
            findings.error(self.at, format!("{}: `{key}` is missing", self.owner));
        }
        node
    }

    /// A text; numbers and truth values count as they were written.
    pub fn text(&mut self, key: &'static str, findings: &mut Findings) -> Option<&'a str> {
        Some(&self.scalar(key, "text", findings)?.1.text)
    }

    /// A text that must be there and not be blank.
    pub fn required_text(&mut self, key: &'static str, findings: &mut Findings) -> Option<&'a str> {
        let node = self.required(key, findings)?;
        match node.text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                findings.error(node.at, format!("{}: `{key}` is blank", self.owner));
                None
            }
            None => self.wrong(key, node, "text", findings),
        }
    }

    /// A truth value. Words of YAML 1.1, which Dapr's own reader takes in some files only, get a hint.
    pub fn flag(&mut self, key: &'static str, findings: &mut Findings) -> Option<bool> {
        let (at, scalar) = self.scalar(key, "`true` or `false`", findings)?;
        let truth = scalar.as_bool();
        if truth.is_none() {
            let quote = if scalar.quoted { "'" } else { "" };
            let message = format!(
                "{}: `{key}` must be `true` or `false`, but is `{quote}{}{quote}`",
                self.owner,
                shown(&scalar.text)
            );
            match meant_truth(&scalar.text) {
                Some(meant) => findings.error_hint(at, message, format!("write `{meant}`, without quotes")),
                None => findings.error(at, message),
            }
        }
        truth
    }

    /// A whole number of a range.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<i64>, findings: &mut Findings) -> Option<i64> {
        let (at, scalar) = self.scalar(key, "a whole number", findings)?;
        // Dapr's CLI writes ports of generated files in quotes here and there; a number is a number.
        let number = Scalar { quoted: false, ..scalar.clone() }.as_integer().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let text = shown(&scalar.text);
            findings.error(
                at,
                format!("{}: `{key}` must be a whole number from {least} to {most}, but is `{text}`", self.owner),
            );
        }
        number
    }

    /// A value that `read` understands; its refusal follows the key and the value in the message.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
        findings: &mut Findings,
    ) -> Option<T> {
        let (at, scalar) = self.scalar(key, "text", findings)?;
        let value = read(&scalar.text);
        value
            .map_err(|wrong| findings.error(at, format!("{}: `{key}: {}`: {wrong}", self.owner, shown(&scalar.text))))
            .ok()
    }

    /// A list of anything; empty where the key is absent.
    pub fn list(&mut self, key: &'static str, findings: &mut Findings) -> &'a [Node] {
        let Some(node) = self.node(key) else { return &[] };
        match node.as_sequence() {
            Some(items) => items,
            None => {
                self.wrong::<()>(key, node, "a list", findings);
                &[]
            }
        }
    }

    /// A list of texts, each with its place; empty where the key is absent.
    pub fn texts(&mut self, key: &'static str, findings: &mut Findings) -> Vec<(Place, &'a str)> {
        let items = self.list(key, findings);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.text() {
                Some(text) => texts.push((item.at, text)),
                None => findings.error(
                    item.at,
                    format!("{}: `{key}` must be a list of texts, but this is {}", self.owner, item.kind()),
                ),
            }
        }
        texts
    }

    /// Names with texts; an empty value is an empty text. None where the key is absent.
    pub fn text_map(&mut self, key: &'static str, findings: &mut Findings) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        for entry in self.entries(key, findings) {
            match entry.value.as_scalar() {
                Some(scalar) if scalar.is_null() => map.insert(entry.key.clone(), String::new()),
                Some(scalar) => map.insert(entry.key.clone(), scalar.text.clone()),
                None => {
                    let message = format!(
                        "{}: `{key}.{}` must be text, but is {}",
                        self.owner,
                        shown(&entry.key),
                        entry.value.kind()
                    );
                    findings.error(entry.value.at, message);
                    None
                }
            };
        }
        map
    }

    /// The entries of a mapping whose keys are names; none where the key is absent.
    pub fn entries(&mut self, key: &'static str, findings: &mut Findings) -> &'a [Entry] {
        let Some(node) = self.node(key) else { return &[] };
        match node.as_mapping() {
            Some(mapping) => mapping.entries(),
            None => {
                self.wrong::<()>(key, node, "a mapping", findings);
                &[]
            }
        }
    }

    /// Reports the keys that nobody asked for.
    pub fn close(self, unknown: Unknown, findings: &mut Findings) {
        let severity = match unknown {
            Unknown::Error => Severity::Error,
            Unknown::Warning => Severity::Warning,
            Unknown::Ignored => return,
        };
        for entry in self.mapping.entries().iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let message = format!("{}: unknown key `{}`", self.owner, shown(&entry.key));
            findings.unknown(severity, entry.at, message, &entry.key, self.asked.iter().copied());
        }
    }

    fn scalar(&mut self, key: &'static str, wanted: &str, findings: &mut Findings) -> Option<(Place, &'a Scalar)> {
        let node = self.node(key)?;
        match node.as_scalar() {
            Some(scalar) => Some((node.at, scalar)),
            None => self.wrong(key, node, wanted, findings),
        }
    }

    fn wrong<T>(&self, key: &str, node: &Node, wanted: &str, findings: &mut Findings) -> Option<T> {
        findings.error(node.at, format!("{}: `{key}` must be {wanted}, but is {}", self.owner, node.kind()));
        None
    }
}

/// What the words of YAML 1.1 and a quoted truth value mean.
fn meant_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}
