//! The invariants of ARCHITECTURE.md that can be read off the workspace.

mod common;

use common::root;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        // What other platforms need is in the lock file and not on this machine.
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Everything that a crate of the workspace needs to be built and run, by name; what only its tests need is left out.
fn needs(metadata: &Value, name: &str) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let names: BTreeMap<String, String> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let edges: BTreeMap<String, Vec<String>> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| {
            let normal =
                |dep: &&Value| dep["dep_kinds"].as_array().expect("kinds").iter().any(|kind| kind["kind"] != "dev");
            let deps =
                node["deps"].as_array().expect("deps").iter().filter(normal).map(|dep| text(&dep["pkg"])).collect();
            (text(&node["id"]), deps)
        })
        .collect();
    let mut open: Vec<String> = names.iter().filter(|(_, found)| *found == name).map(|(id, _)| id.clone()).collect();
    assert_eq!(open.len(), 1, "{name}");
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id.clone()) {
            open.extend(edges[&id].iter().cloned());
        }
    }
    seen.iter().map(|id| names[id].clone()).collect()
}

#[test]
fn crates_know_only_what_they_may() {
    let metadata = metadata();
    for (name, foreign) in [
        ("pillion-api", &["tokio", "hyper", "wasmtime", "pillion-nn", "pillion-sidecar", "pillion-runtime"][..]),
        ("pillion-wit", &["tokio", "hyper", "pillion-nn", "pillion-sidecar", "pillion-runtime"]),
        ("pillion-nn", &["tokio", "wasmtime", "granit-parser", "pillion-api", "pillion-sidecar", "pillion-runtime"]),
        ("pillion-sidecar", &["wasmtime", "pillion-nn", "pillion-runtime"]),
        ("pillion-runtime", &["pillion-sidecar", "granit-parser", "rusqlite"]),
    ] {
        let needs = needs(&metadata, name);
        for other in foreign {
            assert!(!needs.contains(*other), "`{name}` must not know `{other}`");
        }
    }
}

/// Apache, MIT, BSD and their like. MPL and the copyleft licences are not taken.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "MIT-0",
    "CDLA-Permissive-2.0",
    "BSL-1.0",
    "Apache-2.0 WITH LLVM-exception",
];
/// Unmaintained, unsound, or native where Rust does it.
const REFUSED: &[&str] =
    &["serde_yaml", "serde_yml", "libyml", "yaml-rust", "openssl-sys", "tract-tflite", "wasmtime-wasi-nn"];

#[test]
fn dependencies_are_those_that_we_take() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        assert!(!REFUSED.contains(&name), "`{name}` is not taken");
        let licence =
            package["license"].as_str().unwrap_or_else(|| panic!("`{name}` names no licence")).replace('/', " OR ");
        assert!(taken(&licence), "`{name}` is under {licence}");
        if name == "h2" {
            let version: Vec<u64> = package["version"]
                .as_str()
                .expect("a version")
                .split('.')
                .map(|n| n.parse().expect("a number"))
                .collect();
            assert!(version >= vec![0, 4, 16], "h2 {version:?} has known holes");
        }
    }
}

/// One alternative of `OR` whose parts joined by `AND` are all taken.
fn taken(licence: &str) -> bool {
    let plain = licence.replace(['(', ')'], "");
    plain.split(" OR ").any(|choice| choice.split(" AND ").all(|part| LICENCES.contains(&part.trim())))
        // `(A OR B) AND C`, with the parentheses gone, reads as `A` or `B AND C`.
        || licence.split(" AND ").all(|part| part.replace(['(', ')'], "").split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_the_program_prints_and_reads_the_environment() {
    // What a secret store is made of, and WASI's own streams of a plain run.
    let excepted = ["crates/sidecar/src/secrets/env.rs"];
    for name in ["api", "nn", "sidecar", "runtime", "wit"] {
        let mut files = Vec::new();
        sources(&root().join("crates").join(name).join("src"), &mut files);
        for file in files {
            let shown = file.strip_prefix(root()).expect("below the root").display().to_string();
            if excepted.contains(&shown.as_str()) || shown.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("a source");
            let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for call in [
                "println!",
                "print!(",
                "eprintln!",
                "env::var(",
                "env::var_os(",
                "env::vars(",
                "env::args",
                "TcpListener::bind",
            ] {
                assert!(!own.contains(call), "{shown} says `{call}`");
            }
        }
    }
}

#[test]
fn every_source_says_what_it_is() {
    let mut files = Vec::new();
    for dir in ["crates", "xtask", "benches"] {
        sources(&root().join(dir), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        assert!(text.starts_with("//!"), "{} does not begin with what it is", file.display());
    }
}

#[test]
fn the_map_names_every_crate() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    for entry in fs::read_dir(root().join("crates")).expect("crates") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(map.contains(&format!("`crates/{name}`")), "ARCHITECTURE.md does not name `crates/{name}`");
    }
}
