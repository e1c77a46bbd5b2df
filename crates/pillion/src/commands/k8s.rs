//! `pillion k8s`: a run file as Kubernetes has it: a Deployment with Dapr's annotations for each app of guests, and the
//! resources that lie beside it. Nothing is sent anywhere: what is printed is for `kubectl apply -f -`.

use crate::{
    flags::K8s,
    manifest::{App, AppProtocol, Manifest},
    print,
};
use anyhow::{Context, Result, bail, ensure};
use pillion_sidecar::yaml;
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The port of health and metrics in the container; Dapr's own sidecar takes 9090 of the pod.
const METRICS_PORT: u16 = 9095;
/// The port of an app that the file leaves open.
const APP_PORT: u16 = 8080;
/// A file of resources that is copied.
const MAX_FILE: u64 = 1 << 20;
/// Kinds that are of use to daprd in a cluster.
const KINDS: [&str; 5] = ["Component", "Subscription", "Configuration", "Resiliency", "HTTPEndpoint"];
/// Components that work on one machine only, by how their type begins.
const LOCAL: [&str; 6] = [
    "state.in-memory",
    "state.sqlite",
    "pubsub.in-memory",
    "secretstores.local",
    "bindings.localstorage",
    "crypto.dapr.localstorage",
];

/// Prints the documents.
pub(crate) fn run(flags: K8s) -> Result<ExitCode> {
    let manifest = super::unbuilt_manifest(flags.file.path())?;
    let namespace = flags.namespace.as_deref();
    if let Some(namespace) = namespace {
        ensure!(is_label(namespace), "`{namespace}` can't be a namespace of Kubernetes");
    }
    let mut documents = Vec::new();
    for app in &manifest.apps {
        if app.wasm().is_none() {
            print::problem(&format!("warning: app `{}` is left out: it is no app of guests", app.app_id));
            continue;
        }
        for name in app.wasm().into_iter().flat_map(|wasm| wasm.databases.keys()) {
            print::problem(&format!(
                "warning: app `{}`: database `{name}` is a file of one machine: mount a volume there, and keep to one replica",
                app.app_id
            ));
        }
        documents.push(deployment(app, &manifest, &flags.image, flags.replicas, namespace)?);
    }
    if documents.is_empty() {
        bail!("`{}` has no app of guests", manifest.path.display());
    }
    for file in resource_files(&manifest) {
        documents.push(resources(&file)?);
    }
    if let Some(namespace) = namespace {
        print::problem(&format!(
            "note: resources are printed as they stand: `kubectl apply -n {namespace} -f -` puts them beside the apps"
        ));
    }
    print::line(documents.join("---\n").trim_end());
    Ok(ExitCode::SUCCESS)
}

/// A name as Kubernetes takes it (RFC 1123): small letters, digits and `-`, at most 63.
fn is_label(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    inner && text.len() <= 63 && ends(text.chars().next()) && ends(text.chars().last())
}

fn quoted(text: &str) -> String {
    // Text of JSON is text of YAML.
    serde_json::Value::from(text).to_string()
}

fn deployment(app: &App, manifest: &Manifest, image: &str, replicas: u32, namespace: Option<&str>) -> Result<String> {
    let id = &app.app_id;
    ensure!(is_label(id), "app `{id}`: Kubernetes takes small letters, digits and `-`, at most 63");
    let id = quoted(id);
    let port = if app.app_port == 0 { APP_PORT } else { app.app_port };
    let file = manifest.path.file_name().map_or_else(|| "dapr.yaml".into(), |name| name.to_string_lossy());
    let mut annotations = String::new();
    for (key, value) in annotations_of(app, port)? {
        let _ = writeln!(annotations, "        dapr.io/{key}: {}", quoted(&value));
    }
    let mut env = String::new();
    for (name, value) in &app.env {
        let _ = writeln!(env, "            - {{ name: {}, value: {} }}", quoted(name), quoted(value));
    }
    let env = if env.is_empty() { env } else { format!("          env:\n{env}") };
    let namespace = namespace.map(|name| format!("\n  namespace: {}", quoted(name))).unwrap_or_default();
    Ok(format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {id}{namespace}
  labels: {{ app: {id} }}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{ app: {id} }}
  template:
    metadata:
      labels: {{ app: {id} }}
      annotations:
{annotations}    spec:
      automountServiceAccountToken: false
      securityContext: {{ runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{ type: RuntimeDefault }} }}
      containers:
        - name: app
          image: {image}
          args: [serve, --run-file, {file}, --app-id, {id}, --app-port, \"{port}\", --metrics-port, \"{METRICS_PORT}\", --listen-address, 0.0.0.0]
{env}          ports:
            - {{ name: app, containerPort: {port} }}
            - {{ name: metrics, containerPort: {METRICS_PORT} }}
          readinessProbe:
            httpGet: {{ path: /readyz, port: metrics }}
          livenessProbe:
            httpGet: {{ path: /healthz, port: metrics }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{ drop: [ALL] }}
          volumeMounts:
            - {{ name: cache, mountPath: /cache }}
      volumes:
        - {{ name: cache, emptyDir: {{}} }}
",
        image = quoted(image),
        file = quoted(&format!("/app/{file}")),
    ))
}

/// Dapr's annotations, without `dapr.io/`.
fn annotations_of(app: &App, port: u16) -> Result<Vec<(&'static str, String)>> {
    let mut all = vec![
        ("enabled", "true".to_owned()),
        // It needs the token of the service account, which the pod doesn't have; the operator resolves secrets without it.
        ("disable-builtin-k8s-secret-store", "true".to_owned()),
        ("app-id", app.app_id.clone()),
        ("app-port", port.to_string()),
        ("app-protocol", if app.app_protocol == AppProtocol::Grpc { "grpc" } else { "http" }.to_owned()),
    ];
    if let Some(path) = app.config_path.as_ref().filter(|path| !is_machines(path))
        && let Some(name) = name_of(path, "Configuration")?
    {
        all.push(("config", name));
    }
    if let Some(level) = &app.log_level {
        all.push(("log-level", level.clone()));
    }
    if let Some(count) = app.app_max_concurrency {
        all.push(("app-max-concurrency", count.to_string()));
    }
    if let Some(check) = &app.health_check {
        all.push(("enable-app-health-check", "true".to_owned()));
        all.push(("app-health-check-path", check.path.clone()));
    }
    if app.max_body_size != crate::manifest::MAX_BODY_SIZE {
        all.push(("max-body-size", app.max_body_size.to_string()));
    }
    Ok(all)
}

/// The name of the first resource of a kind in a file.
fn name_of(path: &Path, kind: &str) -> Result<Option<String>> {
    let documents = yaml::load(path).map_err(|findings| refused(findings.first()))?;
    let found = documents.iter().find(|document| document.get("kind").and_then(yaml::Node::text) == Some(kind));
    Ok(found.and_then(|document| Some(document.get("metadata")?.get("name")?.text()?.to_owned())))
}

fn refused(finding: Option<&pillion_api::Diagnostic>) -> anyhow::Error {
    anyhow::anyhow!("{}", finding.map_or_else(|| "a resource can't be read".to_owned(), ToString::to_string))
}

/// Each file of resources once, in the order of the apps. `~/.dapr`, which is of this machine, is left out.
fn resource_files(manifest: &Manifest) -> Vec<PathBuf> {
    let is_own = |path: &&PathBuf| !is_machines(path);
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for app in manifest.apps.iter().filter(|app| app.wasm().is_some()) {
        for path in app.resources_paths.iter().chain(&app.config_path).filter(is_own) {
            for file in files_of(path) {
                if seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                    files.push(file);
                }
            }
        }
    }
    files
}

/// Whether it lies in `~/.dapr`, which is of this machine.
fn is_machines(path: &Path) -> bool {
    let places = super::places();
    [places.home, places.runtime].into_iter().flatten().any(|folder| path.starts_with(folder.join(".dapr")))
}

fn files_of(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file() && is_yaml(path)).collect();
    files.sort();
    files
}

/// The text of a file as it stands there; those that only daprd on this machine could use are warned of.
fn resources(file: &Path) -> Result<String> {
    let shown = || format!("`{}`", file.display());
    let documents = yaml::load(file).map_err(|findings| refused(findings.first()))?;
    let length = fs::metadata(file).with_context(shown)?.len();
    ensure!(length <= MAX_FILE, "{} has more than {MAX_FILE} bytes", shown());
    for document in &documents {
        let text = |node: Option<&yaml::Node>| node.and_then(yaml::Node::text).unwrap_or_default().to_owned();
        let kind = text(document.get("kind"));
        ensure!(KINDS.contains(&kind.as_str()), "{}: a `{kind}` is no resource of Dapr's", shown());
        let component = text(document.get("spec").and_then(|spec| spec.get("type")));
        if LOCAL.iter().any(|local| component.starts_with(local)) {
            let name = text(document.get("metadata").and_then(|metadata| metadata.get("name")));
            print::problem(&format!(
                "warning: component `{name}` ({component}) keeps what it has on one machine: replace it by one of the cluster's"
            ));
        }
    }
    let whole = fs::read_to_string(file).with_context(shown)?;
    // What stands between two documents stands there already.
    Ok(format!("{}\n", whole.trim().trim_start_matches("---").trim()))
}
