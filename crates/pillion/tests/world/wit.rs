//! The packages `pillion:dapr` and `pillion:workflow`: what was released stays as it was.

use super::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The packages of this project, each by its folder.
const PACKAGES: [&str; 2] = ["dapr", "workflow"];

fn package(dir: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // The packages of others, in a folder below, are no part of it.
        name.ends_with(".wit").then(|| (name, fs::read_to_string(entry.path()).expect("text")))
    };
    files.filter_map(|entry| read(entry.expect("an entry"))).collect()
}

/// A change of a released package needs another version, and a frozen copy of its own.
#[test]
fn the_package_is_that_of_its_release() {
    for name in PACKAGES {
        let frozen = package(&root().join(format!("wit/released/{name}-0.1.0")));
        let now = package(&root().join("wit").join(name));
        assert_eq!(now.keys().collect::<Vec<_>>(), frozen.keys().collect::<Vec<_>>(), "the files of the package");
        for (file, text) in &now {
            let stale = format!("`wit/{name}/{file}` is not as it was released: give the package a new version");
            assert_eq!(text, &frozen[file], "{stale}");
        }
    }
}

/// As `guests/bindings` computes it.
fn digest(package: &BTreeMap<String, String>) -> u64 {
    let bytes = package.values().flat_map(|text| text.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_sdks_bindings_are_made_of_the_package_as_it_is() {
    let [of_dapr, of_workflow] =
        PACKAGES.map(|name| format!("{:016x}", digest(&package(&root().join("wit").join(name)))));
    let folder = root().join("guests/sdk-rust/src/bindings");
    let files = fs::read_dir(folder).expect("the bindings").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 9, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("text");
        let first = text.lines().next().unwrap_or_default();
        let expected = if file.ends_with("workflow_handler.rs") { &of_workflow } else { &of_dapr };
        assert!(first.contains(expected), "{} is stale: run `cargo xtask guests --bindings`", file.display());
    }
}

#[test]
fn every_function_says_what_it_stands_for() {
    let mut silent = Vec::new();
    for (file, text) in PACKAGES.into_iter().flat_map(|name| package(&root().join("wit").join(name))) {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[1].contains(": func(")) {
            if !pair[0].trim_start().starts_with("///") {
                silent.push(format!("{file}: {}", pair[1].trim()));
            }
        }
    }
    assert!(silent.is_empty(), "no doc comment: {silent:#?}");
}
