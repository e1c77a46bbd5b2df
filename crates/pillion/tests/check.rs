//! `pillion check`: everything that is wrong, with file, line, cause and hint, and no port bound.

mod common;

use common::{Running, root, run};
use std::{fs, net::TcpListener, path::Path};

/// A folder with a manifest, a good guest and perhaps a component.
fn folder(manifest: &str, component: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat")).expect("a guest");
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    fs::create_dir(dir.path().join("components")).expect("a folder");
    fs::write(dir.path().join("components/store.yaml"), component).expect("written");
    dir
}

fn check(dir: &Path, words: &[&str]) {
    for verb in ["check", "up"] {
        let finished = run(&[verb], dir);
        assert_eq!(finished.status.code(), Some(1), "{verb}: {}{}", finished.stdout, finished.stderr);
        for word in words {
            assert!(finished.stderr.contains(word), "{verb}: no `{word}` in:\n{}", finished.stderr);
        }
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}

const GOOD: &str = "version: 1\napps:\n  - appID: cat\n    appDirPath: .\n    appPort: 0\n    resourcesPath: ./components\n    wasm: { source: cat.wat }\n";

#[test]
fn a_good_folder_is_good() {
    let dir = folder(GOOD, "");
    let finished = run(&["check"], dir.path());
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("1 app, 1 guest, no problems"), "{}", finished.stdout);
}

#[test]
fn the_example_is_good() {
    let finished = run(&["check", "examples/dapr-wasm"], &root());
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("3 apps, 3 guests, no problems"), "{}{}", finished.stdout, finished.stderr);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(folder("version: 1\napps: [\n", "").path(), &["dapr.yaml:"]);
    check(folder(&GOOD.replace("source", "sorce"), "").path(), &["dapr.yaml:7:", "sorce", "did you mean `source`?"]);
    check(folder(&GOOD.replace("cat.wat", "dog.wat"), "").path(), &["dapr.yaml:7:", "dog.wat"]);
    check(folder(&GOOD.replace("version: 1\n", ""), "").path(), &["version"]);
    check(folder(GOOD, "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: s}\nspec: {type: state.sqllite, version: v1}\n").path(), &[
        "components/store.yaml:4:",
        "state.sqllite",
        "did you mean `state.sqlite`?",
    ]);
    check(
        folder(GOOD, "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: s\n").path(),
        &["components/store.yaml:"],
    );
    let missing = tempfile::tempdir().expect("a folder");
    check(missing.path(), &["dapr.yaml"]);
}

#[test]
fn a_guest_that_cannot_be_linked_stops_the_start() {
    let dir = folder(GOOD, "");
    fs::write(dir.path().join("cat.wat"), r#"(module (import "nobody" "provides" (func)) (func (export "_start")))"#)
        .expect("written");
    check(dir.path(), &["nobody", "hint:"]);
    fs::write(dir.path().join("cat.wat"), r#"(module (memory (export "memory") 1))"#).expect("written");
    check(dir.path(), &["_start", "build a program with a `main`"]);
}

/// Guests are compiled several at a time; what is said of them stands in their order all the same.
#[test]
fn every_bad_guest_is_found_in_the_order_of_the_manifest() {
    let dir = folder("", "");
    let app = |id: &str| {
        let guests = ["a", "b", "c"].map(|name| format!("        {name}: {{ source: {id}-{name}.wat }}\n")).concat();
        let routes = "      routes: [{ path: /, guest: a }]\n";
        format!("  - appID: {id}\n    appDirPath: .\n    appPort: 0\n    wasm:\n{routes}      guests:\n{guests}")
    };
    let manifest = format!("version: 1\napps:\n{}{}", app("one"), app("two"));
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    for name in ["one-a", "one-b", "one-c", "two-a", "two-b", "two-c"] {
        let wat = format!(r#"(module (import "env" "{name}" (func)) (func (export "_start")))"#);
        let wat = if name == "two-b" { r#"(module (func (export "_start")))"#.to_owned() } else { wat };
        fs::write(dir.path().join(format!("{name}.wat")), wat).expect("written");
    }
    let finished = run(&["check"], dir.path());
    let places: Vec<_> = ["one-a", "one-b", "one-c", "two-a", "two-c"]
        .map(|name| {
            finished.stderr.find(&format!("`{name}` of `env`")).unwrap_or_else(|| panic!("{}", finished.stderr))
        })
        .to_vec();
    assert!(places.is_sorted(), "{}", finished.stderr);
    assert!(!finished.stderr.contains("`two-b`"), "{}", finished.stderr);
}

#[test]
fn a_missing_model_and_a_wrong_digest_stop_the_start() {
    let with = |models: &str| folder(&GOOD.replace("cat.wat }", &format!("cat.wat, models: {models} }}")), "");
    check(with("{ m: { file: none.tflite } }").path(), &["none.tflite"]);
    let dir =
        with("{ m: { file: m.tflite, sha256: 0000000000000000000000000000000000000000000000000000000000000000 } }");
    fs::write(dir.path().join("m.tflite"), "not a model").expect("written");
    check(dir.path(), &["sha256"]);
    let dir = with("{ m: { file: m.tflite } }");
    fs::write(dir.path().join("m.tflite"), "not a model").expect("written");
    check(dir.path(), &["m.tflite"]);
}

/// A folder with a guest that hosts actors as `actors` says.
fn hosting(guest: &str, actors: &str) -> tempfile::TempDir {
    let wasm = format!("wasm: {{ source: actor.wasm, actors: [{actors}] }}");
    let dir = folder(&GOOD.replace("wasm: { source: cat.wat }", &wasm), "");
    fs::copy(common::guest(guest), dir.path().join("actor.wasm")).expect("a guest");
    dir
}

#[test]
fn actors_that_nobody_could_host_stop_the_start() {
    check(
        hosting("dapr-orders", "{ type: Order }").path(),
        &[
            "dapr.yaml:7:",
            "actor type `Order`: guest `actor` has no actor-handler",
            "hint: export `pillion:dapr/actor-handler@0.1.0`",
        ],
    );
    let dir = hosting("dapr-actor", "{ type: Counter }");
    let checked = run(&["check"], dir.path());
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
    for word in ["warning: dapr.yaml:7:", "actors need a daprd", "pillion serve"] {
        assert!(checked.stderr.contains(word), "no `{word}` in:\n{}", checked.stderr);
    }
    for verb in ["up", "serve"] {
        let refused = run(&[verb, "--metrics-port", "0"], dir.path());
        assert_eq!(refused.status.code(), Some(1), "{verb}: {}", refused.stderr);
        for word in ["actors need a daprd", "hint: start it by `pillion serve`"] {
            assert!(refused.stderr.contains(word), "{verb}: no `{word}` in:\n{}", refused.stderr);
        }
    }
}

#[test]
fn a_taken_port_is_named_with_its_app() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let dir = folder(&GOOD.replace("appPort: 0", &format!("appPort: {port}")), "");
    let printed = Running::start(&["up", "--metrics-port", "0"], dir.path()).err().expect("it must not start");
    for word in [port.to_string().as_str(), "cat", "in use", "hint:"] {
        assert!(printed.contains(word), "no `{word}` in:\n{printed}");
    }
}
