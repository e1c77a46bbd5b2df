//! A component that was built for other hosts, over the embedded sidecar's own components.

mod common;

use common::{Running, free_ports, on_free_ports, post};
use std::fs;

const COMPONENTS: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: sessions}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: bus}
spec: {type: pubsub.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: vault}
spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: SECRETS}]}
";

fn start(dir: &tempfile::TempDir) -> Result<(Running, u16), String> {
    let [app, dapr, admin] = free_ports();
    let secrets = dir.path().join("secrets.json");
    fs::create_dir_all(dir.path().join("components")).expect("a folder");
    fs::copy(common::guest("wasi-cases"), dir.path().join("cases.wasm")).expect("a guest");
    fs::write(&secrets, r#"{"token": "canary-4711"}"#).expect("written");
    let components = COMPONENTS.replace("SECRETS", secrets.to_str().expect("UTF-8"));
    fs::write(dir.path().join("components/all.yaml"), components).expect("written");
    let manifest = format!(
        "version: 1\ncommon: {{resourcesPaths: [./components]}}\napps:\n  - appID: shop\n    appDirPath: .\n    appPort: {app}\n    \
         daprHTTPPort: {dapr}\n    env: {{greeting: hello}}\n    wasm:\n      source: cases.wasm\n      \
         allow: {{state: [sessions/a*], secrets: [vault], publish: [bus/open]}}\n"
    );
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    Running::start(&["up", "--metrics-port", &admin.to_string()], dir.path()).map(|running| (running, app))
}

#[test]
fn it_finds_state_secrets_and_pubsub_and_no_more_than_is_allowed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut running, app) = on_free_ports(|| start(&dir));
    let table = [
        ("spin open default", "()"),
        ("spin set a1 v", "()"),
        ("spin set b1 v", "Error::AccessDenied"),
        ("draft open sessions", "()"),
        ("draft get a1", "Some(\"v\")"),
        ("draft increment a2 3", "3"),
        ("draft increment a2 4", "7"),
        ("draft2 open sessions", "()"),
        ("draft2 cas a3", "()"),
        ("draft2 set a3 theirs", "()"),
        ("draft2 swap mine", "failed, now Ok(Some(\"theirs\"))"),
        ("draft2 swap mine", "()"),
        ("draft2 get a3", "Some(\"mine\")"),
        ("draft open none", "Error::NoSuchStore"),
        ("spin variable token", "\"canary-4711\""),
        ("spin variable greeting", "\"hello\""),
        ("config get greeting", "Some(\"hello\")"),
        ("secret get token", "canary-4711"),
        ("message publish open text", "()"),
    ];
    let script = table.map(|(line, _)| line).join("\n");
    let answer = post(&format!("http://127.0.0.1:{app}/"), script.as_bytes());
    assert_eq!(answer.text().lines().collect::<Vec<_>>(), table.map(|(_, expected)| expected), "{}", running.printed());
    assert!(running.wait_for("wasi:keyvalue/store@0.2.0-draft → state components"), "{}", running.printed());
}
