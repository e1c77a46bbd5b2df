//! The Component resource: which kind of component, with which metadata, for which apps.

use super::{Handler, Origin, load::Head};
use crate::{
    clock,
    components::{self, Spec},
    yaml::{Fields, Findings, Node, Place, Unknown, shown},
};
use pillion_api::{Diagnostic, diagnostic::Severity};
use std::{path::PathBuf, time::Duration};

/// How long a component may take to open, unless it says otherwise; Dapr's default.
const DEFAULT_INIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A component of one of the built-in types.
#[derive(Clone, Debug)]
pub struct Component {
    /// The name that apps use.
    pub name: String,
    /// The namespace that it is for.
    pub namespace: Option<String>,
    /// `spec.type`.
    pub kind: String,
    /// `spec.version`.
    pub version: String,
    /// How long it may take to open.
    pub init_timeout: Duration,
    /// Whether the start goes on without it.
    pub ignore_errors: bool,
    /// `spec.metadata`.
    pub metadata: Vec<MetadataItem>,
    /// The secret store that `secretKeyRef` reads.
    pub secret_store: Option<String>,
    /// The apps that it is for; empty is all.
    pub scopes: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
    /// What is known of its type.
    pub(crate) spec: &'static Spec,
}

/// One pair of `spec.metadata`.
#[derive(Clone, Debug)]
pub struct MetadataItem {
    /// The key, spelt as in the file.
    pub name: String,
    /// Its value, or where to get it.
    pub value: MetadataValue,
    /// Where it stands.
    pub at: Place,
}

/// A value, or where to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataValue {
    /// Written out.
    Plain(String),
    /// A value of a secret.
    Secret {
        /// The secret.
        name: String,
        /// Which of its values.
        key: String,
    },
    /// An environment variable of the sidecar.
    Env(String),
}

impl Component {
    /// A component of a built-in type without metadata, which no file names; none where there is no such type. `place` is
    /// another for each, so that no two are taken for the same.
    pub(super) fn made(name: &str, kind: &str, place: usize) -> Option<Self> {
        let spec = components::find(kind)?;
        Some(Self {
            name: name.to_owned(),
            namespace: None,
            kind: spec.kind.clone(),
            version: spec.version.clone(),
            init_timeout: DEFAULT_INIT_TIMEOUT,
            ignore_errors: false,
            metadata: Vec::new(),
            secret_store: None,
            scopes: Vec::new(),
            origin: Origin { file: PathBuf::new(), document: place, at: (1, 1) },
            spec,
        })
    }

    /// Whether a pipeline means this one.
    pub(crate) fn is_handler(&self, handler: &Handler) -> bool {
        self.name == handler.name && self.kind.eq_ignore_ascii_case(&handler.kind) && self.version == handler.version
    }

    pub(super) fn read(fields: &mut Fields<'_>, head: Head, findings: &mut Findings) -> Option<Self> {
        let spec_node = fields.required("spec", findings)?;
        let secret_store = read_auth(fields, findings);
        let mut spec = Fields::open(spec_node, format!("`spec` of component `{}`", head.name), findings)?;
        let kind = spec.required_text("type", findings)?;
        let ignore_errors = spec.flag("ignoreErrors", findings).unwrap_or(false);
        let version = spec.text("version", findings).unwrap_or("v1");
        let init_timeout = spec.text("initTimeout", findings).and_then(clock::parse_go_duration);
        let metadata = read_items(&mut spec, "metadata", findings);
        let type_at = spec_node.get("type").map_or(spec_node.at, |node| node.at);
        spec.close(Unknown::Warning, findings);
        let known = find_type(&head.name, kind, type_at, ignore_errors, findings)?;
        check_version(&head.name, known, version, spec_node, findings);
        check_metadata(&head.name, known, &metadata, spec_node.at, findings);
        Some(Self {
            name: head.name,
            namespace: head.namespace,
            kind: known.kind.clone(),
            version: version.to_owned(),
            init_timeout: init_timeout.unwrap_or(DEFAULT_INIT_TIMEOUT),
            ignore_errors,
            metadata,
            secret_store,
            scopes: head.scopes,
            origin: head.origin,
            spec: known,
        })
    }
}

pub(super) fn read_auth(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<String> {
    let node = fields.node("auth")?;
    let mut auth = Fields::open(node, "`auth`", findings)?;
    let store = auth.text("secretStore", findings).map(str::to_owned);
    auth.close(Unknown::Warning, findings);
    store
}

/// Reads a list of names with values, as `spec.metadata` and the headers of an HTTPEndpoint are.
pub(super) fn read_items(spec: &mut Fields<'_>, key: &'static str, findings: &mut Findings) -> Vec<MetadataItem> {
    let owner = spec.owner().to_owned();
    let nodes = spec.list(key, findings);
    nodes.iter().filter_map(|node| read_item(node, format!("an entry of `{key}` in {owner}"), findings)).collect()
}

fn read_item(node: &Node, owner: String, findings: &mut Findings) -> Option<MetadataItem> {
    let mut item = Fields::open(node, owner, findings)?;
    let name = item.required_text("name", findings)?.to_owned();
    let plain = item.node("value").map(|value| match value.as_scalar() {
        Some(scalar) => scalar.text.clone(),
        None => value.to_json().to_string(),
    });
    let secret = item.node("secretKeyRef").and_then(|node| read_secret_ref(node, &name, findings));
    let env = item.text("envRef", findings).map(|name| (item.at(), name.to_owned()));
    if let Some((at, variable)) = &env {
        check_env_ref(*at, variable, findings);
    }
    let value = match (secret, env, plain) {
        (Some(secret), ..) => secret,
        (None, Some((_, variable)), _) => MetadataValue::Env(variable),
        (None, None, plain) => MetadataValue::Plain(plain.unwrap_or_default()),
    };
    item.close(Unknown::Warning, findings);
    Some(MetadataItem { name, value, at: node.at })
}

fn read_secret_ref(node: &Node, owner: &str, findings: &mut Findings) -> Option<MetadataValue> {
    let mut reference = Fields::open(node, format!("`secretKeyRef` of `{}`", shown(owner)), findings)?;
    let name = reference.required_text("name", findings)?.to_owned();
    let key = reference.text("key", findings).unwrap_or(&name).to_owned();
    reference.close(Unknown::Warning, findings);
    Some(MetadataValue::Secret { name, key })
}

/// daprd refuses its own variables, so that a component can't hand its tokens on.
fn check_env_ref(at: Place, variable: &str, findings: &mut Findings) {
    let upper = variable.to_ascii_uppercase();
    if upper == "APP_API_TOKEN" || upper.starts_with("DAPR_") || variable.contains(' ') {
        findings.error(at, format!("`envRef: {}` names a variable that components may not read", shown(variable)));
    }
}

fn find_type(name: &str, kind: &str, at: Place, ignored: bool, findings: &mut Findings) -> Option<&'static Spec> {
    if let Some(spec) = components::find(kind) {
        return Some(spec);
    }
    // A component that may fail does not stop the start, as in Dapr.
    let severity = if ignored { Severity::Warning } else { Severity::Error };
    if components::known_to_dapr(kind) {
        let message = format!("component `{name}`: `{kind}` isn't built in yet");
        let place = Diagnostic { severity, ..Diagnostic::error(findings.file(), message) }.at(at.0, at.1);
        findings.push(place.hint(components::instead_of(kind)));
    } else {
        let message = format!("component `{name}`: unknown type `{}`", shown(kind));
        findings.unknown(severity, at, message, kind, components::all_types());
    }
    None
}

fn check_version(name: &str, known: &Spec, version: &str, spec: &Node, findings: &mut Findings) {
    if version != known.version {
        let at = spec.get("version").map_or(spec.at, |node| node.at);
        let message = format!("component `{name}`: `{}` has no version `{}`", known.kind, shown(version));
        findings.error_hint(at, message, format!("write `version: {}`", known.version));
    }
}

fn check_metadata(name: &str, known: &Spec, items: &[MetadataItem], at: Place, findings: &mut Findings) {
    for item in items {
        let Some(key) = known.key(&item.name) else {
            let message = format!("component `{name}`: `{}` has no metadata `{}`", known.kind, shown(&item.name));
            findings.unknown(Severity::Warning, item.at, message, &item.name, known.key_names());
            continue;
        };
        if !key.acted_on {
            findings.warning(item.at, format!("component `{name}`: metadata `{}` is not acted on yet", key.name));
        }
        if let MetadataValue::Plain(value) = &item.value
            && let Err(wrong) = key.check(value)
        {
            findings.error(item.at, format!("component `{name}`: metadata `{}` {wrong}", key.name));
        }
    }
    for key in known.required() {
        if !items.iter().any(|item| key.is(&item.name)) {
            let message =
                format!("component `{name}`: metadata `{}` is missing, which `{}` needs", key.name, known.kind);
            findings.error(at, message);
        }
    }
}
