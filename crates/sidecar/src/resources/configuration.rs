//! The Configuration resource. Secret scopes are acted on; everything else is named in a warning.

use super::{Origin, load::Head};
use crate::yaml::{Fields, Findings, Node, Unknown};

/// Parts of `spec` that are read by Dapr and not acted on yet.
const NOT_YET: [&str; 14] = [
    "tracing",
    "metrics",
    "metric",
    "mtls",
    "accessControl",
    "httpPipeline",
    "appHttpPipeline",
    "nameResolution",
    "features",
    "api",
    "components",
    "logging",
    "wasm",
    "workflow",
];

/// What is acted on of a Configuration.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `metadata.name`.
    pub name: String,
    /// The namespace that it is for.
    pub namespace: Option<String>,
    /// Which secrets apps may read.
    pub secret_scopes: Vec<SecretScope>,
    /// Where it stands.
    pub origin: Origin,
}

/// Which secrets of one store apps may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretScope {
    /// The secret store.
    pub store: String,
    /// Whether secrets in neither list may be read.
    pub deny_by_default: bool,
    /// If not empty, the only secrets that may be read.
    pub allowed: Vec<String>,
    /// Secrets that may not be read.
    pub denied: Vec<String>,
}

impl SecretScope {
    /// Whether a secret may be read.
    pub fn allows(&self, secret: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|name| name == secret);
        if !self.allowed.is_empty() {
            return names(&self.allowed);
        }
        !names(&self.denied) && !self.deny_by_default
    }
}

impl Configuration {
    pub(super) fn read(fields: &mut Fields<'_>, head: Head, findings: &mut Findings) -> Option<Self> {
        let mut secret_scopes = Vec::new();
        if let Some(node) = fields.node("spec") {
            let mut spec = Fields::open(node, format!("`spec` of configuration `{}`", head.name), findings)?;
            for part in NOT_YET {
                if let Some(entry) = spec.entry(part) {
                    let message = format!("configuration `{}`: `{part}` is not acted on yet", head.name);
                    findings.warning(entry.at, message);
                }
            }
            if let Some(secrets) = spec.node("secrets") {
                secret_scopes = read_scopes(secrets, findings);
            }
            spec.close(Unknown::Warning, findings);
        }
        Some(Self { name: head.name, namespace: head.namespace, secret_scopes, origin: head.origin })
    }
}

fn read_scopes(node: &Node, findings: &mut Findings) -> Vec<SecretScope> {
    let Some(mut secrets) = Fields::open(node, "`secrets`", findings) else { return Vec::new() };
    let nodes = secrets.list("scopes", findings);
    let scopes = nodes.iter().filter_map(|node| read_scope(node, findings)).collect();
    secrets.close(Unknown::Warning, findings);
    scopes
}

fn read_scope(node: &Node, findings: &mut Findings) -> Option<SecretScope> {
    let mut scope = Fields::open(node, "a scope of `secrets`", findings)?;
    let store = scope.required_text("storeName", findings)?.to_owned();
    let access = |text: &str| match text.to_ascii_lowercase().as_str() {
        "allow" => Ok(false),
        "deny" => Ok(true),
        _ => Err("must be `allow` or `deny`".to_owned()),
    };
    let deny_by_default = scope.parsed("defaultAccess", access, findings).unwrap_or(false);
    let mut names = |key| scope.texts(key, findings).into_iter().map(|(_, name)| name.to_owned()).collect();
    let (allowed, denied) = (names("allowedSecrets"), names("deniedSecrets"));
    scope.close(Unknown::Warning, findings);
    Some(SecretScope { store, deny_by_default, allowed, denied })
}
