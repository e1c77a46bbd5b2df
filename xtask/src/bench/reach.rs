//! What a figure should be, beside what it was.

use super::{process::Seen, table::Way, table::spread};
use std::fmt::Write;

/// The figures of a report that have a reach.
#[derive(Default)]
pub(super) struct Reaches(String);

impl Reaches {
    /// A figure that should be at most `reach`; `seen` is median, least and most.
    pub(super) fn at_most(&mut self, figure: &str, reach: f64, unit: &str, seen: (f64, f64, f64)) {
        self.row(figure, &format!("≤ {reach}{unit}"), seen.0 <= reach, seen);
    }

    /// A figure that should be at least `reach`.
    pub(super) fn at_least(&mut self, figure: &str, reach: f64, unit: &str, seen: (f64, f64, f64)) {
        self.row(figure, &format!("≥ {reach}{unit}"), seen.0 >= reach, seen);
    }

    fn row(&mut self, figure: &str, reach: &str, is_reached: bool, (median, least, most): (f64, f64, f64)) {
        let mark = if is_reached { "reached" } else { "**not reached**" };
        let _ = writeln!(self.0, "| {figure} | {reach} | {median:.2} [{least:.2}..{most:.2}] | {mark} |");
    }

    /// The ratio of two ways, where both are there: by round, so that what disturbed a round is in both.
    pub(super) fn ratio(
        &mut self,
        figure: &str,
        reach: f64,
        one: Option<&Way>,
        other: Option<&Way>,
        of: fn(&Seen) -> f64,
    ) {
        match (one, other) {
            (Some(one), Some(other)) => self.at_most(figure, reach, "", ratio(one, other, of)),
            _ => {
                let _ = writeln!(self.0, "| {figure} | ≤ {reach} | not measured: one side is absent | |");
            }
        }
    }

    /// All of them as a table.
    pub(super) fn table(&self) -> String {
        format!("| figure | reach | seen [least..most] | |\n|---|---|---|---|\n{}\n", self.0)
    }
}

/// Median, least and most of the ratio, by round.
pub(super) fn ratio(one: &Way, other: &Way, of: fn(&Seen) -> f64) -> (f64, f64, f64) {
    spread(one.rounds.iter().zip(&other.rounds).map(|(one, other)| of(one) / of(other)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_of_its_reach_is_said() {
        let mut reaches = Reaches::default();
        reaches.at_most("a", 2.0, " ms", (1.0, 0.5, 3.0));
        reaches.at_most("b", 2.0, " ms", (2.5, 2.0, 3.0));
        reaches.ratio("c", 1.0, None, None, |seen| seen.cpu_ms);
        let table = reaches.table();
        assert!(table.contains("| a | ≤ 2 ms | 1.00 [0.50..3.00] | reached |"), "{table}");
        assert!(table.contains("| b | ≤ 2 ms | 2.50 [2.00..3.00] | **not reached** |"), "{table}");
        assert!(table.contains("| c | ≤ 1 | not measured"), "{table}");
    }
}
