//! A call in process, without sockets: a fresh instance, its call, and its end, with and without pages touched.

use super::{
    places::{self, Places},
    process::field,
    reach::Reaches,
    table::spread,
};
use crate::{
    Result,
    run::{read, root},
};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Calls of one batch; the program makes nine.
const CALLS: &str = "500";
/// Writes a word into each of 64 pages of 4 KiB.
pub(super) const TOUCH_64: &str = "(local.set $i (i32.const 262144))
      (loop $touch
        (i32.store (i32.add (local.get $i) (i32.const 131072)) (local.get $i))
        (br_if $touch (local.tee $i (i32.sub (local.get $i) (i32.const 4096)))))";
/// A core module that does nothing, as a command, and one that touches as many pages.
const COMMAND: &str = "(module (memory (export \"memory\") 17) (func (export \"_start\")))";

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let mut report = places::head("A call in process", "instance")?;
    report.push_str("CPU time of all threads of a process that calls one guest after another, without sockets: admission, the way to a guest\nthread and back, `Store`, instance, call, end. Median of the rounds' medians [least..most of these].\n\n| guest | CPU µs a call |\n|---|---|\n");
    let guests = guests(&places)?;
    let mut seen = vec![Vec::new(); guests.len()];
    for _ in 0..rounds {
        for ((_, guest), seen) in guests.iter().zip(&mut seen) {
            seen.push(cpu(&places, guest)?);
        }
    }
    for ((name, _), seen) in guests.iter().zip(&seen) {
        let (median, least, most) = spread(seen.clone());
        let _ = writeln!(report, "| {name} | {median:.1} [{least:.1}..{most:.1}] |");
    }
    let mut reaches = Reaches::default();
    reaches.at_most("a fresh module that touches 64 pages, the whole call", 25.0, " µs", spread(seen[1].clone()));
    let pages = spread(seen[1].iter().zip(&seen[0]).map(|(touched, none)| touched - none).collect()).0;
    let _ = writeln!(report, "\nOf the second, {pages:.1} µs are the 64 pages.");
    let _ = write!(report, "\n## Reach\n\n{}", reaches.table());
    places::keep("instance", &report, &[])
}

fn guests(places: &Places) -> Result<Vec<(&'static str, PathBuf)>> {
    let command = |name: &str, text: &str| {
        let source = places.scratch.join(name).with_extension("wat");
        std::fs::write(&source, text)?;
        places.assemble(&source)
    };
    let touching = COMMAND.replace("\"_start\")", &format!("\"_start\") (local $i i32) {TOUCH_64}"));
    Ok(vec![
        ("a module that does nothing", command("nothing", COMMAND)?),
        ("a module that touches 64 pages", command("touch", &touching)?),
        ("a command that writes a line", places.assemble(&root().join("benches/guests/hello-command.wat"))?),
        ("http, hello world", places.guest("hello", "")?),
        ("http, hello world, 64 pages touched", places.guest("hello-64", TOUCH_64)?),
    ])
}

fn cpu(places: &Places, guest: &Path) -> Result<f64> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(places.release.join("once")).arg(guest).arg(CALLS);
    Ok(field(&read(command.env_remove("RUST_BACKTRACE"))?, "cpu_us"))
}
