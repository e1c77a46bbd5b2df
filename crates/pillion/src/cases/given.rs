//! What the fakes hold and answer when a case begins.

use super::{answer::Answer, content::Content};
use bytes::Bytes;
use pillion_api::{
    Metadata, configuration,
    secrets::{Secret, Secrets},
};
use pillion_sidecar::yaml::{Fields, Findings, Node, Unknown};
use std::{collections::BTreeMap, path::Path};

/// The state of the fakes.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) state: BTreeMap<String, BTreeMap<String, Bytes>>,
    pub(super) secrets: BTreeMap<String, Secrets>,
    pub(super) configuration: BTreeMap<String, configuration::Items>,
    /// Owners by store and resource.
    pub(super) locks: BTreeMap<(String, String), String>,
    /// The first that fits is taken.
    pub(super) answers: Vec<Answer>,
}

impl Given {
    /// What a file gives to all of its cases, with what this one gives over it.
    pub(super) fn read(&self, node: &Node, owner: &str, folder: &Path, findings: &mut Findings) -> Self {
        let mut given = self.clone();
        let Some(mut fields) = Fields::open(node, format!("{owner}: `given`"), findings) else { return given };
        for (store, key, value) in nested(&mut fields, "state", findings) {
            given.state.entry(store.to_owned()).or_default().extend(key.map(|key| (key, Content::of_node(value))));
        }
        for (store, key, value) in nested(&mut fields, "secrets", findings) {
            let secrets = given.secrets.entry(store.to_owned()).or_default();
            secrets.extend(key.map(|key| (key.clone(), secret(&key, value))));
        }
        for (store, key, value) in nested(&mut fields, "configuration", findings) {
            let items = given.configuration.entry(store.to_owned()).or_default();
            items.extend(key.map(|key| (key, item(value))));
        }
        for (store, resource, owner) in nested(&mut fields, "locks", findings) {
            let owner = owner.text().unwrap_or_default().to_owned();
            given.locks.extend(resource.map(|resource| ((store.to_owned(), resource), owner)));
        }
        let answers = fields.list("answers", findings);
        let own: Vec<Answer> = answers.iter().filter_map(|node| Answer::read(node, owner, folder, findings)).collect();
        given.answers = own.into_iter().chain(given.answers).collect();
        fields.close(Unknown::Error, findings);
        given
    }
}

/// The entries of a mapping of mappings; a component without entries comes once, without a key.
fn nested<'a>(
    fields: &mut Fields<'a>,
    block: &'static str,
    findings: &mut Findings,
) -> Vec<(&'a str, Option<String>, &'a Node)> {
    let mut all = Vec::new();
    for component in fields.entries(block, findings) {
        all.push((component.key.as_str(), None, &component.value));
        match component.value.as_mapping() {
            Some(mapping) => {
                let entries = mapping.entries().iter();
                all.extend(entries.map(|entry| (component.key.as_str(), Some(entry.key.clone()), &entry.value)));
            }
            None if component.value.is_null() => {}
            None => findings.error(
                component.value.at,
                format!("{}: `{block}.{}` must be a mapping of its keys", fields.owner(), component.key),
            ),
        }
    }
    all
}

/// A text is a secret of one value under its own name, a mapping one of several.
fn secret(key: &str, node: &Node) -> Secret {
    match node.as_mapping() {
        Some(mapping) => {
            let text = |node: &Node| node.as_scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
            Secret(mapping.entries().iter().map(|entry| (entry.key.clone(), text(&entry.value))).collect())
        }
        None => Secret([(key.to_owned(), text_of(node))].into()),
    }
}

fn item(node: &Node) -> configuration::Item {
    configuration::Item { value: text_of(node), version: "1".into(), metadata: Metadata::new() }
}

fn text_of(node: &Node) -> String {
    String::from_utf8_lossy(&Content::of_node(node)).into_owned()
}
