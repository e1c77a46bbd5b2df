//! `cargo xtask bench`: servers and load side by side, interleaved, CPU from the kernel's own accounting.

mod anchors;
mod calls;
mod daprd;
mod density;
mod http;
mod instance;
mod neighbours;
mod overload;
mod pictures;
mod places;
mod plot;
mod process;
mod reach;
mod start;
mod table;

use crate::Result;

/// A benchmark; its file has its name.
struct Bench {
    name: &'static str,
    /// Rounds where none are asked for.
    rounds: usize,
    run: fn(usize) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "http", rounds: 7, run: http::run },
    Bench { name: "instance", rounds: 5, run: instance::run },
    Bench { name: "calls", rounds: 5, run: calls::run },
    Bench { name: "start", rounds: 9, run: start::run },
    Bench { name: "density", rounds: 3, run: density::run },
    Bench { name: "neighbours", rounds: 3, run: neighbours::run },
    Bench { name: "overload", rounds: 3, run: overload::run },
    Bench { name: "daprd", rounds: 5, run: daprd::run },
    Bench { name: WRITES, rounds: 1, run: |_| crate::instructions::write() },
    Bench { name: "pictures", rounds: 7, run: pictures::run },
];

/// Writes what a test holds: done when that is meant, not with all.
const WRITES: &str = "instructions";

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let names = BENCHES.iter().map(|bench| bench.name).collect::<Vec<_>>().join("|");
    let usage = || format!("usage: cargo xtask bench {names}|all [ROUNDS]");
    let (name, rounds) = match arguments {
        [name] => (*name, None),
        [name, rounds] => (*name, Some(rounds.parse::<usize>().map_err(|_| usage())?.max(1))),
        _ => return Err(usage().into()),
    };
    let chosen: Vec<&Bench> =
        BENCHES.iter().filter(|bench| bench.name == name || name == "all" && bench.name != WRITES).collect();
    if chosen.is_empty() {
        return Err(usage().into());
    }
    for bench in chosen {
        (bench.run)(rounds.unwrap_or(bench.rounds)).map_err(|error| format!("{}: {error}", bench.name))?;
    }
    Ok(())
}
