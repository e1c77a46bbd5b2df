//! How many guests fit: memory of an idle guest and of a running instance, mappings, and the time that loading takes.

use super::{
    places::{self, Places},
    process::field,
    reach::Reaches,
    table::spread,
};
use crate::{Result, run::read};
use std::{fmt::Write, fs, path::Path, process::Command};

const COUNTS: [usize; 4] = [1, 100, 1_000, 10_000];
/// As many as run at a time by default, less some room.
const LIVE: usize = 200;

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let cache = places.scratch.join("density-cache");
    let mut report = places::head("Density", "density")?;
    report.push_str("Small http guests in one process, each an app of its own, as files of compiled code in a warm cache: one different from the\nothers in a word, or all the same, or different with the code of ten in memory and the rest left to come back at a call.\nPages of the code that no call has touched count where the kernel has them resident.\n\n");
    report.push_str("| guests | | resident MiB | each KiB | anonymous each KiB | mappings | mappings each | load each ms | first call ms |\n|---|---|---|---|---|---|---|---|---|\n");
    let mut reaches = Reaches::default();
    for what in ["distinct", "same", "left"] {
        for count in COUNTS {
            let text = measure(&places, &cache, what, count)?;
            row(&mut report, what, count, &text);
            if count == COUNTS[COUNTS.len() - 1] {
                judge(&mut reaches, what, &text);
            }
        }
    }
    let live: Result<Vec<f64>> =
        (0..rounds).map(|_| Ok(field(&density(&places, &cache, "live", LIVE)?, "each_kib"))).collect();
    reaches.at_most(&format!("a live instance of {LIVE}, which touches no page"), 16.0, " KiB", spread(live?));
    fs::remove_dir_all(&cache)?;
    let _ = write!(report, "\n## Reach\n\n{}", reaches.table());
    places::keep("density", &report, &[])
}

/// The first run compiles and fills the cache; the second is measured.
fn measure(places: &Places, cache: &Path, what: &str, count: usize) -> Result<String> {
    println!("density: {count} {what}");
    density(places, cache, what, count)?;
    density(places, cache, what, count)
}

fn density(places: &Places, cache: &Path, what: &str, count: usize) -> Result<String> {
    read(Command::new(places.release.join("density")).arg(cache).args([what, &count.to_string()]))
}

fn row(report: &mut String, what: &str, count: usize, text: &str) {
    let field = |name| field(text, name);
    let _ = writeln!(
        report,
        "| {count} | {what} | {:.1} | {:.1} | {:.1} | {:.0} | {:.2} | {:.3} | {:.3} |",
        field("resident_kib") / 1024.0,
        field("each_kib"),
        field("anonymous_each_kib"),
        field("mappings"),
        field("mappings_each"),
        field("load_us") / 1e3,
        field("first_call_us") / 1e3
    );
}

fn judge(reaches: &mut Reaches, what: &str, text: &str) {
    let once = |name| (field(text, name), field(text, name), field(text, name));
    let scaled = |name, by: f64| (field(text, name) / by, field(text, name) / by, field(text, name) / by);
    if what == "same" {
        return reaches.at_most("the same component again", 2.0, " KiB", once("each_kib"));
    }
    if what == "left" {
        return;
    }
    reaches.at_most("an idle distinct small guest", 80.0, " KiB", once("each_kib"));
    // The reach is in the megabytes of sellers of memory.
    reaches.at_most("10,000 distinct small guests in one process", 800.0, " MB", scaled("resident_kib", 1e3 / 1.024));
    reaches.at_most("to load each of them", 0.5, " ms", scaled("load_us", 1e3));
}
