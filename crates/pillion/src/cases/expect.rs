//! What a case expects: the answer, the state afterwards, and the calls.

use super::{call::Pattern, content::Wanted};
use pillion_api::pubsub::TopicStatus;
use pillion_sidecar::yaml::{Fields, Findings, Node, Place, Unknown, shown};
use std::path::Path;

/// What an app says of a message, in Dapr's words.
const TOPIC_STATUSES: [(&str, TopicStatus); 3] =
    [("SUCCESS", TopicStatus::Success), ("RETRY", TopicStatus::Retry), ("DROP", TopicStatus::Drop)];

/// What is expected of the answer. What is not said may be anything, but a failure is none that nobody expects.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    pub(super) at: Place,
    pub(super) status: Option<(Place, Status)>,
    pub(super) headers: Vec<(String, Place, String)>,
    pub(super) wanted: Wanted,
    /// Bindings that a reply goes to.
    pub(super) to: Option<(Place, Vec<String>)>,
    /// A part of the words of a failure.
    pub(super) error: Option<(Place, String)>,
    /// Keys of stores afterwards; none is a key that must not be there.
    pub(super) state: Vec<(String, String, Place, Option<Wanted>)>,
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Http(u16),
    Topic(TopicStatus),
}

/// The calls that are expected.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) at: Place,
    pub(super) patterns: Vec<Pattern>,
    pub(super) in_order: bool,
}

/// The word of a topic's status.
pub(super) fn word(status: TopicStatus) -> &'static str {
    TOPIC_STATUSES.iter().find(|(_, known)| *known == status).map_or("", |(word, _)| word)
}

impl Expect {
    pub(super) fn read(node: &Node, owner: &str, folder: &Path, findings: &mut Findings) -> Self {
        let at = node.at;
        let Some(mut fields) = Fields::open(node, format!("{owner}: `expect`"), findings) else {
            return Self { at, ..Self::default() };
        };
        let at_status = fields.entry("status").map(|entry| entry.value.at);
        let status = at_status.zip(fields.parsed("status", status, findings));
        let at_headers = fields.node("headers").map_or(at, |node| node.at);
        let headers = fields.text_map("headers", findings).into_iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), at_headers, value)).collect();
        let to = fields.node("to").map(|node| node.at);
        let to = to.map(|at| (at, fields.texts("to", findings).into_iter().map(|(_, name)| name.to_owned()).collect()));
        let error = fields.entry("error").map(|entry| entry.value.at);
        let error = error.zip(fields.text("error", findings)).map(|(at, text)| (at, text.to_owned()));
        let state = state(&mut fields, findings);
        let wanted = Wanted::read(&mut fields, folder, findings);
        fields.close(Unknown::Error, findings);
        Self { at, status, headers, wanted, to, error, state }
    }
}

fn status(text: &str) -> Result<Status, String> {
    if let Some((_, status)) = TOPIC_STATUSES.iter().find(|(word, _)| *word == text) {
        return Ok(Status::Topic(*status));
    }
    let number = text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    number.map(Status::Http).ok_or_else(|| "that is no HTTP status, and none of SUCCESS, RETRY and DROP".to_owned())
}

fn state(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<(String, String, Place, Option<Wanted>)> {
    let mut state = Vec::new();
    for store in fields.entries("state", findings) {
        let Some(keys) = store.value.as_mapping() else {
            let why = format!("{}: `state.{}` must be a mapping of keys", fields.owner(), shown(&store.key));
            findings.error(store.value.at, why);
            continue;
        };
        for key in keys.entries() {
            let wanted = (!key.value.is_null()).then(|| Wanted::of_node(&key.value));
            state.push((store.key.clone(), key.key.clone(), key.value.at, wanted));
        }
    }
    state
}

impl Calls {
    /// `calls` in their order, or `callsInAnyOrder`; none where neither is there.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let [ordered, any] = ["calls", "callsInAnyOrder"].map(|key| {
            fields.node(key);
            fields.mapping().entry(key)
        });
        if let (Some(_), Some(any)) = (ordered, any) {
            findings.error(any.at, format!("{}: `calls` says the same already", fields.owner()));
        }
        let (key, entry) = ordered.map(|entry| ("calls", entry)).or(any.map(|entry| ("callsInAnyOrder", entry)))?;
        let owner = format!("{}: a call", fields.owner());
        let patterns = fields.list(key, findings).iter().filter_map(|node| {
            let mut fields = Fields::open(node, owner.clone(), findings)?;
            let pattern = Pattern::read(&mut fields, folder, findings);
            fields.close(Unknown::Error, findings);
            pattern
        });
        Some(Self { at: entry.at, patterns: patterns.collect(), in_order: key == "calls" })
    }
}
