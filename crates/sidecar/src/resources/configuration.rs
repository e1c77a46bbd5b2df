//! The Configuration resource. Secret scopes, pipelines and the sandbox of WebAssembly are acted on; everything else is named
//! in a warning.

use super::{Origin, load::Head};
use crate::yaml::{Fields, Findings, Node, Place, Unknown};

/// Parts of `spec` that are read by Dapr and not acted on yet.
const NOT_YET: [&str; 11] = [
    "tracing",
    "metrics",
    "metric",
    "mtls",
    "accessControl",
    "nameResolution",
    "features",
    "api",
    "components",
    "logging",
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
    /// What stands before Dapr's HTTP API, if it says so.
    pub http_pipeline: Option<Vec<Handler>>,
    /// What stands between the sidecar and its app, if it says so.
    pub app_http_pipeline: Option<Vec<Handler>>,
    /// Whether all WebAssembly of components is strictly sandboxed.
    pub strict_sandbox: bool,
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

/// A handler of a pipeline: a component of the building block `middleware.http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The component.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// Where it stands.
    pub at: Place,
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
        let (mut secret_scopes, mut strict_sandbox) = (Vec::new(), false);
        let [mut http_pipeline, mut app_http_pipeline] = [None, None];
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
            http_pipeline = spec.node("httpPipeline").map(|node| read_pipeline(node, "`httpPipeline`", findings));
            app_http_pipeline =
                spec.node("appHttpPipeline").map(|node| read_pipeline(node, "`appHttpPipeline`", findings));
            if let Some(wasm) = spec.node("wasm").and_then(|node| Fields::open(node, "`wasm`", findings)) {
                strict_sandbox = read_sandbox(wasm, findings);
            }
            spec.close(Unknown::Warning, findings);
        }
        let Head { name, namespace, origin, .. } = head;
        Some(Self { name, namespace, secret_scopes, http_pipeline, app_http_pipeline, strict_sandbox, origin })
    }
}

fn read_pipeline(node: &Node, owner: &'static str, findings: &mut Findings) -> Vec<Handler> {
    let Some(mut pipeline) = Fields::open(node, owner, findings) else { return Vec::new() };
    let nodes = pipeline.list("handlers", findings);
    let handlers = nodes.iter().filter_map(|node| read_handler(node, owner, findings)).collect();
    pipeline.close(Unknown::Warning, findings);
    handlers
}

fn read_handler(node: &Node, owner: &str, findings: &mut Findings) -> Option<Handler> {
    let mut handler = Fields::open(node, format!("a handler of {owner}"), findings)?;
    let name = handler.required_text("name", findings)?.to_owned();
    let kind = handler.required_text("type", findings)?.to_owned();
    let version = handler.text("version", findings).unwrap_or("v1").to_owned();
    // What it selects by is not acted on by daprd either.
    handler.node("selector");
    handler.close(Unknown::Warning, findings);
    Some(Handler { name, kind, version, at: node.at })
}

fn read_sandbox(mut wasm: Fields<'_>, findings: &mut Findings) -> bool {
    let strict = wasm.flag("strictSandbox", findings).unwrap_or(false);
    wasm.close(Unknown::Warning, findings);
    strict
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
