//! Everything that goes to standard output: the lines of `dapr run` that people grep for, and results.

use serde::Serialize;
use std::io::{IsTerminal, Write};

/// One line of the program's own.
pub(crate) fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// One line that a native app printed, as the Dapr CLI shows it.
pub(crate) fn app_line(app_id: &str, text: &str) {
    let text: String =
        text.chars().map(|c| if c.is_control() && c != '\t' && c != '\x1b' { '\u{fffd}' } else { c }).collect();
    write(&format!("== APP - {app_id} == {text}\n"));
}

/// A result for programs.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A note for people about long work: on standard error if that is a terminal, else in the log.
pub(crate) fn progress(text: &str) {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = writeln!(err, "{text}");
    } else {
        drop(err);
        tracing::info!("{text}");
    }
}

/// A finding or a failure, on standard error.
pub(crate) fn problem(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

// A reader that went away is no reason to end: the apps go on.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
