//! The manifest from text to findings: `findings.txt` is the table, these are its harness and what a table can't say.

mod full;
mod hostile;
mod lone;
mod places;

use super::{Manifest, Places};
use pillion_api::Diagnostic;
use std::{fmt::Write, fs, path::Path};

/// A folder with everything that a manifest of the table may name.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["components", "static", "data", "app", "home/.dapr/components"] {
        fs::create_dir_all(dir.path().join(name)).expect("a folder");
    }
    for name in ["guest.wasm", "other.wasm", "model.tflite", "labels.txt", "config.yaml", "app/own.wasm"] {
        fs::write(dir.path().join(name), "").expect("a file");
    }
    dir
}

fn load(dir: &Path, text: &str) -> Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>> {
    fs::write(dir.join("dapr.yaml"), text).expect("written");
    Manifest::load(dir, &Places { home: Some(dir.join("home")), ..Places::default() })
}

#[track_caller]
fn good(dir: &Path, text: &str) -> Manifest {
    match load(dir, text) {
        Ok((manifest, _)) => manifest,
        Err(found) => panic!("{text}\n{}", shown(dir, &found)),
    }
}

/// The findings as a user sees them who stands in the folder.
fn shown(dir: &Path, found: &[Diagnostic]) -> String {
    let text: String = found.iter().map(|found| format!("{found}\n")).collect();
    text.replace(&format!("{}/", dir.display()), "")
}

/// Cases are separated by `====`: a rule, a manifest, `----`, its findings. `UPDATE_EXPECT=1` writes what was found.
#[test]
fn every_manifest_of_the_table_has_its_findings() {
    let table = include_str!("findings.txt");
    let dir = folder();
    let mut updated = String::new();
    let mut wrong = String::new();
    for case in table.split("====\n").filter(|case| !case.trim().is_empty()) {
        let (rule, rest) = case.trim_start().split_once('\n').expect("a rule");
        let (text, expected) = rest.split_once("----\n").unwrap_or((rest, ""));
        let found = load(dir.path(), text).map_or_else(|found| found, |(_, warnings)| warnings);
        let found = shown(dir.path(), &found);
        write!(updated, "{rule}\n{text}----\n{found}====\n").expect("a string");
        if found != expected {
            write!(wrong, "{rule}\n{text}---- expected\n{expected}---- found\n{found}\n").expect("a string");
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifest/tests/findings.txt");
        fs::write(path, updated).expect("written");
    }
    assert!(wrong.is_empty(), "{wrong}");
}
