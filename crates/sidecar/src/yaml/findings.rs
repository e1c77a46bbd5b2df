//! What was found in one file, in order, and not without end.

use super::Place;
use pillion_api::{
    Diagnostic,
    diagnostic::{Severity, nearest},
};
use std::path::{Path, PathBuf};

/// How many findings of one file are kept: more help nobody, and a hostile file could ask for a hundred thousand.
pub const MAX_FINDINGS: usize = 100;
/// How many characters of a wrong value are repeated in a message.
const MAX_SHOWN: usize = 60;

/// Collects the findings of one file.
#[derive(Debug)]
pub struct Findings {
    file: PathBuf,
    found: Vec<Diagnostic>,
    left_out: usize,
    errors: bool,
}

impl Findings {
    /// Nothing found yet in `file`, named as the user named it.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), found: Vec::new(), left_out: 0, errors: false }
    }

    /// The file that is read.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Adds an error at a place.
    pub fn error(&mut self, at: Place, message: impl Into<String>) {
        self.errors = true;
        self.keep(|file| Diagnostic::error(file, message).at(at.0, at.1));
    }

    /// Adds an error at a place, with what would help.
    pub fn error_hint(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.errors = true;
        self.keep(|file| Diagnostic::error(file, message).at(at.0, at.1).hint(hint));
    }

    /// Adds a warning at a place.
    pub fn warning(&mut self, at: Place, message: impl Into<String>) {
        self.keep(|file| Diagnostic::warning(file, message).at(at.0, at.1));
    }

    /// Adds a finding that was made elsewhere, about any file.
    pub fn push(&mut self, found: Diagnostic) {
        self.errors |= found.severity == Severity::Error;
        self.keep(|_| found);
    }

    /// Adds an unknown name at a place, with the nearest of the known ones.
    pub fn unknown<'a>(
        &mut self,
        severity: Severity,
        at: Place,
        message: impl Into<String>,
        typed: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        self.errors |= severity == Severity::Error;
        self.keep(|file| {
            let found = Diagnostic { severity, ..Diagnostic::error(file, message).at(at.0, at.1) };
            match nearest(typed, known) {
                Some(name) => found.hint(format!("did you mean `{name}`?")),
                None => found,
            }
        });
    }

    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.errors
    }

    /// All findings, in the order of their places.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by_key(|diagnostic| diagnostic.at);
        if self.left_out > 0 {
            // An error must not vanish behind a hundred warnings.
            let severity = if self.errors { Severity::Error } else { Severity::Warning };
            let message = format!("{} more findings are left out", self.left_out);
            found.push(Diagnostic { severity, ..Diagnostic::error(self.file, message) });
        }
        found
    }

    /// The value with the warnings, or all findings where one is an error.
    ///
    /// # Errors
    /// The findings.
    pub fn finish<T>(self, value: T) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        match self.has_errors() {
            true => Err(self.into_vec()),
            false => Ok((value, self.into_vec())),
        }
    }

    fn keep(&mut self, make: impl FnOnce(&Path) -> Diagnostic) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(make(&self.file));
        } else {
            self.left_out += 1;
        }
    }
}

/// A value from a file as a message repeats it: cut, and without characters that a terminal would obey.
pub fn shown(text: &str) -> String {
    shown_up_to(MAX_SHOWN, text)
}

/// As [`shown`], cut after `most` characters.
pub fn shown_up_to(most: usize, text: &str) -> String {
    let plain = |c: char| matches!(c, '"' | '\'' | '\\');
    let mut out = String::new();
    for c in text.chars().take(most) {
        if plain(c) { out.push(c) } else { out.extend(c.escape_debug()) }
    }
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}
