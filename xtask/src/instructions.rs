//! Instructions of a call, counted by callgrind: a cost that a busy machine doesn't change, so that a test can hold it.
//!
//! What is counted is the tests' own build, whose dependencies are optimised a little only: counts are compared with
//! counts of the same build, and a release build would take the machine for minutes. They go with the compiler
//! (`rust-toolchain.toml`) and Wasmtime's version; who changes either writes new ones.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    Result, guests,
    run::{cargo, check as run, find, root, target},
};

/// Name, the guest, and further words for the program that calls it. A guest is a text in `benches/guests`, or built by its name.
const GUESTS: &[(&str, &str, &[&str])] = &[
    ("http-fresh", "hello.wat", &[]),
    ("http-reuse", "hello.wat", &["reuse"]),
    ("http-0.3-fresh", "http-service", &["/count"]),
    ("http-call", "http-call", &["next"]),
    ("command-fresh", "hello-command.wat", &[]),
    ("bindgen-fresh", "bindgen.wat", &[]),
];
/// The difference of these leaves out the start, compilation included.
const CALLS: (u32, u32) = (100, 600);
/// How much more is a failure.
const TOLERANCE: f64 = 0.05;
/// Ticks of the epoch come by the clock and only ever add: a figure that seems too high is taken again, the least counts.
const TRIES: usize = 3;
const FIGURES: &str = "benches/instructions.txt";

/// Compares with the figures that are checked in.
pub(crate) fn check() -> Result<()> {
    let once = prepare()?;
    let text = fs::read_to_string(root().join(FIGURES))?;
    let known = read_figures(&text)?;
    let mut seen = Vec::new();
    for (name, guest, words) in GUESTS {
        let before = *known.get(*name).ok_or_else(|| format!("`{FIGURES}` has no `{name}`; {}", advice()))?;
        seen.push(Seen { name, before, after: least(&once, &file(guest)?, words, before)? });
    }
    let (table, is_good) = judge(&seen);
    println!("{table}");
    if is_good {
        return Ok(());
    }
    Err(format!(
        "a call takes more than {} % more instructions than before; if it is worth them, {}",
        TOLERANCE * 100.0,
        advice()
    )
    .into())
}

/// Counts, and writes the figures.
pub(crate) fn write() -> Result<()> {
    let once = prepare()?;
    let mut text = format!(
        "# Instructions of a call, in the tests' build. Written by `{WRITE}`, held by `cargo xtask test instructions`.\n"
    );
    for (name, guest, words) in GUESTS {
        let count = least(&once, &file(guest)?, words, 0.0)?;
        println!("{name} {count:.0}");
        let _ = writeln!(text, "{name} {count:.0}");
    }
    Ok(fs::write(root().join(FIGURES), text)?)
}

const WRITE: &str = "cargo xtask bench instructions";

fn advice() -> String {
    format!("write new figures with `{WRITE}`")
}

struct Seen<'a> {
    name: &'a str,
    before: f64,
    after: f64,
}

/// The table, and whether every figure is within the tolerance.
fn judge(seen: &[Seen]) -> (String, bool) {
    let mut table = format!("{:<16} {:>10} {:>10} {:>8}\n", "guest", "before", "now", "");
    for Seen { name, before, after } in seen {
        let change = (after / before - 1.0) * 100.0;
        let note = match change / 100.0 {
            more if more > TOLERANCE => "too much",
            less if less < -TOLERANCE => "less: worth new figures",
            _ => "",
        };
        let _ = writeln!(table, "{name:<16} {before:>10.0} {after:>10.0} {change:>+7.1} % {note}");
    }
    (table, seen.iter().all(|seen| seen.after <= seen.before * (1.0 + TOLERANCE)))
}

fn read_figures(text: &str) -> Result<BTreeMap<&str, f64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let figure = |line| -> Result<_> {
        let (name, count) = str::split_once(line, ' ').ok_or_else(|| format!("`{FIGURES}`: no figure in `{line}`"))?;
        Ok((name, count.trim().parse().map_err(|_| format!("`{FIGURES}`: no number in `{line}`"))?))
    };
    lines.map(figure).collect()
}

/// The program that calls guests, as the tests have it.
fn prepare() -> Result<PathBuf> {
    if find("valgrind").is_none() {
        return Err("no `valgrind` in PATH; `cargo xtask test tools` installs it where apt-get can".into());
    }
    // A test of the same package makes cargo build it with the features of all tests.
    let build = ["test", "--quiet", "--workspace", "--test", "programs", "--no-run"];
    run(Command::new(cargo()).args(build).current_dir(root()))?;
    Ok(target().join("debug/once"))
}

fn file(guest: &str) -> Result<PathBuf> {
    if guest.ends_with(".wat") { Ok(root().join("benches/guests").join(guest)) } else { guests::built(guest) }
}

/// The least of a few tries; one is enough where it is within the tolerance.
fn least(once: &Path, guest: &Path, words: &[&str], before: f64) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..TRIES {
        least = least.min(a_call(once, guest, words)?);
        if least <= before * (1.0 + TOLERANCE) {
            break;
        }
    }
    Ok(least)
}

fn a_call(once: &Path, guest: &Path, words: &[&str]) -> Result<f64> {
    let (few, many) = (start(once, guest, words, CALLS.0)?, start(once, guest, words, CALLS.1)?);
    Ok((collected(many)? - collected(few)?) / f64::from(CALLS.1 - CALLS.0))
}

fn start(once: &Path, guest: &Path, words: &[&str], calls: u32) -> Result<Child> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(once);
    command.arg(guest).args([&calls.to_string(), "count"]).args(words);
    command.env_remove("RUST_BACKTRACE");
    Ok(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
}

/// The number of callgrind's line `Collected : N`.
fn collected(child: Child) -> Result<f64> {
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let count = text.split("Collected :").nth(1).and_then(|rest| rest.split_whitespace().next());
    match count.map(str::parse) {
        Some(Ok(count)) if output.status.success() => Ok(count),
        _ => Err(format!("callgrind counted nothing: {text}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_tolerance_fails_and_less_does_not() {
        let check = |after, is_good| {
            let (table, good) = judge(&[Seen { name: "a", before: 1000.0, after }]);
            assert_eq!(good, is_good, "{table}");
        };
        check(1049.0, true);
        check(1051.0, false);
        check(500.0, true);
    }

    #[test]
    fn figures_are_read_as_they_are_written() {
        let figures = read_figures("# a comment\nhttp-fresh 140000\n\nb 2\n").expect("figures");
        assert_eq!(figures.into_iter().collect::<Vec<_>>(), [("b", 2.0), ("http-fresh", 140_000.0)]);
        assert!(read_figures("http-fresh").is_err() && read_figures("a b").is_err());
    }
}
