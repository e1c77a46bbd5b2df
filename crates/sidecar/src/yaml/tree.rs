//! From parser events to nodes, under the limits of this module.

use super::{
    Entry, Findings, MAX_DEPTH, MAX_KEY, MAX_NODES, MAX_TEXT, Mapping, Node, Place, Scalar, Value, shown, shown_up_to,
};
use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Tag, options};
use pillion_api::Diagnostic;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// How much of the parser's own words a message repeats; they may hold names of the file.
const MAX_CAUSE: usize = 300;

/// The documents of a text; those that hold nothing are left out.
pub(super) fn build(file: &Path, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let mut builder = Builder::new(Findings::new(file));
    let stopped = builder.run(text).is_err();
    if stopped || builder.findings.has_errors() {
        return Err(builder.findings.into_vec());
    }
    Ok(builder.documents)
}

/// The rest of the file can't be read; the finding says why.
struct Stop;

struct Builder {
    findings: Findings,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    spent: Cost,
    documents: Vec<Node>,
}

/// A sequence or mapping whose end is still to come.
struct Open {
    at: Place,
    anchor: usize,
    spent_before: Cost,
    value: OpenValue,
}

enum OpenValue {
    Sequence(Vec<Node>),
    Mapping(OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    names: HashSet<String>,
    key: Option<(Scalar, Place)>,
    merged: Vec<Mapping>,
}

/// A node that an alias may copy, and what a copy costs.
struct Anchor {
    node: Node,
    cost: Cost,
}

/// Nodes and bytes of text. Copies are counted before they are made, so a file of a few lines can't grow to gigabytes.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    text: usize,
}

impl Builder {
    fn new(findings: Findings) -> Self {
        Self { findings, open: Vec::new(), anchors: HashMap::new(), spent: Cost::default(), documents: Vec::new() }
    }

    fn run(&mut self, text: &str) -> Result<(), Stop> {
        for event in Parser::new_from_str_with_options(text, limits()) {
            match event {
                Ok((event, span)) => self.event(event, place(&span.start))?,
                Err(error) => return self.stop(place(error.marker()), shown_up_to(MAX_CAUSE, &error.info())),
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, at: Place) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || is_text(tag.as_deref());
                self.check_tag(tag.as_deref(), at, &["str", "int", "float", "bool", "null"]);
                self.scalar(Scalar { text: text.into_owned(), quoted }, anchor, at)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), at, &["seq"]);
                self.begin(OpenValue::Sequence(Vec::new()), anchor, at)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), at, &["map"]);
                self.begin(OpenValue::Mapping(OpenMapping::default()), anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, scalar: Scalar, anchor: usize, at: Place) -> Result<(), Stop> {
        let spent_before = self.spent;
        self.spend(Cost { nodes: 1, text: scalar.text.len() }, at)?;
        self.complete(Node { at, value: Value::Scalar(scalar) }, anchor, spent_before)
    }

    fn begin(&mut self, value: OpenValue, anchor: usize, at: Place) -> Result<(), Stop> {
        if self.open.len() == MAX_DEPTH {
            return self.stop(at, format!("lists and mappings nest deeper than {MAX_DEPTH} levels"));
        }
        let spent_before = self.spent;
        self.spend(Cost { nodes: 1, text: 0 }, at)?;
        self.open.push(Open { at, anchor, spent_before, value });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.value {
            OpenValue::Sequence(items) => Value::Sequence(items),
            OpenValue::Mapping(mapping) => Value::Mapping(mapping.close()),
        };
        self.complete(Node { at: open.at, value }, open.anchor, open.spent_before)
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Result<(), Stop> {
        let Some(Anchor { cost, .. }) = self.anchors.get(&anchor) else {
            return self.stop(at, "an alias stands inside of what it names");
        };
        let (cost, spent_before) = (*cost, self.spent);
        self.spend(cost, at)?;
        let node = self.anchors[&anchor].node.clone();
        self.complete(node, 0, spent_before)
    }

    /// Keeps a copy of an anchored node, and puts the node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, spent_before: Cost) -> Result<(), Stop> {
        if anchor != 0 {
            let cost = self.spent.since(spent_before);
            self.spend(cost, node.at)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), cost });
        }
        match self.open.last_mut().map(|open| &mut open.value) {
            None if node.is_null() => {}
            None => self.documents.push(node),
            Some(OpenValue::Sequence(items)) => items.push(node),
            Some(OpenValue::Mapping(mapping)) => match mapping.key.take() {
                None => return self.key(node),
                Some((key, at)) => mapping.entry(key, at, node, &mut self.findings),
            },
        }
        Ok(())
    }

    fn key(&mut self, node: Node) -> Result<(), Stop> {
        let at = node.at;
        let key = match node.value {
            Value::Scalar(key) if key.is_null() => return self.stop(at, "a key is empty"),
            Value::Scalar(key) if key.text.len() > MAX_KEY => {
                return self.stop(at, format!("a key is longer than {MAX_KEY} bytes"));
            }
            Value::Scalar(key) => key,
            _ => return self.stop(at, "a key must be text, not a list or a mapping"),
        };
        if let Some(Open { value: OpenValue::Mapping(mapping), .. }) = self.open.last_mut() {
            mapping.key = Some((key, at));
        }
        Ok(())
    }

    fn check_tag(&mut self, tag: Option<&Tag>, at: Place, allowed: &[&str]) {
        let Some(tag) = tag.filter(|tag| !is_plain_mark(tag)) else { return };
        if !tag.core_suffix().is_some_and(|suffix| allowed.contains(&suffix)) {
            let message = format!("the tag `{}` is not supported", shown(&tag.original()));
            self.findings.error_hint(at, message, "write the value without a tag");
        }
    }

    fn spend(&mut self, cost: Cost, at: Place) -> Result<(), Stop> {
        self.spent = Cost { nodes: self.spent.nodes + cost.nodes, text: self.spent.text + cost.text };
        if self.spent.nodes > MAX_NODES {
            return self.stop(at, format!("the file holds more than {MAX_NODES} values, copies by aliases included"));
        }
        if self.spent.text > MAX_TEXT {
            return self
                .stop(at, format!("the file holds more than {MAX_TEXT} bytes of text, copies by aliases included"));
        }
        Ok(())
    }

    fn stop(&mut self, at: Place, message: impl Into<String>) -> Result<(), Stop> {
        self.findings.error(at, message);
        Err(Stop)
    }
}

impl OpenMapping {
    fn entry(&mut self, key: Scalar, at: Place, value: Node, findings: &mut Findings) {
        if key.text == "<<" && !key.quoted {
            return self.merge(value, findings);
        }
        if self.names.insert(key.text.clone()) {
            self.entries.push(Entry { key: key.text, at, value });
            return;
        }
        let first = self.entries.iter().find(|entry| entry.key == key.text).map_or(at, |entry| entry.at);
        let message = format!("the key `{}` stands twice in one mapping", shown(&key.text));
        findings.error_hint(at, message, format!("it stands first in line {}; delete one of the two", first.0));
    }

    fn merge(&mut self, value: Node, findings: &mut Findings) {
        let sources = match value.value {
            Value::Sequence(items) => items,
            _ => vec![value],
        };
        for source in sources {
            match source.value {
                Value::Mapping(mapping) => self.merged.push(mapping),
                _ => findings.error(source.at, format!("`<<` takes mappings, not {}", source.kind())),
            }
        }
    }

    /// What is merged gives way to what the mapping says itself, and a later source to an earlier one.
    fn close(mut self) -> Mapping {
        for entry in self.merged.into_iter().flat_map(|mapping| mapping.0) {
            if self.names.insert(entry.key.clone()) {
                self.entries.push(entry);
            }
        }
        Mapping(self.entries)
    }
}

impl Cost {
    fn since(self, earlier: Self) -> Self {
        Self { nodes: self.nodes - earlier.nodes, text: self.text - earlier.text }
    }
}

/// Directives only rename tags, which are refused anyway.
fn limits() -> Options {
    let mut options = options! {
        disallow_directives: false,
        flow_nesting_limit: 2 * MAX_DEPTH,
        block_nesting_limit: 2 * MAX_DEPTH,
    };
    options.set_emit_comments(false);
    options
}

fn place(mark: &Marker) -> Place {
    (mark.line(), mark.col() + 1)
}

/// A lone `!` says that a scalar is text; a core tag says it by name.
fn is_text(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| is_plain_mark(tag) || tag.core_suffix() == Some("str"))
}

fn is_plain_mark(tag: &Tag) -> bool {
    tag.original() == "!"
}
