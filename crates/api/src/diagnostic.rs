//! What is wrong with a file, and where: checked wholly before a port is bound.

use std::{fmt, path::PathBuf};

/// Whether a start is possible all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is not acted on.
    Warning,
    /// Nothing is started.
    Error,
}

/// One finding in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether a start is possible all the same.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: PathBuf,
    /// Line and column, both from 1; none where the finding is about the whole file.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What would help.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error in a file.
    pub fn error(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.into(), at: None, message: message.into(), hint: None }
    }

    /// A warning about a file.
    pub fn warning(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, message) }
    }

    /// At a line and column, both from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.at = Some((line, column));
        self
    }

    /// With what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.file.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

/// The candidate nearest to a mistyped name, if one is near enough to be meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edits(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in bytes. Names are short, so one row of the table is enough.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_name() {
        let names = ["state.sqlite", "state.in-memory", "pubsub.in-memory"];
        assert_eq!(nearest("state.sqllite", names), Some("state.sqlite"));
        assert_eq!(nearest("State.SQLite", names), Some("state.sqlite"));
        assert_eq!(nearest("bindings.kafka", names), None);
    }

    #[test]
    fn a_diagnostic_reads_as_compilers_write_it() {
        let found = Diagnostic::error("dapr.yaml", "unknown key `sorce`").at(3, 7).hint("did you mean `source`?");
        assert_eq!(found.to_string(), "error: dapr.yaml:3:7: unknown key `sorce`\nhint: did you mean `source`?");
    }
}
