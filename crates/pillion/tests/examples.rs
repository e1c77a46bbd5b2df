//! The same examples in every language, with the same cases: `pillion test` runs tests/examples/*.test.yaml over each.

mod common;

use common::{root, run};
use std::{fs, path::Path};

/// Cases of all: what a language's toolchain can do is named in its row.
const ALL: &[&str] = &["hello", "counter", "orders", "cleaner", "digits", "job"];

/// A guest of an app: its file, and the paths and events that are for it.
struct Guest {
    file: &'static str,
    paths: &'static [&'static str],
    events: &'static [&'static str],
}

const TOPIC: &str = "pubsub: pubsub, topic: orders";
const BINDING: &str = "binding: nightly";
const JOB: &str = "job: tidy";

const fn guest(file: &'static str, paths: &'static [&'static str], events: &'static [&'static str]) -> Guest {
    Guest { file, paths, events }
}

/// A manifest of the guests with the model and the rights of all examples.
fn manifest(guests: &[Guest]) -> String {
    let (mut named, mut routes, mut on) = (Vec::new(), Vec::new(), Vec::new());
    for Guest { file, paths, events } in guests {
        let path = root().join("guests/out").join(file).with_extension("wasm");
        // An interpreter takes its time where it was built without optimisation.
        named.push(format!("{file}: {{ source: {}, limits: {{ timeout: 60s }} }}", path.display()));
        routes.extend(paths.iter().map(|path| format!("{{ path: {path}, guest: {file} }}")));
        on.extend(events.iter().map(|event| format!("{{ {event}, guest: {file} }}")));
    }
    let model = root().join("crates/nn/tests/fixtures/digits_u8.tflite");
    format!(
        "version: 1
apps:
  - appID: shop
    appDirPath: .
    wasm:
      guests: {{ {} }}
      routes: [{}]
      on: [{}]
      models: {{ digits: {{ file: {} }} }}
      allow: {{ state: [statestore], publish: [pubsub/orders] }}
",
        named.join(", "),
        routes.join(", "),
        on.join(", "),
        model.display()
    )
}

/// Runs examples over the guests of a language; without one of them, that is counted as a skip.
fn check(language: &str, guests: &[Guest], examples: &[&str]) {
    let missing =
        guests.iter().find(|guest| !root().join("guests/out").join(guest.file).with_extension("wasm").exists());
    if let Some(Guest { file, .. }) = missing {
        return println!("skipped: {language}: {file} is not built: `cargo xtask languages` says what is missing");
    }
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("dapr.yaml"), manifest(guests)).expect("written");
    let copy = |name: &str, dir: &Path| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples").join(name);
        fs::copy(source, dir.join(name)).expect(name);
    };
    let tests = dir.path().join("tests");
    fs::create_dir(&tests).expect("a folder");
    examples.iter().for_each(|example| copy(&format!("{example}.test.yaml"), &tests));
    ["one.pgm", "seven.pgm"].iter().for_each(|picture| copy(picture, &tests));
    let done = run(&["test"], dir.path());
    assert!(done.status.success(), "{language}:\n{}{}", done.stdout, done.stderr);
    assert!(!done.stdout.contains("0 passed"), "{language}: {}", done.stdout);
}

#[test]
fn examples_in_rust() {
    let guests = [
        guest("dapr-hello", &["/hello"], &[]),
        guest("dapr-counter", &["/counter"], &[]),
        guest("dapr-orders", &["/orders"], &[]),
        guest("dapr-shipping", &[], &[TOPIC]),
        guest("dapr-cleaner", &[], &[BINDING, JOB]),
        guest("dapr-digits", &["/digits"], &[]),
    ];
    check("Rust", &guests, ALL);
}

#[test]
fn examples_in_javascript() {
    check("JavaScript", &[guest("js-shop", &["/"], &[TOPIC, BINDING, JOB])], ALL);
}

#[test]
fn examples_in_python() {
    check("Python", &[guest("py-shop", &["/"], &[TOPIC, BINDING, JOB])], ALL);
}

#[test]
fn examples_in_go() {
    let guests = [guest("go-shop", &["/"], &[TOPIC, BINDING, JOB]), guest("go-digits", &["/digits"], &[])];
    check("Go", &guests, ALL);
}

#[test]
fn examples_in_c() {
    let guests = [guest("c-shop", &["/"], &[TOPIC, BINDING, JOB]), guest("c-digits", &["/digits"], &[])];
    check("C", &guests, ALL);
}

#[test]
fn examples_in_assemblyscript() {
    let guests = [guest("as-hello", &["/hello"], &[]), guest("as-digits", &["/digits"], &[])];
    // The compiler makes modules: building blocks, which are a component's, are for Dapr's HTTP port, and it has no HTTP.
    check("AssemblyScript", &guests, &["hello", "digits"]);
}

#[test]
fn every_example_is_run() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples")).expect("the examples");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let mut cases: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".test.yaml")?.to_owned())).collect();
    cases.sort();
    let mut all: Vec<String> = ALL.iter().map(|name| (*name).to_owned()).collect();
    all.sort();
    assert_eq!(cases, all);
}
