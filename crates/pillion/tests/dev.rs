//! `pillion dev`: what is saved is built and served, what can't be built changes nothing.

mod common;

use common::{PATIENCE, Running, free_ports, on_free_ports, post};
use std::{fs, path::Path, time::Instant};

/// A command guest that says one line.
fn says(text: &str) -> String {
    let length = text.len();
    format!(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{text}")
  (data (i32.const 0) "\10\00\00\00\{length:02x}\00\00\00")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    )
}

fn start(dir: &Path) -> (Running, u16) {
    on_free_ports(|| {
        let [port] = free_ports();
        let manifest = format!(
            "version: 1
apps:
  - appID: a
    appDirPath: .
    appPort: {port}
    wasm:
      guests:
        built: {{ source: out/built.wat, build: {{ command: mkdir -p out && grep -q module src/built.wat && cp src/built.wat out/, watch: [src/**] }} }}
        given: {{ source: given.wat }}
      routes: [{{ path: /built, guest: built }}, {{ path: /given, guest: given }}]
"
        );
        fs::write(dir.join("dapr.yaml"), manifest).expect("written");
        Ok((Running::start(&["dev", "--metrics-port", "0"], dir)?, port))
    })
}

#[test]
fn what_is_saved_is_served_and_what_is_broken_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    fs::create_dir(dir.join("src")).expect("a folder");
    fs::write(dir.join("src/built.wat"), says("one")).expect("written");
    fs::write(dir.join("given.wat"), says("first")).expect("written");
    let (mut running, port) = start(dir);
    let said = |path: &str| post(&format!("http://127.0.0.1:{port}{path}"), b"").text();
    assert_eq!((said("/built"), said("/given")), ("one".to_owned(), "first".to_owned()));

    fs::write(dir.join("src/built.wat"), says("two!")).expect("written");
    assert!(running.wait_for("Replaced a/built"), "{}", running.printed());
    assert_eq!((said("/built"), said("/given")), ("two!".to_owned(), "first".to_owned()));

    fs::write(dir.join("given.wat"), says("second")).expect("written");
    assert!(running.wait_for("Replaced a/given"), "{}", running.printed());
    assert_eq!(said("/given"), "second");

    fs::write(dir.join("src/built.wat"), "nothing that builds").expect("written");
    assert!(running.wait_for("the apps go on as they were"), "{}", running.printed());
    assert_eq!(said("/built"), "two!");

    fs::write(dir.join("src/built.wat"), says("module of three")).expect("written");
    let began = Instant::now();
    while said("/built") != "module of three" {
        assert!(began.elapsed() < PATIENCE, "{}", running.printed());
    }
    let (status, printed) = running.interrupt();
    assert!(status.success(), "{printed}");
}
