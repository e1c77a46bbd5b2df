//! The one list of built-in components, and what is known of each: its type, version and metadata.
//!
//! A component is one file, the text beside it (`sqlite.yaml` for `sqlite.rs`), and one line in [`BUILT_IN`].

use crate::{
    bindings::{self, OutputBinding},
    clock::{self, Clock},
    http_client::HttpClient,
    middleware,
    pubsub::{self, Broker},
    run::Limits,
    secrets::{self, SecretStore},
    state::{self, StateStore},
    yaml::{self, Node},
};
use pillion_api::{Middleware, Programs};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, LazyLock},
};

/// Opens a component: an `async fn` behind a pointer.
type Open = fn(Init) -> Pin<Box<dyn Future<Output = Opening> + Send>>;

/// The text beside a component and what opens it. A new component is one line here.
const BUILT_IN: &[(&str, Open)] = &[
    (include_str!("state/in_memory.yaml"), state::in_memory::open),
    (include_str!("state/sqlite.yaml"), state::sqlite::open),
    (include_str!("pubsub/in_memory.yaml"), pubsub::in_memory::open),
    (include_str!("secrets/file.yaml"), secrets::file::open),
    (include_str!("secrets/env.yaml"), secrets::env::open),
    (include_str!("bindings/wasm.yaml"), bindings::wasm::open),
    (include_str!("middleware/wasm.yaml"), middleware::wasm::open),
];

/// Metadata that every component of a building block has, by the block's name in a type.
const OF_BLOCK: &[(&str, &str)] =
    &[("state", include_str!("components/state.yaml")), ("pubsub", include_str!("components/pubsub.yaml"))];

/// Every type that Dapr's own documentation lists, one a line.
const KNOWN: &str = include_str!("components/known.txt");

static SPECS: LazyLock<Vec<Spec>> =
    LazyLock::new(|| BUILT_IN.iter().map(|(text, open)| Spec::read(text, *open)).collect());

/// What opening ends with. The error is a sentence.
pub(crate) type Opening = Result<Opened, String>;

/// What a constructor is given.
#[derive(Clone)]
pub(crate) struct Init {
    /// The component's name.
    pub(crate) name: String,
    /// Its metadata with secrets and templates resolved, under the names of its [`Spec`].
    pub(crate) metadata: BTreeMap<String, String>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Bounds of what is held in memory.
    pub(crate) limits: Limits,
    /// The in-memory buses of the run.
    pub(crate) buses: Arc<pubsub::in_memory::Buses>,
    /// The folder that relative paths are relative to.
    pub(crate) directory: PathBuf,
    /// For files that are named by a URL.
    pub(crate) http: HttpClient,
    /// What runs WebAssembly, if anything does.
    pub(crate) programs: Option<Arc<dyn Programs>>,
}

impl Init {
    /// The value of a key, if there is one that isn't empty.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A duration in Go's form or in seconds, or the default.
    pub(crate) fn duration(&self, key: &str, default: std::time::Duration) -> Result<std::time::Duration, String> {
        match self.get(key) {
            None => Ok(default),
            Some(text) => {
                clock::parse_duration(text).ok_or_else(|| format!("metadata `{key}` is no duration: `{text}`"))
            }
        }
    }

    /// A truth value, false unless given.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|text| is_true(text) == Some(true))
    }
}

/// A component that is open.
#[derive(Clone)]
pub(crate) enum Opened {
    State(Arc<dyn StateStore>),
    Pubsub(Arc<dyn Broker>),
    Secrets(Arc<dyn SecretStore>),
    Binding(Arc<dyn OutputBinding>),
    Middleware(Arc<dyn Middleware>),
}

impl Opened {
    pub(crate) fn capabilities(&self) -> &'static [&'static str] {
        match self {
            Self::State(store) => store.capabilities(),
            Self::Pubsub(broker) => broker.capabilities(),
            Self::Secrets(store) => store.capabilities(),
            Self::Binding(_) | Self::Middleware(_) => &[],
        }
    }
}

/// What is known of a type of component.
pub(crate) struct Spec {
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) open: Open,
    keys: Vec<Key>,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.kind)
    }
}

/// One key of a component's metadata.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    aliases: Vec<String>,
    kind: String,
    required: bool,
    /// Whether it changes anything yet.
    pub(crate) acted_on: bool,
    /// Set where going on without it would be unsafe.
    refused: bool,
}

impl Key {
    /// Whether a file means this key. Dapr reads keys without regard to case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    }

    /// Whether a value can be one of this key.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        if self.refused {
            return Err("isn't built in yet, and the component would be less safe without it".to_owned());
        }
        let shown = yaml::shown(value);
        match self.kind.as_str() {
            _ if value.is_empty() => Ok(()),
            "bool" if is_true(value).is_none() => Err(format!("must be `true` or `false`, but is `{shown}`")),
            "duration" if clock::parse_duration(value).is_none() => {
                Err(format!("must be a duration like `5s`, but is `{shown}`"))
            }
            _ => Ok(()),
        }
    }
}

impl Spec {
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.is(name))
    }

    pub(crate) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    pub(crate) fn required(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| key.required)
    }

    /// The texts are compiled in, and a test reads them all.
    fn read(text: &str, open: Open) -> Self {
        let node = document(text);
        let kind = text_of(&node, "type");
        let block = kind.split('.').next().unwrap_or_default();
        let mut keys = keys(&node);
        for (_, common) in OF_BLOCK.iter().filter(|(name, _)| *name == block) {
            keys.extend(self::keys(&document(common)));
        }
        Self { version: text_of(&node, "version"), kind, open, keys }
    }
}

fn document(text: &str) -> Node {
    let documents = yaml::parse(Path::new("built-in"), text);
    documents.ok().and_then(|mut documents| documents.pop()).expect("a text that a test has read")
}

fn text_of(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::text).unwrap_or_default().to_owned()
}

fn keys(node: &Node) -> Vec<Key> {
    let list = node.get("metadata").and_then(Node::as_sequence).unwrap_or_default();
    list.iter().map(key).collect()
}

fn key(node: &Node) -> Key {
    let is = |key: &str| node.get(key).and_then(Node::text) == Some("true");
    let aliases = node.get("aliases").and_then(Node::as_sequence).unwrap_or_default();
    Key {
        name: text_of(node, "name"),
        aliases: aliases.iter().filter_map(Node::text).map(str::to_owned).collect(),
        kind: text_of(node, "type"),
        required: is("required"),
        acted_on: !is("notYet"),
        refused: is("refused"),
    }
}

/// Go's truth values, and `yes`, `y` and `on`, which Dapr's reader takes too.
pub(crate) fn is_true(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" | "on" => Some(true),
        "0" | "f" | "false" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The built-in component of a type. Dapr reads types without regard to case.
pub(crate) fn find(kind: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.kind.eq_ignore_ascii_case(kind))
}

/// Whether daprd has a type that is not built in.
pub(crate) fn known_to_dapr(kind: &str) -> bool {
    KNOWN.lines().any(|known| known.eq_ignore_ascii_case(kind))
}

/// Every built-in type, then every type of Dapr.
pub(crate) fn all_types() -> impl Iterator<Item = &'static str> {
    built_in().chain(KNOWN.lines())
}

/// The built-in types.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    SPECS.iter().map(|spec| spec.kind.as_str())
}

/// What helps who asked for a type that is not built in.
pub(crate) fn instead_of(kind: &str) -> String {
    let block = kind.split('.').next().unwrap_or_default().to_ascii_lowercase();
    // WebAssembly stands in for no other component: it does what its program does.
    let same = built_in().filter(|known| known.split('.').next() == Some(&block) && !known.ends_with(".wasm"));
    let same: Vec<&str> = same.collect();
    match same.is_empty() {
        true => "run beside a real daprd, or remove the component".to_owned(),
        false => format!("use {}, or run beside a real daprd", same.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_component_has_its_text() {
        for spec in SPECS.iter() {
            assert!(spec.kind.contains('.'), "{}", spec.kind);
            assert_eq!(spec.version, "v1", "{}", spec.kind);
            assert!(spec.keys.iter().all(|key| !key.name.is_empty()), "{}", spec.kind);
            assert!(known_to_dapr(&spec.kind), "{} is no type of Dapr", spec.kind);
        }
    }
}
