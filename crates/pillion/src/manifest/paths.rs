//! Paths of the manifest: what they are relative to, `~`, and that what they name is there.

use pillion_sidecar::yaml::{Findings, Place, shown, shown_up_to};
use std::path::{Component, Path, PathBuf};

/// Folders that come from the environment, which only the program reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The user's home, for `~` and `~/.dapr`.
    pub(crate) home: Option<PathBuf>,
    /// `DAPR_RUNTIME_PATH`: holds `.dapr` instead of the home.
    pub(crate) runtime: Option<PathBuf>,
    /// Guests that say how they are built may be missing yet.
    pub(crate) unbuilt: bool,
    /// The one app whose files are used, by its id: those of others need not be here. None: every app's must be.
    pub(crate) only: Option<String>,
}

impl Places {
    /// Whether the files of this app are used.
    pub(super) fn uses(&self, app_id: Option<&str>) -> bool {
        self.only.is_none() || self.only.as_deref() == app_id
    }
}

/// What a path must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    File,
    Folder,
    Either,
}

/// What a path is relative to.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    /// None where it is unknown, because the file names a folder that isn't there, or isn't used: then nothing is checked.
    pub(super) folder: Option<&'a Path>,
    pub(super) places: &'a Places,
}

impl Base<'_> {
    /// The path that `text` means.
    pub(super) fn resolve(self, text: &str) -> Result<PathBuf, String> {
        let rest = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => return Ok(tidy(&self.folder.unwrap_or(Path::new("")).join(text))),
        };
        match &self.places.home {
            Some(home) => Ok(tidy(&home.join(rest))),
            None => Err("`~` means nothing here, as `HOME` is not set".to_owned()),
        }
    }

    /// The path that `text` means, if it is there; else a finding says what is missing.
    pub(super) fn existing(
        self,
        key: &str,
        at: Place,
        text: &str,
        wanted: Wanted,
        findings: &mut Findings,
    ) -> Option<PathBuf> {
        let checked = |path| if self.folder.is_some() { check(path, wanted) } else { Ok(path) };
        match self.resolve(text).and_then(checked) {
            Ok(path) => Some(path),
            Err(wrong) => {
                findings.error(at, format!("`{key}: {}`: {wrong}", shown(text)));
                None
            }
        }
    }
}

/// The path, if it names what is wanted.
pub(super) fn check(path: PathBuf, wanted: Wanted) -> Result<PathBuf, String> {
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("`{}` does not exist", named(&path)));
        }
        Err(error) => return Err(format!("`{}` can't be read: {error}", named(&path))),
    };
    match wanted {
        Wanted::File if !found.is_file() => Err(format!("`{}` is not a file", named(&path))),
        Wanted::Folder if !found.is_dir() => Err(format!("`{}` is not a folder", named(&path))),
        _ => Ok(path),
    }
}

/// A path as a message repeats it.
pub(super) fn named(path: &Path) -> String {
    shown_up_to(MAX_SHOWN, &path.to_string_lossy())
}

/// How many characters of a path are repeated in a message.
const MAX_SHOWN: usize = 300;

/// Without `.` segments, for messages; never empty. `..` stays, as what is before it may be a link.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

/// The last name of a path, also where that is written as `.` or `..`.
pub(super) fn base_name(path: &Path) -> Option<String> {
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        None => path.canonicalize().ok()?.file_name()?.to_owned(),
    };
    name.into_string().ok()
}
