//! Medians with their spread, as a Markdown table.

use super::{process::Seen, reach::ratio};
use std::fmt::Write;

/// All rounds of one way of doing the work.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) rounds: Vec<Seen>,
    pub(super) peak_mib: f64,
}

/// Median, least and most.
pub(super) fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

impl Way {
    /// The median CPU time of a request, in milliseconds.
    pub(super) fn cpu(&self) -> f64 {
        spread(self.rounds.iter().map(|round| round.cpu_ms).collect()).0
    }
}

/// One row a way; ratios are to the first.
pub(super) fn table(ways: &[Way]) -> String {
    let mut out = String::from(
        "| way | requests/s | p50 ms | p99 ms | CPU ms a request [least..most] | x the first | peak MiB | errors |\n|---|---|---|---|---|---|---|---|\n",
    );
    let first = ways.first().map_or(f64::NAN, Way::cpu);
    for way in ways {
        let of = |value: fn(&Seen) -> f64| spread(way.rounds.iter().map(value).collect());
        let (cpu, least, most) = of(|round| round.cpu_ms);
        let errors: f64 = way.rounds.iter().map(|round| round.errors).sum();
        let _ = writeln!(
            out,
            "| {} | {:.1} | {:.2} | {:.2} | {cpu:.2} [{least:.2}..{most:.2}] | {:.2} | {:.1} | {errors} |",
            way.name,
            of(|round| round.rps).0,
            of(|round| round.p50_ms).0,
            of(|round| round.p99_ms).0,
            cpu / first,
            way.peak_mib,
        );
    }
    out
}

/// As [`table`], in microseconds, with ratios to the ways that are named.
pub(super) fn micros_table(ways: &[Way], to: &[&str]) -> String {
    let others: Vec<&Way> = to.iter().filter_map(|name| ways.iter().find(|way| way.name == *name)).collect();
    let mut out = String::from("| way | requests/s | p50 µs | p99 µs | CPU µs a request [least..most] |");
    others.iter().for_each(|other| out.push_str(&format!(" x {} |", other.name)));
    out.push_str(" peak MiB | errors |\n|---|---|---|---|---|");
    out.push_str(&"---|".repeat(others.len() + 2));
    out.push('\n');
    for way in ways {
        let of = |value: fn(&Seen) -> f64| spread(way.rounds.iter().map(value).collect());
        let (cpu, least, most) = of(|round| round.cpu_ms * 1e3);
        let (rps, p50, p99) =
            (of(|round| round.rps).0, of(|round| round.p50_ms).0 * 1e3, of(|round| round.p99_ms).0 * 1e3);
        let _ = write!(out, "| {} | {rps:.0} | {p50:.0} | {p99:.0} | {cpu:.1} [{least:.1}..{most:.1}] |", way.name);
        for other in &others {
            let _ = write!(out, " {:.2} |", ratio(way, other, |seen| seen.cpu_ms).0);
        }
        let errors: f64 = way.rounds.iter().map(|round| round.errors).sum();
        let _ = writeln!(out, " {:.1} | {errors} |", way.peak_mib);
    }
    out
}
