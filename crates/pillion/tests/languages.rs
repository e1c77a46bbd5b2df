//! Guests in other languages than Rust do the same in the real binary: requests, state, publishing, messages, failures.
//! `cargo xtask languages` builds them; where their tools are not there, their tests are skipped.

mod common;

use common::{Answer, PATIENCE, Running, free_ports, get, on_free_ports, post, root};
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
      allow: {{ state: [statestore], publish: [pubsub/orders], invoke: [echo] }}
  - appID: echo
    appDirPath: .
    wasm: {{ source: {} }}
",
        guest.display(),
        common::guest("http-echo").display()
    )
}

fn start(guest: &Path, dir: &Path) -> (Running, [u16; 2]) {
    fs::create_dir(dir.join("components")).expect("a folder");
    fs::write(dir.join("components/all.yaml"), COMPONENTS).expect("written");
    on_free_ports(|| {
        let ports = free_ports();
        fs::write(dir.join("dapr.yaml"), manifest(guest, ports)).expect("written");
        // Compiles the guest into the cache, which takes a minute or more, and longer than a start may.
        let checked = common::run(&["check"], dir);
        assert!(checked.status.success(), "{}", checked.stderr);
        Ok((Running::start(&["up", "--metrics-port", "0"], dir)?, ports))
    })
}

fn expect(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, body));
}

/// The same for every language.
fn shop(name: &str, thrown: &str, streams: bool) {
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
    assert_eq!(get(&url("/nothing")).status, 404);

    // Where the SDK has streaming calls, each part comes back before the next one is written.
    if streams {
        expect(&get(&url("/relay")), 200, "200000 true");
    }

    let (status, printed) = running.interrupt();
    assert!(status.success() && !printed.contains("panicked"), "{printed}");
}

#[test]
fn a_shop_in_javascript() {
    shop("js-shop", "Error: thrown on purpose", true);
}

#[test]
fn a_shop_in_python() {
    shop("py-shop", "RuntimeError: raised on purpose", true);
}

#[test]
fn a_shop_in_go() {
    shop("go-shop", "failed on purpose", false);
}

#[test]
fn a_shop_in_c() {
    shop("c-shop", "failed on purpose", false);
}

/// The commands of a guide's first block, without what is said of them.
fn commands(page: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/guide").join(page)).expect(page);
    let block = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of commands");
    block.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned()).collect()
}

/// Does what a guide says as far as `pillion build`, in a folder that is prepared in between; the new guest's folder.
fn follow(page: &str, dir: &Path, prepare: impl FnOnce(&Path)) -> PathBuf {
    let commands = commands(page);
    let [new, enter, build, test, up, ask] = &commands[..] else { panic!("{page}: {commands:?}") };
    let folder = dir.join(enter.strip_prefix("cd ").expect("a folder"));
    let run = |command: &str, dir: &Path| {
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words.first(), Some(&"pillion"), "{page}: {command}");
        let done = common::run(&words[1..], dir);
        assert!(done.status.success(), "{page}: {command}: {}", done.stderr);
    };
    run(new, dir);
    prepare(&folder);
    run(build, &folder);
    assert_eq!((test.as_str(), up.as_str()), ("pillion test", "pillion up"));
    assert_eq!(ask, "curl -d you http://localhost:8080/hello");
    let manifest = fs::read_to_string(folder.join("dapr.yaml")).expect("a run file");
    assert!(manifest.contains("appPort: 8080") && manifest.contains("path: /hello"), "{manifest}");
    folder
}

/// A guide with the packages that `cargo xtask languages` fetched, in the place where the template looks for them.
fn guide(page: &str, packages: &str, beside: &str) {
    let packages = root().join(packages);
    if !packages.exists() {
        println!("skipped: {page}: no {}: `cargo xtask languages` says what is missing", packages.display());
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let link = |folder: &Path| std::os::unix::fs::symlink(&packages, folder.join(beside)).expect("a link");
    let folder = follow(page, dir.path(), link);
    // A cache of its own: no two builds of an interpreter are the same, and nobody would find this one again.
    let mut test = common::pillion();
    let tested = test.arg("test").env("PILLION_CACHE_DIR", dir.path().join("cache")).current_dir(&folder).output();
    let tested = tested.expect("the binary starts");
    let [said, told] = [&tested.stdout, &tested.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(tested.status.success() && said.contains("2 passed"), "{said}{told}");
    let inspected = common::run(&["inspect", "greeter.wasm"], &folder).stdout;
    assert!(inspected.contains("pillion:dapr/invocation-handler@"), "{inspected}");
    assert!(inspected.contains("pillion:dapr/state@") && !inspected.contains("pillion:dapr/pubsub@"), "{inspected}");
}

#[test]
fn the_guide_of_javascript_builds_a_guest_that_imports_what_it_uses() {
    guide("javascript.md", "guests/sdk-js/node_modules", "node_modules");
}

#[test]
fn the_guide_of_python_builds_a_guest_that_imports_what_it_uses() {
    guide("python.md", "guests/sdk-python/.venv", ".venv");
}

#[test]
fn the_guide_of_go_builds_a_guest() {
    if std::process::Command::new("go").arg("version").output().is_err() {
        println!("skipped: go.md: no go");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    follow("go.md", dir.path(), |_| {});
}

#[test]
fn every_guide_begins_with_a_template_that_is_there() {
    let dir = tempfile::tempdir().expect("a folder");
    for page in ["rust.md", "javascript.md", "python.md", "go.md", "c.md"] {
        let commands = commands(page);
        let template = commands[0].split(' ').nth(2).expect("a template");
        let made = common::run(&["new", template, &format!("a-{template}")], dir.path());
        assert!(made.status.success(), "{page}: {}", made.stderr);
    }
}

#[test]
fn templates_bring_the_whole_sdk_and_every_interface() {
    let dir = tempfile::tempdir().expect("a folder");
    let folders = [
        ("javascript", "guests/sdk-js/src", "pillion-sdk/src"),
        ("javascript", "guests/sdk-js/types", "pillion-sdk/types"),
        ("javascript", "wit/dapr", "pillion-sdk/wit"),
        ("javascript", "wit/dapr/deps", "pillion-sdk/wit/deps"),
        ("python", "guests/sdk-python/pillion_sdk", "pillion-sdk/pillion_sdk"),
        ("python", "wit/dapr", "pillion-sdk/pillion_sdk/wit"),
        ("python", "wit/dapr/deps", "pillion-sdk/pillion_sdk/wit/deps"),
    ];
    for template in ["javascript", "python"] {
        assert!(common::run(&["new", template, template], dir.path()).status.success());
    }
    for (template, original, copy) in folders {
        for entry in fs::read_dir(root().join(original)).expect(original) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                continue;
            }
            let copied = dir.path().join(template).join(copy).join(path.file_name().expect("a name"));
            let hint = || panic!("`{}` is not in crates/pillion/src/commands/new/sdk.rs", path.display());
            assert_eq!(fs::read(&copied).unwrap_or_else(|_| hint()), fs::read(&path).expect("a file"));
        }
    }
}
