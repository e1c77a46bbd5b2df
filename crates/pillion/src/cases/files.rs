//! Finds test files: `*.test.yaml` in an app's folder, in its `tests` folder, and in those of the run file.

use crate::manifest::Manifest;
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

/// How many test files one run takes.
const MAX_FILES: usize = 1000;
/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 100_000;
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];
const FOLDER: &str = "tests";

/// Whether a path is named as test files are.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ENDINGS.iter().any(|ending| name.ends_with(ending) && name.len() > ending.len())
}

/// The test files of a run file's apps, sorted.
///
/// # Errors
/// A folder that can't be read; too many files.
pub(crate) fn find(manifest: &Manifest) -> Result<Vec<PathBuf>> {
    let own = manifest.path.parent().unwrap_or(Path::new(""));
    let apps = manifest.apps.iter().map(|app| app.dir.as_path());
    let folders: BTreeSet<PathBuf> = apps.chain([own]).map(plain).collect();
    let mut found = BTreeSet::new();
    for folder in folders {
        for folder in [folder.clone(), folder.join(FOLDER)] {
            found.extend(within(&folder)?);
        }
    }
    if found.len() > MAX_FILES {
        bail!("there are more than {MAX_FILES} test files");
    }
    Ok(found.into_iter().collect())
}

/// A folder as it is spelt once: `appDirPath: .` is that of the run file.
fn plain(folder: &Path) -> PathBuf {
    folder.components().filter(|part| *part != Component::CurDir).collect()
}

fn within(folder: &Path) -> Result<Vec<PathBuf>> {
    // The folder of a lone `dapr.yaml` is spelt as nothing at all.
    let spelt = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !spelt.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(spelt).with_context(|| format!("`{}` can't be read", spelt.display()))?;
    let names = entries.take(MAX_ENTRIES).filter_map(Result::ok).map(|entry| entry.file_name());
    let files = names.map(|name| folder.join(name)).filter(|path| is_test_file(path) && path.is_file());
    Ok(files.collect())
}
