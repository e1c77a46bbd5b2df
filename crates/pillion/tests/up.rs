//! `pillion up`: building blocks over Dapr's HTTP API, events between apps, telemetry, native apps.

mod common;

use common::{Answer, PATIENCE, Running, ask, free_ports, get, on_free_ports, post, root};
use std::{fs, path::Path, time::Instant};

/// Two Wasm apps and a store, a broker and secrets; the second app takes events of a topic and keeps them in its log.
struct Pair {
    running: Running,
    dapr: [u16; 2],
    /// The app port of `caller`.
    app: u16,
    admin: u16,
    dir: tempfile::TempDir,
}

impl Pair {
    fn start() -> Self {
        on_free_ports(Self::try_start)
    }

    fn try_start() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let [one, two, admin, app] = free_ports();
        fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat")).expect("a guest");
        fs::copy(common::guest("http-call"), dir.path().join("call.wasm")).expect("a guest");
        fs::copy(common::guest("echo-command"), dir.path().join("echo.wasm")).expect("a guest");
        fs::create_dir(dir.path().join("components")).expect("a folder");
        fs::write(dir.path().join("secrets.json"), r#"{"key": "canary-9315"}"#).expect("written");
        fs::write(dir.path().join("components/all.yaml"), components(dir.path())).expect("written");
        fs::write(dir.path().join("dapr.yaml"), manifest(app, one, two)).expect("written");
        let running = Running::start(&["up", "--metrics-port", &admin.to_string()], dir.path())?;
        Ok(Self { running, dapr: [one, two], app, admin, dir })
    }

    fn dapr(&self, app: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.dapr[app])
    }
}

fn components(dir: &Path) -> String {
    let component = |name: &str, kind: &str, metadata: &str| {
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec: {{type: {kind}, version: v1, metadata: [{metadata}]}}\n"
        )
    };
    let database = format!("{{name: connectionString, value: \"{}/state.db\"}}", dir.display());
    let secrets = format!("{{name: secretsFile, value: \"{}/secrets.json\"}}", dir.display());
    [
        component("memory", "state.in-memory", ""),
        component("database", "state.sqlite", &database),
        component("pubsub", "pubsub.in-memory", ""),
        component("secrets", "secretstores.local.file", &secrets),
    ]
    .join("---\n")
}

fn manifest(app: u16, one: u16, two: u16) -> String {
    format!(
        "version: 1
common: {{ resourcesPath: ./components }}
apps:
  - appID: caller
    appDirPath: .
    appPort: {app}
    daprHTTPPort: {one}
    wasm: {{ source: call.wasm, allow: {{ invoke: [cat], state: [memory] }} }}
  - appID: cat
    appDirPath: .
    daprHTTPPort: {two}
    wasm:
      guests: {{ cat: {{ source: cat.wat }}, listener: {{ source: echo.wasm }} }}
      routes: [{{ path: /, guest: cat }}]
      on: [{{ pubsub: pubsub, topic: orders, guest: listener }}]
"
    )
}

fn expect(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text().trim_end()), (status, body));
}

#[test]
fn state_is_kept_read_and_deleted_as_daprd_does() {
    let pair = Pair::start();
    for store in ["memory", "database"] {
        let url = pair.dapr(0, &format!("/v1.0/state/{store}"));
        expect(&post(&url, br#"[{"key":"k","value":{"a": 1}}]"#), 204, "");
        let got = get(&format!("{url}/k"));
        expect(&got, 200, r#"{"a":1}"#);
        let etag = got.header("etag").to_owned();
        assert!(!etag.is_empty());
        let bad = ask("DELETE", &format!("{url}/k"), &[("if-match", "9999999")], b"");
        assert_eq!(bad.status, 409, "{}", bad.text());
        // Another app has its own keys.
        expect(&get(&pair.dapr(1, &format!("/v1.0/state/{store}/k"))), 204, "");
        expect(&ask("DELETE", &format!("{url}/k"), &[("if-match", &etag)], b""), 204, "");
        expect(&get(&format!("{url}/k")), 204, "");
    }
    let unknown = get(&pair.dapr(0, "/v1.0/state/nostore/k"));
    assert_eq!(unknown.status, 400);
    assert!(
        unknown
            .text()
            .contains(r#""errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nostore is not found""#),
        "{}",
        unknown.text()
    );
}

#[test]
fn an_event_reaches_the_guest_of_another_app() {
    let mut pair = Pair::start();
    expect(&post(&pair.dapr(0, "/v1.0/publish/pubsub/orders"), b"order 4711"), 204, "");
    // The listener writes a line to its stderr for each call; it is in the log with app and guest.
    assert!(pair.running.wait_for("listener"), "{}", pair.running.printed());
    expect(
        &post(&pair.dapr(0, "/v1.0/publish/nobroker/orders"), b"x"),
        404,
        r#"{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nobroker is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{},"reason":"DAPR_PUBSUB_NOT_FOUND"}]}"#,
    );
}

#[test]
fn a_guest_calls_what_is_allowed_and_nothing_else() {
    let pair = Pair::start();
    let [one, _] = pair.dapr;
    let call = |url: &str| ask("POST", &pair.dapr(0, "/v1.0/invoke/caller/method/x"), &[("x-url", url)], b"ping");
    for url in [
        "http://cat.dapr/any/path".to_owned(),
        format!("http://localhost:{one}/v1.0/invoke/cat/method/any/path"),
        format!("http://127.0.0.1:{one}/v1.0/invoke/cat/method/any/path"),
    ] {
        let answer = call(&url);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        assert!(answer.text().contains("ping"), "{url}: {}", answer.text());
    }
    for url in [
        "http://other.dapr/x".to_owned(),
        format!("http://localhost:{one}/v1.0/secrets/secrets/key"),
        format!("http://localhost:{one}/v1.0/state/database/k"),
        format!("http://127.0.0.1:{}/metrics", pair.admin),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://example.org/".to_owned(),
    ] {
        let answer = ask("GET", &pair.dapr(0, "/v1.0/invoke/caller/method/x"), &[("x-url", &url)], b"");
        let text = answer.text();
        assert!(!text.contains("canary"), "{url}: {text}");
        // A building block says 403, as Dapr's API does; a host is denied before anything is sent.
        assert!(text.contains("status 403") || text.contains("HttpRequestDenied"), "{url}: {} {text}", answer.status);
    }
}

#[test]
fn a_guest_ends_no_run_and_dials_nothing_by_its_sidecar() {
    let pair = Pair::start();
    let caller = format!("http://127.0.0.1:{}/", pair.app);
    let dapr = format!("http://localhost:{}", pair.dapr[0]);
    let shutdown = ask("POST", &caller, &[("x-url", &format!("{dapr}/v1.0/shutdown"))], b"");
    assert!(shutdown.text().starts_with("status 403"), "{}", shutdown.text());
    for address in [
        format!("http://127.0.0.1:{}", pair.admin),
        "http://169.254.169.254".to_owned(),
        "http://example.org".to_owned(),
    ] {
        let answer = ask("GET", &caller, &[("x-url", &format!("{dapr}/metrics")), ("dapr-app-id", &address)], b"");
        assert!(answer.text().starts_with("status 403"), "{address}: {}", answer.text());
    }
    expect(&get(&pair.dapr(0, "/v1.0/healthz")), 204, "");
}

#[test]
fn a_secret_is_read_and_never_logged() {
    let pair = Pair::start();
    expect(&get(&pair.dapr(0, "/v1.0/secrets/secrets/key")), 200, r#"{"key":"canary-9315"}"#);
    assert_eq!(get(&pair.dapr(0, "/v1.0/secrets/nostore/key")).status, 401);
    assert_eq!(get(&pair.dapr(0, "/v1.0/secrets/secrets/none")).status, 500);
    assert!(!get(&pair.dapr(0, "/v1.0/metadata")).text().contains("canary"));
    let (_, printed) = pair.running.interrupt();
    assert!(!printed.contains("canary"), "{printed}");
}

#[test]
fn health_metadata_and_metrics_answer() {
    let pair = Pair::start();
    expect(&get(&pair.dapr(0, "/v1.0/healthz")), 204, "");
    expect(&get(&pair.dapr(0, "/v1.0/healthz/outbound")), 204, "");
    let metadata: serde_json::Value = serde_json::from_str(&get(&pair.dapr(1, "/v1.0/metadata")).text()).expect("JSON");
    assert_eq!(metadata["id"], "cat");
    assert_eq!(metadata["subscriptions"][0]["topic"], "orders");
    expect(&post(&pair.dapr(1, "/v1.0/invoke/cat/method/x"), b"abc"), 200, "abc");
    let metrics = get(&format!("http://127.0.0.1:{}/metrics", pair.admin)).text();
    assert!(metrics.contains("pillion_guest_calls_total{") && metrics.contains(r#"app="cat""#), "{metrics}");
    assert_eq!(get(&format!("http://127.0.0.1:{}/healthz", pair.admin)).status, 200);
    assert_eq!(get(&format!("http://127.0.0.1:{}/readyz", pair.admin)).status, 200);
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let pair = Pair::start();
    let url = pair.dapr(0, "/v1.0/state/database");
    for n in 0..20 {
        expect(&post(&url, format!(r#"[{{"key":"k{n}","value":{n}}}]"#).as_bytes()), 204, "");
    }
    let Pair { running, dir, dapr, .. } = pair;
    common::signal(running.id(), rustix::process::Signal::KILL);
    drop(running);
    let again = Running::start(&["up", "--metrics-port", "0"], dir.path()).expect("it starts again");
    for n in 0..20 {
        expect(&get(&format!("http://127.0.0.1:{}/v1.0/state/database/k{n}", dapr[0])), 200, &n.to_string());
    }
    drop(again);
}

#[test]
fn shutdown_by_the_api_ends_the_process() {
    let mut pair = Pair::start();
    expect(&post(&pair.dapr(0, "/v1.0/shutdown"), b""), 204, "");
    assert!(pair.running.wait_for("Exited Dapr successfully"), "{}", pair.running.printed());
}

#[test]
fn a_spinning_guest_holds_nobody_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let [app, admin] = free_ports();
    fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat")).expect("a guest");
    fs::write(
        dir.path().join("spin.wat"),
        r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#,
    )
    .expect("written");
    let manifest = format!(
        "version: 1\napps:\n  - appID: mixed\n    appDirPath: .\n    appPort: {app}\n    wasm:\n      guests: {{ cat: {{ source: cat.wat }}, spin: {{ source: spin.wat, limits: {{ timeout: 2s }} }} }}\n      routes: [{{ path: /cat, guest: cat }}, {{ path: /spin, guest: spin }}]\n"
    );
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let running = Running::start(&["up", "--metrics-port", &admin.to_string()], dir.path()).expect("it runs");
    let url = format!("http://127.0.0.1:{app}");
    let spinners: Vec<_> = (0..4)
        .map(|_| {
            let url = format!("{url}/spin");
            std::thread::spawn(move || post(&url, b""))
        })
        .collect();
    let began = Instant::now();
    for _ in 0..20 {
        expect(&post(&format!("{url}/cat"), b"x"), 200, "x");
        assert_eq!(get(&format!("http://127.0.0.1:{admin}/healthz")).status, 200);
    }
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    for spinner in spinners {
        let answer = spinner.join().expect("an answer");
        assert_eq!(answer.status, 504, "{}", answer.text());
        assert!(answer.text().contains("limits.timeout"), "{}", answer.text());
    }
    drop(running);
}

/// A collector of traces that takes requests until `wanted` is in one of them.
fn collector(wanted: Vec<u8>) -> (u16, std::thread::JoinHandle<bool>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let thread = std::thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let mut stream = stream.expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let mut seen = Vec::new();
            let mut piece = [0; 4096];
            while !seen.windows(wanted.len()).any(|window| window == wanted) {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => seen.extend_from_slice(&piece[..n]),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            if seen.windows(wanted.len()).any(|window| window == wanted) {
                return true;
            }
        }
        false
    });
    (port, thread)
}

#[test]
fn spans_join_the_trace_of_whoever_calls() {
    let trace_id: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    // An OTLP span holds its trace id as 16 plain bytes.
    let (collector, seen) = collector(trace_id.to_be_bytes().to_vec());
    let mut command = common::pillion();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{collector}")).current_dir(root());
    command.args(["run", "examples/hello/cat.wat", "--app-id", "cat", "-p", "0", "-H", "0", "--metrics-port", "0"]);
    let mut running = Running::start_with(&mut command).expect("it runs");
    let printed = running.printed();
    let at = printed.find("http://localhost:").expect("an address");
    let url = printed[at..].split_whitespace().next().expect("an address").replace("localhost", "127.0.0.1");
    let traceparent = format!("00-{trace_id:032x}-00f067aa0ba902b7-01");
    let answer = ask("POST", &url, &[("traceparent", &traceparent)], b"x");
    expect(&answer, 200, "x");
    let (status, printed) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(seen.join().expect("the collector"), "no span of the caller's trace was exported");
}

/// A native app of the run file: here this very program, serving a guest on a port of its own.
fn native(port: u16, dapr: u16, script: Option<&str>) -> Result<(Running, tempfile::TempDir), String> {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat")).expect("a guest");
    let program = env!("CARGO_BIN_EXE_pillion");
    let serve = format!("[{program}, run, cat.wat, --app-id, inner, -p, \"{port}\", -H, \"0\", --metrics-port, \"0\"]");
    let command = script.map_or(serve, |script| format!("[sh, -c, \"{script}\"]"));
    let manifest = format!(
        "version: 1\napps:\n  - appID: outer\n    appDirPath: .\n    appPort: {port}\n    daprHTTPPort: {dapr}\n    env: {{ GREETING: hello }}\n    command: {command}\n"
    );
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    Running::start(&["up", "--metrics-port", "0"], dir.path()).map(|running| (running, dir))
}

#[test]
fn a_native_app_is_invoked_and_ends_with_the_rest() {
    let [port, dapr] = free_ports();
    let (mut running, _dir) = native(port, dapr, None).expect("it runs");
    assert!(running.wait_for("== APP - outer == You're up and running!"), "{}", running.printed());
    expect(&post(&format!("http://127.0.0.1:{dapr}/v1.0/invoke/outer/method/any"), b"abc"), 200, "abc");
    let (status, printed) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(printed.contains("Exited App successfully"), "{printed}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the native app still listens");
}

#[test]
fn a_run_of_native_apps_ends_with_the_last_of_them_and_its_exit_code_says_how() {
    let [port, dapr] = free_ports();
    let script = "echo $GREETING from $APP_ID at $APP_PORT; exit 3";
    let (running, _dir) = native(port, dapr, Some(script)).expect("it runs");
    let (status, printed) = running.ended();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("The App process exited with error"), "{printed}");
    // Restarted never.
    assert_eq!(printed.matches(&format!("== APP - outer == hello from outer at {port}")).count(), 1, "{printed}");
}

#[test]
fn no_native_app_outlives_a_forced_end() {
    let [port, dapr] = free_ports();
    let script = "trap : TERM; echo id $$; while :; do sleep 1; done";
    let (mut running, _dir) = native(port, dapr, Some(script)).expect("it runs");
    assert!(running.wait_for("== APP - outer == id "), "{}", running.printed());
    let printed = running.printed();
    let id = printed.split("== APP - outer == id ").nth(1).expect("the id").split_whitespace().next().expect("the id");
    common::signal(running.id(), rustix::process::Signal::INT);
    assert!(running.wait_for("ending"), "{}", running.printed());
    let (status, printed) = running.interrupt();
    assert_eq!(status.code(), Some(130), "{printed}");
    let began = Instant::now();
    while Path::new("/proc").join(id).join("exe").read_link().is_ok() {
        assert!(began.elapsed() < PATIENCE, "the native app still runs");
        std::thread::yield_now();
    }
}

/// As `dapr run -f` starts it: in the app's folder, with the app's id and port in its environment. What the file's other apps
/// have need not be here.
#[test]
fn serve_finds_its_app_by_the_environment() {
    let [port, dapr] = free_ports();
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("cat")).expect("a folder");
    fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat/cat.wat")).expect("a guest");
    let manifest = format!(
        "version: 1\napps:\n  - appID: cat\n    appDirPath: ./cat\n    daprHTTPPort: {dapr}\n    wasm: {{ source: cat.wat }}\n  - appID: other\n    appDirPath: ./not-here\n    wasm: {{ source: cat.wat }}\n"
    );
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let mut command = common::pillion();
    command.args(["serve", "--metrics-port", "0"]).current_dir(dir.path().join("cat"));
    command.env("APP_ID", "cat").env("APP_PORT", port.to_string());
    let running = Running::start_with(&mut command).expect("it runs");
    expect(&post(&format!("http://127.0.0.1:{port}/"), b"abc"), 200, "abc");
    drop(running);
    // Beside a real daprd, which has the file's port.
    let taken = std::net::TcpListener::bind(("127.0.0.1", dapr)).expect("the port");
    command.env("DAPR_HTTP_PORT", dapr.to_string());
    drop(Running::start_with(&mut command).expect("it runs"));
    drop(taken);
    let mistyped = common::run(&["serve", "--app-id", "cta"], &dir.path().join("cat"));
    assert!(
        mistyped.stderr.contains("no app `cta`") && mistyped.stderr.contains("it has cat, other"),
        "{}",
        mistyped.stderr
    );
    let nowhere = tempfile::tempdir().expect("a folder");
    let lost = common::run(&["serve"], nowhere.path());
    assert!(lost.stderr.contains("no `dapr.yaml`") && lost.stderr.contains("hint: "), "{}", lost.stderr);
}
