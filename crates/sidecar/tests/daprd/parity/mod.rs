//! One table of calls, asked of `Embedded` and of a real daprd with the same resources: every difference in value, status,
//! code, text or details is a failure, unless it is listed with its reason.

mod absent;
mod invoke;
mod known;
mod messages;
mod secrets;
mod shown;
mod state;

use crate::{
    app::NativeApp,
    process::{Ports, Process, Start, tools, write_config},
};
use pillion_api::Sidecar;
use pillion_sidecar::{
    Daprd, Embedded, EmbeddedConfig, RemoteApp, Resources, Run, remote_app::Protocol, run::RunConfig,
};
use shown::Log;
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::time::Instant;

const APP_ID: &str = "parity";

/// Both sidecars of one app, each with resources of its own folder that say the same.
struct Both {
    embedded: Arc<Embedded>,
    daprd: Daprd,
    _process: Process,
    app: NativeApp,
    folders: [TempDir; 2],
    differences: Vec<String>,
}

impl Both {
    async fn start(tools: &Path, resources: impl Fn(&Path, u16) -> String, config: &str) -> Self {
        let app = NativeApp::start().await;
        let folders = [(); 2].map(|()| TempDir::new().expect("a folder"));
        for folder in &folders {
            write_config(folder.path(), config);
            let text = resources(folder.path(), app.port);
            std::fs::write(folder.path().join("resources/all.yaml"), text).expect("a file");
        }
        let embedded = embedded(folders[0].path(), app.port).await;
        let ports = Ports::free();
        let start =
            Start { tools, folder: folders[1].path(), app_id: APP_ID, app_port: Some(app.port), token: None, ports };
        let _process = start.ready().await;
        let daprd = Daprd::new(ports.config(APP_ID)).expect("a client");
        Self { embedded, daprd, _process, app, folders, differences: Vec::new() }
    }

    /// Asks both the same and notes where they differ.
    async fn check(&mut self, script: impl AsyncFn(&dyn Sidecar, &mut Log)) {
        let (mut here, mut there) = (self.log(0), self.log(1));
        script(&*self.embedded, &mut here).await;
        script(&self.daprd, &mut there).await;
        self.differences.extend(shown::differences(&here, &there, known::DIFFERENCES));
    }

    fn log(&self, at: usize) -> Log {
        Log::new(self.folders[at].path(), self.app.port)
    }

    async fn end(self) {
        let Self { differences, .. } = &self;
        assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
        self.embedded.stop(Instant::now() + Duration::from_secs(5)).await;
    }
}

async fn embedded(folder: &Path, app_port: u16) -> Arc<Embedded> {
    let resources = Resources::load(&[folder.join("resources"), folder.join("config.yaml")]);
    assert!(!resources.has_errors(), "{:?}", resources.diagnostics);
    let run = Run::new(RunConfig { directory: folder.to_owned(), ..RunConfig::default() });
    let config = EmbeddedConfig { app_port, ..EmbeddedConfig::new(APP_ID, Arc::new(resources), run) };
    let embedded = Embedded::open(config).await.expect("components that open");
    let app = RemoteApp::new(APP_ID, format!("127.0.0.1:{app_port}"), Protocol::Http).expect("an app");
    embedded.start(Some(Arc::new(app)));
    embedded.wait_ready().await;
    embedded
}

/// Two state stores, a broker, secrets, and an endpoint.
fn resources(folder: &Path, app_port: u16) -> String {
    let secrets = folder.join("secrets.json");
    std::fs::write(&secrets, r#"{"word":"open","deep":{"er":"value"},"hidden":"no"}"#).expect("a file");
    let component = |name: &str, kind: &str, metadata: &str| {
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name} }}\nspec:\n  type: {kind}\n  version: v1\n  \
             metadata: [{metadata}]\n---\n"
        )
    };
    let item = |name: &str, value: &str| format!("{{ name: {name}, value: \"{value}\" }}");
    let database = folder.join("state.db").display().to_string();
    [
        component("memory", "state.in-memory", ""),
        component("sqlite", "state.sqlite", &item("connectionString", &database)),
        component("bus", "pubsub.in-memory", &item("publishingScopes", "parity=allowed,other")),
        component("vault", "secretstores.local.file", &item("secretsFile", &secrets.display().to_string())),
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {{ name: outside }}\nspec: {{ baseUrl: \"http://127.0.0.1:{app_port}\" }}\n"
        ),
    ]
    .concat()
}

const SCOPES: &str =
    "  secrets:\n    scopes:\n    - { storeName: vault, defaultAccess: allow, deniedSecrets: [hidden] }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_components_both_sidecars_say_the_same() {
    let Some(tools) = tools("parity with components") else { return };
    let mut both = Both::start(&tools, resources, SCOPES).await;
    for store in ["memory", "sqlite"] {
        both.check(async |sidecar, log| state::script(sidecar, log, store).await).await;
    }
    both.check(state::without_a_store).await;
    both.check(messages::script).await;
    both.check(secrets::script).await;
    both.check(invoke::script).await;
    both.check(absent::script).await;
    both.check(absent::metadata).await;
    both.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_components_both_sidecars_say_the_same() {
    let Some(tools) = tools("parity without components") else { return };
    let mut both = Both::start(&tools, |_, _| String::new(), "").await;
    both.check(state::without_a_store).await;
    both.check(messages::without_a_broker).await;
    both.check(secrets::without_a_store).await;
    both.check(absent::script).await;
    both.end().await;
}
