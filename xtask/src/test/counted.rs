//! Runs a test command, shows what matters of its output, and counts: also the tests that skipped themselves.

use crate::Result;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// A test that can't run here prints a line that begins like this, with its name and the reason.
const SKIPPED: &str = "skipped: ";

/// What all test commands of a run counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) reasons: Vec<String>,
}

impl Counts {
    pub(super) fn skipped(&self) -> usize {
        self.reasons.len()
    }

    /// Counts a part that can't run here.
    pub(super) fn skip(&mut self, reason: &str) {
        println!("{reason}");
        self.reasons.push(reason.to_owned());
    }

    /// Runs `command`, whose tests show their output.
    pub(super) fn run(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the output was not piped")?;
        let mut of_successes = false;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            match line.as_str() {
                "successes:" => of_successes = true,
                "failures:" => of_successes = false,
                _ => {}
            }
            if line.starts_with("test result:") {
                of_successes = false;
                self.add(&line);
            }
            if line.starts_with(SKIPPED) {
                self.reasons.push(line.clone());
            }
            if !of_successes && !line.is_empty() {
                println!("{line}");
            }
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("tests failed: {status}").into()) }
    }

    /// `test result: ok. 3 passed; 0 failed; …`
    fn add(&mut self, line: &str) {
        let count = |word: &str| -> usize {
            let before = line.split_once(&format!(" {word};")).map_or("", |(before, _)| before);
            before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
    }
}
