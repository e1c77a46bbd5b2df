//! A guest without a test fails the build, and so does a folder that the list of guests does not name.

use std::fs;
use std::path::{Path, PathBuf};

use super::list::GUESTS;
use super::{files_below, guests_dir};
use crate::{Result, languages, run};

/// Where the tests are that run guests.
const TESTS: [&str; 2] = ["crates/pillion/tests", "crates/runtime/tests"];
/// Folders of `guests/` that are no guests: two tools of the host, and what guests are written with.
const NO_GUESTS: [&str; 3] = ["bindings", "componentize", "sdk-rust"];

pub(crate) fn check() -> Result<()> {
    let mut faults = unlisted_folders()?;
    faults.extend(untested_guests()?);
    if faults.is_empty() {
        println!("guests: {} listed, each in a test", GUESTS.len() + languages::names().count());
        return Ok(());
    }
    Err(faults.join("\n  ").into())
}

fn unlisted_folders() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(guests_dir())? {
        let folder = entry?;
        let name = folder.file_name().to_string_lossy().into_owned();
        let is_listed = NO_GUESTS.contains(&name.as_str()) || GUESTS.iter().any(|guest| guest.name == name);
        if folder.path().join("Cargo.toml").is_file() && !is_listed {
            faults.push(format!("`guests/{name}` is not in `xtask/src/guests/list.rs`: it is never built"));
        }
    }
    Ok(faults)
}

fn untested_guests() -> Result<Vec<String>> {
    let tests = test_sources()?;
    // As an argument or a row of a table, by path, or in a manifest; the bare word would be found in unrelated text.
    let forms = |name: &str| {
        let argument = [format!("(\"{name}\""), format!(", \"{name}\"")];
        argument.into_iter().chain(["/", "\"", "source: "].map(|before| format!("{before}{name}.wasm")))
    };
    let is_tested = |name: &str| forms(name).into_iter().any(|form| tests.contains(&form));
    let names = GUESTS.iter().map(|guest| guest.name).chain(languages::names());
    Ok(names
        .filter(|name| !is_tested(name))
        .map(|name| {
            format!("guest `{name}` is in no test: no `(\"{name}\"` or `{name}.wasm` in {}", TESTS.join(" or "))
        })
        .collect())
}

fn test_sources() -> Result<String> {
    let is_rust = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    let mut text = String::new();
    for folder in TESTS.map(|folder| run::root().join(folder)).iter().filter(|folder| folder.is_dir()) {
        for file in files_below(folder)?.iter().filter(|file| is_rust(file)) {
            text.push_str(&read(file)?);
        }
    }
    Ok(text)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()).into())
}
