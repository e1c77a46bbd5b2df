//! `databases:`: the files of SQLite that the guests open by name.

use super::{
    keys::{self, DATABASE},
    paths::{Base, Wanted, check, named},
    units,
    wasm::check_name,
};
use pillion_sidecar::{
    DatabaseFile,
    yaml::{Entry, Fields, Findings, Place, Unknown, shown},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How many databases one app may name.
pub(super) const MAX_DATABASES: usize = 20;
/// Bytes that a database may hold whose `size` is not given.
const DEFAULT_SIZE: u64 = 256 << 20;
/// The least `size`: a table, its index and what SQLite itself keeps.
const MIN_SIZE: u64 = 64 << 10;

/// Reads the entries of `databases:`.
pub(super) fn read(
    entries: &[Entry],
    owner: &str,
    base: Base<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, DatabaseFile> {
    if let Some(entry) = entries.get(MAX_DATABASES) {
        findings.error(entry.at, format!("{owner}: more than {MAX_DATABASES} databases"));
    }
    let mut databases = BTreeMap::new();
    let mut taken: Vec<(PathBuf, &str)> = Vec::new();
    for entry in entries.iter().take(MAX_DATABASES) {
        check_name(&entry.key, "a database", entry.at, findings);
        let owner = format!("{owner}: database `{}`", shown(&entry.key));
        let Some((file, at)) = read_database(entry, &owner, base, findings) else { continue };
        let real = real(&file.path);
        if let Some((_, other)) = taken.iter().find(|(path, _)| *path == real) {
            let message = format!("{owner}: `{}` is the file of database `{}`", named(&file.path), shown(other));
            findings.error_hint(at, message, "give each database a file of its own, or remove one of the names");
        }
        taken.push((real, &entry.key));
        databases.insert(entry.key.clone(), file);
    }
    databases
}

fn read_database(entry: &Entry, owner: &str, base: Base<'_>, findings: &mut Findings) -> Option<(DatabaseFile, Place)> {
    let mut fields = Fields::open(&entry.value, owner, findings)?;
    let at = fields.entry("file").map_or(entry.at, |entry| entry.value.at);
    let text = fields.required_text("file", findings);
    let size = fields.parsed("size", size, findings).unwrap_or(DEFAULT_SIZE);
    keys::close(fields, &[DATABASE], Unknown::Error, findings);
    let text = text?;
    match base.resolve(text).and_then(|path| if base.folder.is_some() { to_be(path) } else { Ok(path) }) {
        Ok(path) => Some((DatabaseFile { path, size }, at)),
        Err(wrong) => {
            findings.error(at, format!("{owner}: `file: {}`: {wrong}", shown(text)));
            None
        }
    }
}

/// The path of a file that is there, or can be made.
fn to_be(path: PathBuf) -> Result<PathBuf, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(ending) = SQLITES_OWN.iter().find(|ending| name.ends_with(*ending)) {
        return Err(format!("SQLite keeps files of its own under names that end with `{ending}`"));
    }
    if path.symlink_metadata().is_ok() {
        return check(path, Wanted::File);
    }
    if path.file_name().is_none() {
        return Err("it names no file".to_owned());
    }
    check(folder_of(&path).to_owned(), Wanted::Folder).map_err(|wrong| format!("its folder {wrong}"))?;
    Ok(path)
}

/// Beside `app.db`, SQLite itself writes `app.db-wal`.
const SQLITES_OWN: [&str; 3] = ["-wal", "-shm", "-journal"];

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The same for two spellings of one file, whether or not it is there.
fn real(path: &Path) -> PathBuf {
    let of_folder = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    match units::size(text)? {
        size if size >= MIN_SIZE => Ok(size),
        _ => Err(format!("a database needs at least {MIN_SIZE} bytes")),
    }
}
