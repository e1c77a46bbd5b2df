//! Which files changed: a look at their times and lengths now and again. Half a second late is soon enough for a person,
//! and a look works on every file system, shared folders of a container included, where notices of the kernel don't come.

use anyhow::{Context, Result};
use glob::{MatchOptions, Pattern};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Files that one look takes in.
const MAX_FILES: usize = 20_000;
/// Folders of tools, whose files nobody writes by hand.
const TOOLS: [&str; 4] = ["target", "node_modules", "__pycache__", "build"];
/// A star stays within a folder's name.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Files below a folder.
#[derive(Debug)]
pub(crate) struct Watched {
    folder: PathBuf,
    /// None is every file that isn't hidden or a tool's.
    patterns: Vec<Pattern>,
    /// What a build writes there itself.
    outputs: Vec<PathBuf>,
}

/// Each file with its time and length.
pub(crate) type Look = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Watched {
    /// Files of a folder by patterns relative to it.
    ///
    /// # Errors
    /// A pattern that is none.
    pub(crate) fn new(folder: &Path, patterns: &[String], outputs: Vec<PathBuf>) -> Result<Self> {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
        let pattern = |text: &String| Pattern::new(text).with_context(|| format!("`watch: [{text}]`"));
        Ok(Self { folder, patterns: patterns.iter().map(pattern).collect::<Result<_>>()?, outputs })
    }

    /// One file.
    pub(crate) fn file(path: &Path) -> Self {
        Self { folder: path.to_owned(), patterns: Vec::new(), outputs: Vec::new() }
    }

    /// How the files are. What can't be read isn't there.
    pub(crate) fn look(&self) -> Look {
        let mut look = Look::new();
        self.collect(&self.folder, &mut look);
        look
    }

    fn collect(&self, path: &Path, look: &mut Look) {
        let Ok(metadata) = fs::metadata(path) else { return };
        if metadata.is_file() {
            if look.len() < MAX_FILES && self.wants(path) {
                let time = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                look.insert(path.to_owned(), (time, metadata.len()));
            }
            return;
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A link to a folder above would lead round and round.
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let is_left_out = TOOLS.contains(&&*name) || name.starts_with('.') || is_link && entry.path().is_dir();
            if !is_left_out && look.len() < MAX_FILES {
                self.collect(&entry.path(), look);
            }
        }
    }

    fn wants(&self, path: &Path) -> bool {
        if self.outputs.iter().any(|output| is_same(output, path)) {
            return false;
        }
        let below = path.strip_prefix(&self.folder).unwrap_or(path);
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches_path_with(below, OPTIONS))
    }
}

/// A path may be written in several ways: `x`, `./x`, `a/../x`.
fn is_same(a: &Path, b: &Path) -> bool {
    let really = |path: &Path| path.canonicalize().ok();
    a.file_name() == b.file_name() && (a == b || really(a).is_some_and(|a| really(b) == Some(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(watched: &Watched, folder: &Path) -> Vec<String> {
        let below = |path: &PathBuf| path.strip_prefix(folder).expect("below").display().to_string();
        watched.look().keys().map(below).collect()
    }

    #[test]
    fn patterns_choose_files_and_outputs_are_left_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path();
        for path in ["src/a.rs", "src/deep/b.rs", "Cargo.toml", "out.wasm", "target/x", ".git/y", "main.go"] {
            fs::create_dir_all(folder.join(path).parent().expect("a folder")).expect("a folder");
            fs::write(folder.join(path), "").expect("written");
        }
        for (patterns, wanted) in [
            (&["src/**/*", "Cargo.toml"][..], &["Cargo.toml", "src/a.rs", "src/deep/b.rs"][..]),
            (&["src/**"], &["src/a.rs", "src/deep/b.rs"]),
            (&["src/*"], &["src/a.rs"]),
            (&["*.go"], &["main.go"]),
            (&[], &["Cargo.toml", "main.go", "src/a.rs", "src/deep/b.rs"]),
        ] {
            let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            let watched = Watched::new(folder, &patterns, vec![folder.join("out.wasm")]).expect("patterns");
            assert_eq!(names(&watched, folder), wanted, "{patterns:?}");
        }
    }

    #[test]
    fn a_change_is_seen_and_so_is_an_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("a");
        fs::write(&file, "1").expect("written");
        let watched = Watched::file(&file);
        let first = watched.look();
        assert_eq!((first.len(), watched.look() == first), (1, true));
        fs::write(&file, "12").expect("written");
        assert_ne!(watched.look(), first);
        fs::remove_file(&file).expect("removed");
        assert!(watched.look().is_empty());
    }
}
