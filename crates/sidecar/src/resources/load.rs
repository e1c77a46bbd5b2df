//! Finds the files, reads their documents, and sorts them by kind.

use super::{
    Component, Configuration, DeclaredSubscription, Handler, HttpEndpoint, MAX_FILES, Origin, Resiliency, Resources,
};
use crate::yaml::{self, Fields, Findings, Node, Unknown, shown};
use pillion_api::{Diagnostic, diagnostic::Severity};
use std::path::{Path, PathBuf};

/// The kinds that are read; all others are ignored with a warning.
const READ: [&str; 5] = ["Component", "Subscription", "Configuration", "Resiliency", "HTTPEndpoint"];

impl Resources {
    /// Reads every `*.yaml` and `*.yml` directly in each folder, and each file, in order of name and document. What is
    /// wrong is in [`diagnostics`](Self::diagnostics).
    pub fn load(paths: &[PathBuf]) -> Self {
        let mut resources = Self::default();
        for path in paths {
            match files(path) {
                Ok(files) => files.iter().for_each(|file| resources.read(file)),
                Err(diagnostic) => resources.diagnostics.push(diagnostic),
            }
        }
        resources.refuse_duplicates();
        resources.name_missing_handlers();
        resources
    }

    fn read(&mut self, file: &Path) {
        let documents = match yaml::load(file) {
            Ok(documents) => documents,
            Err(diagnostics) => return self.diagnostics.extend(diagnostics),
        };
        let mut findings = Findings::new(file);
        for (number, node) in documents.iter().enumerate() {
            let origin = Origin { file: file.to_owned(), document: number, at: node.at };
            self.read_document(node, origin, &mut findings);
        }
        self.diagnostics.extend(findings.into_vec());
    }

    fn read_document(&mut self, node: &Node, origin: Origin, findings: &mut Findings) {
        let Some(mut document) = Fields::open(node, "the resource", findings) else { return };
        let Some(kind) = document.required_text("kind", findings) else { return };
        if !READ.contains(&kind) {
            return ignore(kind, node, findings);
        }
        let api_version = document.text("apiVersion", findings).unwrap_or_default();
        let Some(head) = Head::read(&mut document, kind, origin, findings) else { return };
        document.rename(format!("{kind} `{}`", head.name));
        let versions = match kind {
            "Subscription" => &["dapr.io/v1alpha1", "dapr.io/v2alpha1"][..],
            _ => &["dapr.io/v1alpha1"][..],
        };
        if !versions.contains(&api_version) {
            let at = node.get("apiVersion").map_or(node.at, |version| version.at);
            let message = format!("{kind} `{}`: `apiVersion` is `{}`", head.name, shown(api_version));
            return findings.error_hint(at, message, format!("write `apiVersion: {}`", versions[versions.len() - 1]));
        }
        let fields = &mut document;
        match kind {
            "Component" => self.components.extend(Component::read(fields, head, findings)),
            "Subscription" => {
                let v2 = api_version.ends_with("v2alpha1");
                self.subscriptions.extend(DeclaredSubscription::read(fields, head, v2, findings));
            }
            "Configuration" => self.configurations.extend(Configuration::read(fields, head, findings)),
            "HTTPEndpoint" => self.http_endpoints.extend(HttpEndpoint::read(fields, head, findings)),
            "Resiliency" => {
                fields.node("spec");
                findings.warning(
                    node.at,
                    format!("Resiliency `{}` is read, but its policies are not acted on yet", head.name),
                );
                self.resiliencies.push(Resiliency { name: head.name, scopes: head.scopes, origin: head.origin });
            }
            // `READ` names no other.
            _ => {}
        }
        document.close(Unknown::Warning, findings);
    }

    fn refuse_duplicates(&mut self) {
        for (at, component) in self.components.iter().enumerate() {
            let same = |other: &&Component| other.name == component.name && other.namespace == component.namespace;
            let Some(existing) = self.components[..at].iter().find(same) else { continue };
            let message = format!(
                "duplicate definition of Component name {} ({}/{}) with existing {} ({}/{})",
                component.name, component.kind, component.version, existing.name, existing.kind, existing.version
            );
            let (line, column) = component.origin.at;
            let other = format!("{}:{}", existing.origin.file.display(), existing.origin.at.0);
            self.diagnostics.push(
                Diagnostic::error(&component.origin.file, message)
                    .at(line, column)
                    .hint(format!("the other one is in {other}; rename or remove one of them")),
            );
        }
    }
}

impl Resources {
    /// daprd leaves a handler out whose component isn't there, and says nothing.
    fn name_missing_handlers(&mut self) {
        for configuration in &self.configurations {
            let pipelines =
                [("httpPipeline", &configuration.http_pipeline), ("appHttpPipeline", &configuration.app_http_pipeline)];
            for (pipeline, handlers) in pipelines {
                for handler in handlers.iter().flatten() {
                    if self.components.iter().any(|component| component.is_handler(handler)) {
                        continue;
                    }
                    let Handler { name, kind, at: (line, column), .. } = handler;
                    let message = format!(
                        "configuration `{}`: `{pipeline}` names `{}` ({}), and there is no such component: it is left out",
                        configuration.name,
                        shown(name),
                        shown(kind)
                    );
                    self.diagnostics.push(Diagnostic::warning(&configuration.origin.file, message).at(*line, *column));
                }
            }
        }
    }
}

/// What every resource has: name, namespace, scopes.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) origin: Origin,
}

impl Head {
    fn read(document: &mut Fields<'_>, kind: &str, origin: Origin, findings: &mut Findings) -> Option<Self> {
        let metadata = document.required("metadata", findings)?;
        let mut metadata = Fields::open(metadata, format!("`metadata` of the {}", shown(kind)), findings)?;
        let name = metadata.required_text("name", findings)?;
        if name.contains(['/', '?', '#', '%', ' ']) {
            let message = format!("the name `{}` of the {} can't stand in a URL path", shown(name), shown(kind));
            findings.error(metadata.at(), message);
            return None;
        }
        let namespace = metadata.text("namespace", findings).map(str::to_owned);
        let scopes = document.texts("scopes", findings).into_iter().map(|(_, scope)| scope.to_owned()).collect();
        Some(Self { name: name.to_owned(), namespace, scopes, origin })
    }
}

fn ignore(kind: &str, node: &Node, findings: &mut Findings) {
    let at = node.get("kind").map_or(node.at, |kind| kind.at);
    let message = format!("the kind `{}` is ignored", shown(kind));
    findings.unknown(Severity::Warning, at, message, kind, READ);
}

/// The YAML files of a path, sorted by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        let cause = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such folder or file".to_owned(),
            _ => error.to_string(),
        };
        Diagnostic::error(path, format!("can't read the resources: {cause}"))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !yaml || !file.is_file() {
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(Diagnostic::error(path, format!("more than {MAX_FILES} YAML files in one resources folder")));
        }
        files.push(file);
    }
    files.sort();
    Ok(files)
}
