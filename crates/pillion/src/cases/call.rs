//! A call that a guest made of Dapr, and what a case expects one to be.

use super::{
    compare::{Difference, shown},
    content::Wanted,
};
use bytes::Bytes;
use pillion_api::Metadata;
use pillion_sidecar::yaml::{Fields, Findings, Node, Place, Unknown};
use std::path::Path;

/// Every call by its name, with what it names beside its value. The names are those of Dapr's gRPC API.
pub(super) const CALLS: &[(&str, &[&str])] = &[
    ("invoke", &["app", "method", "path"]),
    ("get_state", &["store", "key"]),
    ("get_bulk_state", &["store", "keys"]),
    ("save_state", &["store", "key", "etag"]),
    ("delete_state", &["store", "key", "etag"]),
    ("execute_state_transaction", &["store", "keys"]),
    ("query_state", &["store"]),
    ("publish", &["pubsub", "topic", "contentType"]),
    ("publish_bulk", &["pubsub", "topic", "entry", "contentType"]),
    ("get_secret", &["store", "key"]),
    ("get_bulk_secrets", &["store"]),
    ("invoke_binding", &["binding", "operation"]),
    ("get_configuration", &["store", "keys"]),
    ("subscribe_configuration", &["store", "keys"]),
    ("unsubscribe_configuration", &["store", "id"]),
    ("try_lock", &["store", "resource", "owner"]),
    ("unlock", &["store", "resource", "owner"]),
    ("encrypt", &["component", "key"]),
    ("decrypt", &["component", "key"]),
    ("converse", &["component"]),
    ("schedule_job", &["name", "schedule", "dueTime"]),
    ("get_job", &["name"]),
    ("delete_job", &["name"]),
    ("invoke_actor", &["type", "id", "method"]),
    ("get_actor_state", &["type", "id", "key"]),
    ("execute_actor_state_transaction", &["type", "id"]),
    ("register_actor_reminder", &["type", "id", "name"]),
    ("unregister_actor_reminder", &["type", "id", "name"]),
    ("get_actor_reminder", &["type", "id", "name"]),
    ("register_actor_timer", &["type", "id", "name"]),
    ("unregister_actor_timer", &["type", "id", "name"]),
    ("start_workflow", &["name", "id"]),
    ("get_workflow", &["id"]),
    ("steer_workflow", &["id", "action"]),
    ("raise_workflow_event", &["id", "event"]),
    ("get_metadata", &[]),
    ("denied", &["list", "name"]),
];

/// One call.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) metadata: Metadata,
    pub(super) value: Option<Bytes>,
    /// The code of what came back, where it was an error.
    pub(super) fails: Option<&'static str>,
}

impl Call {
    pub(super) fn new(name: &'static str) -> Self {
        debug_assert!(CALLS.iter().any(|(known, _)| *known == name), "{name} is in the table");
        Self { name, ..Self::default() }
    }

    pub(super) fn with(mut self, field: &'static str, text: impl Into<String>) -> Self {
        debug_assert!(
            CALLS.iter().any(|(name, fields)| *name == self.name && fields.contains(&field)),
            "{}.{field}",
            self.name
        );
        self.fields.push((field, text.into()));
        self
    }

    /// With what may be left out.
    pub(super) fn and(self, field: &'static str, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.with(field, text),
            None => self,
        }
    }

    pub(super) fn metadata(mut self, metadata: &Metadata) -> Self {
        self.metadata = metadata.clone();
        self
    }

    pub(super) fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// As a report shows it.
    pub(super) fn shown(&self) -> String {
        let fields = self.fields.iter().map(|(name, text)| format!(" {name}: {}", shown(text.as_bytes())));
        let value =
            self.value.iter().filter(|value| !value.is_empty()).map(|value| format!(" value: {}", shown(value)));
        let fails = self.fails.iter().map(|code| format!(" fails: {code}"));
        self.name.to_owned() + &fields.chain(value).chain(fails).collect::<Vec<_>>().join(",")
    }
}

/// What a call is expected to be; what is not said may be anything.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) at: Place,
    pub(super) name: &'static str,
    fields: Vec<(&'static str, Place, String)>,
    metadata: Metadata,
    wanted: Wanted,
    fails: Option<(Place, String)>,
}

impl Pattern {
    /// An entry of a list of calls, which names one: `- publish: { topic: orders }`. The caller closes the fields.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let mut found = None;
        for (name, of_call) in CALLS {
            let given = fields.mapping().entry(name);
            fields.node(name);
            match (given, &found) {
                (Some(entry), None) => found = Some((*name, *of_call, entry)),
                (Some(entry), Some(_)) => {
                    findings.error(entry.at, format!("{}: one call an entry, and this is a second", fields.owner()));
                }
                (None, _) => {}
            }
        }
        let Some((name, of_call, entry)) = found else {
            let hint = "name one, as in `publish: { pubsub: pubsub, topic: orders }`";
            // An unknown key is told as that, with the nearest name.
            if fields.mapping().entries().is_empty() {
                findings.error_hint(fields.at(), format!("{}: there is no call", fields.owner()), hint);
            }
            return None;
        };
        Self::of(name, of_call, (entry.at, &entry.value), folder, findings)
    }

    fn of(
        name: &'static str,
        of_call: &'static [&'static str],
        (at, node): (Place, &Node),
        folder: &Path,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut pattern =
            Self { at, name, fields: Vec::new(), metadata: Metadata::new(), wanted: Wanted::default(), fails: None };
        if node.is_null() {
            return Some(pattern);
        }
        let mut fields = Fields::open(node, format!("`{name}`"), findings)?;
        for field in of_call {
            if let Some((at, text)) = text(&mut fields, field, findings) {
                pattern.fields.push((field, at, text));
            }
        }
        pattern.metadata = fields.text_map("metadata", findings);
        pattern.wanted = Wanted::read(&mut fields, folder, findings);
        let at = fields.entry("fails").map(|entry| entry.value.at);
        pattern.fails = at.zip(fields.text("fails", findings)).map(|(at, code)| (at, code.to_owned()));
        fields.close(Unknown::Error, findings);
        Some(pattern)
    }

    /// Whether a call is the one that is meant, whatever came of it.
    pub(super) fn describes(&self, call: &Call) -> bool {
        let mut differences = Vec::new();
        self.compare_call("", call, &mut differences);
        differences.is_empty()
    }

    /// What differs, what came of it included.
    pub(super) fn compare(&self, what: &str, call: &Call, differences: &mut Vec<Difference>) {
        self.compare_call(what, call, differences);
        let wanted = self.fails.as_ref().map(|(_, code)| code.as_str());
        // What is denied is a failure by its name.
        if wanted != call.fails && call.name == self.name && call.name != "denied" {
            let at = self.fails.as_ref().map_or(self.at, |(at, _)| *at);
            let [wanted, got] = [wanted, call.fails].map(|code| code.unwrap_or("nothing"));
            differences.push(Difference::new(at, format!("{what} {}.fails", self.name), wanted, got));
        }
    }

    fn compare_call(&self, what: &str, call: &Call, differences: &mut Vec<Difference>) {
        if call.name != self.name {
            return differences.push(Difference::new(self.at, what, self.shown(), call.shown()));
        }
        for (field, at, wanted) in &self.fields {
            let got = call.field(field);
            if got != Some(wanted) {
                let got = got.map_or_else(|| "nothing".to_owned(), |got| shown(got.as_bytes()));
                differences.push(Difference::new(*at, format!("{what} {}.{field}", self.name), wanted.clone(), got));
            }
        }
        for (key, wanted) in &self.metadata {
            let got = call.metadata.get(key);
            if got != Some(wanted) {
                let got = got.map_or("nothing", String::as_str);
                let what = format!("{what} {}.metadata.{key}", self.name);
                differences.push(Difference::new(self.at, what, wanted.clone(), got));
            }
        }
        if !self.wanted.is_any() {
            let got = call.value.as_deref().unwrap_or_default();
            self.wanted.compare(&format!("{what} {}", self.name), got, differences);
        }
    }

    /// As a report shows it.
    pub(super) fn shown(&self) -> String {
        let fields = self.fields.iter().map(|(name, _, text)| format!(" {name}: {text}"));
        let wanted = (!self.wanted.is_any()).then(|| format!(" value: {}", self.wanted.shown()));
        let fails = self.fails.iter().map(|(_, code)| format!(" fails: {code}"));
        self.name.to_owned() + &fields.chain(wanted).chain(fails).collect::<Vec<_>>().join(",")
    }
}

/// A text, or a list of texts as one.
fn text(fields: &mut Fields<'_>, field: &'static str, findings: &mut Findings) -> Option<(Place, String)> {
    let node = fields.node(field)?;
    let text = match node.as_sequence() {
        Some(_) => list(fields.texts(field, findings).into_iter().map(|(_, text)| text)),
        None => fields.text(field, findings)?.to_owned(),
    };
    Some((node.at, text))
}

/// Several names as one field.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
