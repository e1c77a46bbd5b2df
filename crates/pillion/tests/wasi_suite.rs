//! WebAssembly's own test suite of WASI, preview 1: its 72 programs through `pillion run`, each with what its JSON says.
//!
//! The suite's binaries are in no package of a registry. Who has them (the branch `prod/testsuite-base` of the suite's
//! repository) names the folder that holds `tests` by `PILLION_WASI_TESTSUITE_DIR`; without it this is counted as skipped.

mod common;

use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Programs of preview 1 in the suite; with fewer of them the folder is not the suite's.
const PROGRAMS: usize = 72;

/// What the suite says of a program.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// The folder that it sees as its root, beside the program.
    root: Option<PathBuf>,
    exit_code: i32,
    stdout: Option<String>,
}

fn programs(suite: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for language in ["assemblyscript", "c", "rust"] {
        let folder = suite.join("tests").join(language).join("testsuite/wasm32-wasip1");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let files = entries.map(|entry| entry.expect("an entry").path());
        all.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "wasm")));
    }
    all.sort();
    all
}

fn spec(program: &Path) -> Spec {
    match fs::read(program.with_extension("json")) {
        Ok(text) => serde_json::from_slice(&text).expect("JSON"),
        Err(_) => Spec::default(),
    }
}

/// A copy: programs write to it, and the next one must find it as it was.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// What is wrong with a run.
fn fault(program: &Path) -> Option<String> {
    let spec = spec(program);
    let scratch = tempfile::tempdir().expect("a folder");
    let mut command = common::pillion();
    command.arg("run").stdin(Stdio::null()).current_dir(scratch.path());
    for (name, value) in &spec.env {
        command.args(["--env", &format!("{name}={value}")]);
    }
    if let Some(root) = &spec.root {
        let folder = scratch.path().join("root");
        copy(&program.parent().expect("a folder").join(root), &folder);
        command.args(["--dir", &format!("{}::/", folder.display())]);
    }
    let output = command.arg(program).arg("--").args(&spec.args).output().expect("the binary starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let as_said = output.status.code() == Some(spec.exit_code) && spec.stdout.is_none_or(|said| said == stdout);
    (!as_said).then(|| {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("{}: {}\n{stdout}\n{stderr}", program.display(), output.status)
    })
}

#[test]
fn the_suite_of_preview_1_passes() {
    let Some(suite) = std::env::var_os("PILLION_WASI_TESTSUITE_DIR").map(PathBuf::from) else {
        return println!("skipped: the_suite_of_preview_1_passes: PILLION_WASI_TESTSUITE_DIR names no folder");
    };
    let programs = programs(&suite);
    assert_eq!(programs.len(), PROGRAMS, "the programs of `{}`", suite.display());
    let faults: Vec<String> = programs.iter().filter_map(|program| fault(program)).collect();
    assert!(faults.is_empty(), "{} of {PROGRAMS} failed:\n{}", faults.len(), faults.join("\n"));
}
