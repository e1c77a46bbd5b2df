//! The HTTPEndpoint resource: a name for a service outside, with headers that go along.

use super::{MetadataItem, Origin, component, load::Head};
use crate::yaml::{Fields, Findings, Unknown, shown};

/// A service outside that apps invoke by name.
#[derive(Clone, Debug)]
pub struct HttpEndpoint {
    /// The name that apps use.
    pub name: String,
    /// The namespace that it is for.
    pub namespace: Option<String>,
    /// Where its paths begin.
    pub base_url: String,
    /// Headers of each request.
    pub headers: Vec<MetadataItem>,
    /// The secret store that `secretKeyRef` reads.
    pub secret_store: Option<String>,
    /// The apps that it is for; empty is all.
    pub scopes: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

impl HttpEndpoint {
    pub(super) fn read(fields: &mut Fields<'_>, head: Head, findings: &mut Findings) -> Option<Self> {
        let node = fields.required("spec", findings)?;
        let secret_store = component::read_auth(fields, findings);
        let mut spec = Fields::open(node, format!("`spec` of HTTPEndpoint `{}`", head.name), findings)?;
        let base_url = spec.required_text("baseUrl", findings)?.to_owned();
        if let Err(wrong) = crate::http_client::parse_base(&base_url) {
            let at = node.get("baseUrl").map_or(node.at, |node| node.at);
            findings.error(at, format!("HTTPEndpoint `{}`: `baseUrl: {}` {wrong}", head.name, shown(&base_url)));
        }
        let headers = component::read_items(&mut spec, "headers", findings);
        if let Some(entry) = spec.entry("clientTLS") {
            findings.warning(entry.at, format!("HTTPEndpoint `{}`: `clientTLS` is not acted on yet", head.name));
        }
        spec.close(Unknown::Warning, findings);
        Some(Self {
            name: head.name,
            namespace: head.namespace,
            base_url,
            headers,
            secret_store,
            scopes: head.scopes,
            origin: head.origin,
        })
    }
}
