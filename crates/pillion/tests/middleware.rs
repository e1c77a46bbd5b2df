//! WebAssembly that Dapr's own components name: middleware of http-wasm in both pipelines, and `bindings.wasm`.

mod common;

use common::{Running, ask, free_ports, get, on_free_ports, post, root};
use std::fs;

/// Says in the answer what it is configured with.
const CONFIGURED: &str = r#"(module
    (import "http_handler" "set_header_value" (func $set (param i32 i32 i32 i32 i32)))
    (import "http_handler" "get_config" (func $config (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "x-config")
    (func (export "handle_request") (result i64)
        (call $set (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 100)
            (call $config (i32.const 100) (i32.const 100)))
        (i64.const 1))
    (func (export "handle_response") (param i32 i32)))"#;

const RESOURCES: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: configured}
spec:
  type: middleware.http.wasm
  version: v1
  metadata: [{name: url, value: \"file://DIR/configured.wat\"}, {name: guestConfig, value: {a: 1}}]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: cases}
spec: {type: middleware.http.wasm, version: v1, metadata: [{name: url, value: \"file://DIR/cases.wasm\"}]}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: run}
spec: {type: bindings.wasm, version: v1, metadata: [{name: url, value: \"file://DIR/echo.wasm\"}]}
";

const CONFIGURATION: &str = "apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: pipelines}
spec:
  httpPipeline: {handlers: [{name: configured, type: middleware.http.wasm}]}
  appHttpPipeline:
    handlers: [{name: cases, type: middleware.http.wasm}, {name: gone, type: middleware.http.oauth2}]
";

struct Shop {
    running: Running,
    app: u16,
    dapr: u16,
    admin: u16,
    _dir: tempfile::TempDir,
}

impl Shop {
    fn start() -> Self {
        on_free_ports(Self::try_start)
    }

    fn try_start() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let [app, dapr, admin] = free_ports();
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).expect("written");
        let copy = |from: std::path::PathBuf, to: &str| fs::copy(from, dir.path().join(to)).expect("a guest");
        copy(root().join("examples/hello/cat.wat"), "cat.wat");
        copy(common::guest("http-wasm"), "cases.wasm");
        copy(common::guest("echo-command"), "echo.wasm");
        fs::create_dir(dir.path().join("components")).expect("a folder");
        write("configured.wat", CONFIGURED);
        write("components/all.yaml", &RESOURCES.replace("DIR", dir.path().to_str().expect("UTF-8")));
        write("config.yaml", CONFIGURATION);
        write(
            "dapr.yaml",
            &format!(
                "version: 1\ncommon: {{resourcesPaths: [./components]}}\napps:\n  - appID: shop\n    appDirPath: .\n    \
                 configFilePath: ./config.yaml\n    appPort: {app}\n    daprHTTPPort: {dapr}\n    \
                 wasm: {{source: cat.wat}}\n"
            ),
        );
        let running = Running::start(&["up", "--metrics-port", &admin.to_string()], dir.path())?;
        Ok(Self { running, app, dapr, admin, _dir: dir })
    }

    fn dapr(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.dapr)
    }
}

#[test]
fn programs_of_components_count_like_guests() {
    let shop = Shop::start();
    for _ in 0..3 {
        assert_eq!(post(&shop.dapr("/v1.0/invoke/shop/method/read"), b"hello").status, 200);
    }
    post(&shop.dapr("/v1.0/invoke/shop/method/trap"), b"hello");
    post(&shop.dapr("/v1.0/bindings/run"), br#"{"operation": "execute", "data": "x"}"#);
    let metrics = get(&format!("http://127.0.0.1:{}/metrics", shop.admin)).text();
    for line in [
        r#"pillion_guest_calls_total{app="",guest="cases"} 4"#,
        r#"pillion_guest_calls_total{app="",guest="configured.wat"} 5"#,
        r#"pillion_guest_calls_total{app="",guest="echo"} 1"#,
        r#"pillion_guest_errors_total{app="",guest="cases",code="PILLION_GUEST_TRAP"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn each_pipeline_stands_where_dapr_puts_it() {
    let mut shop = Shop::start();
    for (method, body) in [("method", "POST"), ("read", "HELLO"), ("write-request", "written twice"), ("pass", "hello")]
    {
        let answer = post(&shop.dapr(&format!("/v1.0/invoke/shop/method/{method}")), b"hello");
        assert_eq!((answer.status, answer.text().as_str()), (200, body), "{method}");
        assert_eq!(answer.header("x-config"), r#"{"a":1}"#, "requests of Dapr's API go through the other pipeline");
    }
    let direct = post(&format!("http://127.0.0.1:{}/read", shop.app), b"hello");
    assert_eq!((direct.text().as_str(), direct.header("x-config")), ("hello", ""), "the app's own port is the app's");
    let metadata = get(&shop.dapr("/v1.0/metadata"));
    assert_eq!((metadata.status, metadata.header("x-config")), (200, r#"{"a":1}"#));
    let names: serde_json::Value = serde_json::from_slice(&metadata.body).expect("JSON");
    let kinds: Vec<_> = names["components"].as_array().expect("a list").iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["middleware.http.wasm", "middleware.http.wasm", "bindings.wasm"]);
    let trapped = post(&shop.dapr("/v1.0/invoke/shop/method/trap"), b"hello");
    assert_eq!(trapped.status, 500);
    assert!(trapped.text().contains("guest `cases` trapped"), "{}", trapped.text());
    assert!(
        shop.running
            .printed()
            .contains("`appHttpPipeline` names `gone` (middleware.http.oauth2), and there is no such component"),
        "{}",
        shop.running.printed()
    );
}

#[test]
fn a_command_is_an_output_binding() {
    let shop = Shop::start();
    let url = shop.dapr("/v1.0/bindings/run");
    let answer = post(&url, br#"{"operation": "execute", "data": {"n": 1}, "metadata": {"args": "a,b c"}}"#);
    assert_eq!((answer.status, answer.text().as_str()), (200, "arg a\narg b c\nstdin\n{\"n\":1}"));
    let refused = "error invoking output binding run: binding run does not support operation create. supported operations:execute";
    let missing = "error invoking output binding none: couldn't find output binding none";
    let nothing = "error invoking output binding run: operation field is missing from request";
    for (binding, body, message) in [
        ("run", r#"{"operation": "create"}"#, refused),
        ("none", r#"{"operation": "execute"}"#, missing),
        ("run", "{}", nothing),
    ] {
        let answer = ask("PUT", &shop.dapr(&format!("/v1.0/bindings/{binding}")), &[], body.as_bytes());
        let expected = serde_json::json!({"errorCode": "ERR_INVOKE_OUTPUT_BINDING", "message": message});
        assert_eq!(answer.status, 500, "{body}");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON"), expected, "{body}");
    }
    let broken = post(&url, b"{");
    assert_eq!(broken.status, 400);
    assert!(broken.text().contains("ERR_MALFORMED_REQUEST"), "{}", broken.text());
}

#[test]
fn a_program_that_can_not_be_one_stops_the_start() {
    for (kind, url, why) in [
        ("bindings.wasm", "file://none.wasm", "none.wasm`: No such file"),
        ("bindings.wasm", "file://DIR/configured.wat", "is of the kind middleware, and must be a WASI command"),
        ("middleware.http.wasm", "file://DIR/cat.wat", "is of the kind command, and must be middleware of http-wasm"),
        ("middleware.http.wasm", "oci://registry/image", "`oci://` is not read, by daprd neither"),
        ("middleware.http.oauth2", "file://none.wasm", "`middleware.http.oauth2` isn't built in yet"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).expect("written");
        let copied = fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat"));
        copied.expect("a guest");
        write("configured.wat", CONFIGURED);
        fs::create_dir(dir.path().join("components")).expect("a folder");
        let url = url.replace("DIR", dir.path().to_str().expect("UTF-8"));
        write(
            "components/one.yaml",
            &format!(
                "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: one}}\n\
                 spec: {{type: {kind}, version: v1, metadata: [{{name: url, value: \"{url}\"}}]}}\n"
            ),
        );
        let [app, dapr] = free_ports();
        write(
            "dapr.yaml",
            &format!(
                "version: 1\ncommon: {{resourcesPaths: [./components]}}\napps:\n  - appID: shop\n    appDirPath: .\n    \
                 appPort: {app}\n    daprHTTPPort: {dapr}\n    wasm: {{source: cat.wat}}\n"
            ),
        );
        let Err(printed) = Running::start(&["up", "--metrics-port", "0"], dir.path()) else { panic!("{kind} started") };
        assert!(printed.contains(why), "{kind} {url}: {printed}");
    }
}
