//! What a guest of `pillion:dapr` pays for a call of the host, and the host for a topic event.

use super::{
    places::{self, Places},
    process::field,
    reach::Reaches,
    table::spread,
};
use crate::{Result, guests, run::read};
use std::{fmt::Write, process::Command};

const GUEST: &str = "dapr-calls";
/// Calls of the guest in a batch, each of a thousand reads, and events; the program makes nine.
const CALLS: &str = "200";
/// The most that a state get may cost beyond the sidecar's own work, and a topic event in all.
const REACH_OVER: f64 = 3.0;
const REACH_EVENT: f64 = 60.0;

pub(super) fn run(rounds: usize) -> Result<()> {
    let guest = guests::built(GUEST)?;
    let places = Places::build()?;
    let mut report = places::head("Calls of a dapr guest", "calls")?;
    report.push_str("CPU time of all threads of a process, without sockets: a state get of the sidecar in memory, behind an app's policy; what the same get\ncosts beyond that when a guest in Rust makes it; and a topic event to that guest, with a fresh instance. Median of the rounds' medians\n[least..most of these].\n\n| what | CPU µs |\n|---|---|\n");
    let mut seen = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let mut command = Command::new("taskset");
        command.args(["-c", "1"]).arg(places.release.join("calls")).arg(&guest).arg(CALLS);
        let line = read(command.env_remove("RUST_BACKTRACE"))?;
        for (seen, name) in seen.iter_mut().zip(["native_us", "over_us", "event_us"]) {
            seen.push(field(&line, name));
        }
    }
    let names =
        ["a state get, native", "a state get from a guest, beyond that", "a topic event, with a fresh instance"];
    for (name, seen) in names.iter().zip(&seen) {
        let (median, least, most) = spread(seen.clone());
        let _ = writeln!(report, "| {name} | {median:.2} [{least:.2}..{most:.2}] |");
    }
    let [_, over, event] = seen;
    let mut reaches = Reaches::default();
    reaches.at_most("a state get from a guest, over the native call", REACH_OVER, " µs", spread(over));
    reaches.at_most("a topic event to a Rust guest, with a fresh instance", REACH_EVENT, " µs", spread(event));
    let _ = write!(report, "\n## Reach\n\n{}", reaches.table());
    places::keep("calls", &report, &[])
}
