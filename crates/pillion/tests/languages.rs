//! Guests in other languages than Rust do the same in the real binary: requests, state, publishing, messages, failures.
//! `cargo xtask languages` builds them; where their tools are not there, their tests are skipped.

mod common;

use common::{Answer, PATIENCE, Running, free_ports, get, post, root};
use std::{fs, path::Path, path::PathBuf, time::Instant};

const COMPONENTS: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
";

/// The guest, or none where it could not be built: counted by its line.
fn guest(name: &str) -> Option<PathBuf> {
    let path = root().join("guests/out").join(name).with_extension("wasm");
    if !path.exists() {
        println!("skipped: {name}: it is not built: `cargo xtask languages` says what is missing");
        return None;
    }
    Some(path)
}

fn manifest(guest: &Path, [app, dapr]: [u16; 2]) -> String {
    format!(
        "version: 1
common: {{ resourcesPath: ./components }}
apps:
  - appID: shop
    appDirPath: .
    appPort: {app}
    daprHTTPPort: {dapr}
    wasm:
      source: {}
      on: [{{ pubsub: pubsub, topic: orders }}]
      allow: {{ state: [statestore], publish: [pubsub/orders] }}
",
        guest.display()
    )
}

fn start(guest: &Path, dir: &Path) -> (Running, [u16; 2]) {
    fs::create_dir(dir.join("components")).expect("a folder");
    fs::write(dir.join("components/all.yaml"), COMPONENTS).expect("written");
    for _ in 0..5 {
        let ports = free_ports();
        fs::write(dir.join("dapr.yaml"), manifest(guest, ports)).expect("written");
        // Compiles the guest into the cache, which takes a minute or more, and longer than a start may.
        let checked = common::run(&["check"], dir);
        assert!(checked.status.success(), "{}", checked.stderr);
        match Running::start(&["up", "--metrics-port", "0"], dir) {
            Ok(running) => return (running, ports),
            Err(printed) if printed.contains("in use") => {}
            Err(printed) => panic!("{printed}"),
        }
    }
    panic!("no free ports");
}

fn expect(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, body));
}

/// The same for every language.
fn shop(name: &str, thrown: &str) {
    let Some(guest) = guest(name) else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (mut running, [app, dapr]) = start(&guest, dir.path());
    let url = |path: &str| format!("http://127.0.0.1:{app}{path}");

    // Callers that come at once are all counted.
    let counter = url("/counter/visits");
    let callers: Vec<_> = (0..4).map(|_| counter.clone()).map(|url| std::thread::spawn(move || get(&url))).collect();
    assert!(callers.into_iter().all(|caller| caller.join().expect("no panic").status == 200));
    expect(&get(&counter), 200, "5");

    // An order goes out to the topic and comes back to the guest, which keeps it.
    expect(&post(&url("/orders"), br#"{"item":"tea"}"#), 202, "published");
    expect(&post(&url("/orders"), br#"{"item"#), 400, "an order is JSON");
    let kept = format!("http://127.0.0.1:{dapr}/v1.0/state/statestore/last-order");
    let deadline = Instant::now() + PATIENCE;
    while get(&kept).status != 200 {
        assert!(Instant::now() < deadline, "the order does not come: {}", running.printed());
        std::thread::yield_now();
    }
    expect(&get(&kept), 200, r#"{"item":"tea"}"#);

    // What the guest throws is the answer's reason, and the next call finds nothing of it.
    let failed = get(&url("/throw"));
    assert!(failed.status == 500 && failed.text().contains(thrown), "{}: {}", failed.status, failed.text());
    expect(&get(&url("/nothing")), 404, "counter, orders or throw");

    let (status, printed) = running.interrupt();
    assert!(status.success() && !printed.contains("panicked"), "{printed}");
}

#[test]
fn a_shop_in_javascript() {
    shop("js-shop", "Error: thrown on purpose");
}

#[test]
fn a_shop_in_python() {
    shop("py-shop", "RuntimeError: raised on purpose");
}

#[test]
fn a_shop_in_go() {
    shop("go-shop", "failed on purpose");
}

#[test]
fn a_shop_in_c() {
    shop("c-shop", "failed on purpose");
}

/// A template with the packages that `cargo xtask languages` fetched, in the place where its build command looks for them.
fn template(name: &str, packages: &str, beside: &str) {
    let packages = root().join(packages);
    if !packages.exists() {
        println!("skipped: template {name}: no {}: `cargo xtask languages` says what is missing", packages.display());
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    assert!(common::run(&["new", name, "greeter"], dir.path()).status.success());
    let folder = dir.path().join("greeter");
    std::os::unix::fs::symlink(packages, folder.join(beside)).expect("a link");
    let built = common::run(&["build"], &folder);
    assert!(built.status.success(), "{}", built.stderr);
    // To run it would be to compile an engine once more: the shops are run.
    let inspected = common::run(&["inspect", "greeter.wasm"], &folder).stdout;
    let words: Vec<&str> = inspected.split_whitespace().collect();
    assert!(
        words.windows(4).any(|words| words == ["handles", "invocation-handler", "imports", words[3]]),
        "{inspected}"
    );
    assert!(inspected.contains("pillion:dapr/state@") && !inspected.contains("pillion:dapr/pubsub@"), "{inspected}");
}

#[test]
fn a_template_of_javascript_builds_as_its_run_file_says() {
    template("javascript", "guests/sdk-js/node_modules", "node_modules");
}

#[test]
fn a_template_of_python_builds_as_its_run_file_says() {
    template("python", "guests/sdk-python/.venv", ".venv");
}
