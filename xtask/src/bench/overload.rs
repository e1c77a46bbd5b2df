//! More than can be done: three times the top rate, and how soon it is as fast as before.

use super::{
    places::{self, Places, free_port},
    process::{Ask, Seen, Server, load},
    reach::Reaches,
    table::spread,
};
use crate::{Result, run::root};
use std::{
    fmt::Write,
    time::{Duration, Instant},
};

/// About 5 ms of work: what waits a second at three times the rate is some hundred requests.
const WORK: &str = "(local.set $i (i32.const 10000000))
      (loop $work (br_if $work (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
const TIMES: f64 = 3.0;
const TOP_SECONDS: f64 = 4.0;
const OVER_SECONDS: f64 = 8.0;
/// Enough for all that are in flight at a time.
const CONNECTIONS: u32 = 2000;
const REST: Duration = Duration::from_secs(1);
/// As many as the guest has places.
const TOP_CONNECTIONS: u32 = 16;

/// One round.
struct Round {
    top: Seen,
    over: Seen,
    later: Seen,
}

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let guest = places.guest("work", WORK)?.display().to_string();
    let port = free_port()?;
    let command = places.pillion_run(&guest, port, " --log-level error");
    let server = Server::start_at(&command, root(), port)?;
    let url = format!("http://127.0.0.1:{port}/");
    let seen: Result<Vec<Round>> = (0..rounds).map(|_| round(&places, &server, &url)).collect();
    let seen = seen?;
    let mut report = places::head("Overload", "overload")?;
    report.push_str("A guest with about 5 ms of work, all limits at their defaults, the server on core 1. First the most that 16 connections get done, then\nthree times as much at even times, and a second later the first again.\n\n");
    report.push_str(&table(&seen));
    let of = |value: fn(&Round) -> f64| spread(seen.iter().map(value).collect());
    let mut reaches = Reaches::default();
    reaches.at_least(
        "answered well at 3 x, of the top rate",
        0.8,
        "",
        of(|round| round.over.good_rps / round.top.good_rps),
    );
    reaches.at_most("the last 503 after", 1200.0, " ms", of(|round| round.over.refused_max_ms));
    reaches.at_most("neither answered nor refused", 0.0, "", of(|round| round.over.errors - round.over.refused));
    reaches.at_least(
        "a second later, of the top rate",
        0.95,
        "",
        of(|round| round.later.good_rps / round.top.good_rps),
    );
    let _ = write!(report, "\n## Reach\n\n{}", reaches.table());
    places::keep("overload", &report, &[])
}

fn round(places: &Places, server: &Server, url: &str) -> Result<Round> {
    let program = places.release.join("load");
    let closed = Ask { url, connections: TOP_CONNECTIONS, seconds: TOP_SECONDS, ..Ask::default() };
    let top = load(&program, server, &closed)?;
    let rate = Some(top.good_rps * TIMES);
    let over = load(&program, server, &Ask { connections: CONNECTIONS, seconds: OVER_SECONDS, rate, ..closed })?;
    let began = Instant::now();
    while let Some(left) = REST.checked_sub(began.elapsed()) {
        std::thread::park_timeout(left);
    }
    let later = load(&program, server, &closed)?;
    Ok(Round { top, over, later })
}

fn table(rounds: &[Round]) -> String {
    let mut out = String::from(
        "| | requests/s | answered well/s | 503 | other errors | p50 ms | p99 ms | last 503 ms |\n|---|---|---|---|---|---|---|---|\n",
    );
    let part = |name, seen: fn(&Round) -> Seen| (name, rounds.iter().map(seen).collect::<Vec<_>>());
    for (name, seen) in [part("top", |of| of.top), part("3 x", |of| of.over), part("a second later", |of| of.later)] {
        let of = |value: fn(&Seen) -> f64| spread(seen.iter().map(value).collect()).0;
        let _ = writeln!(
            out,
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |",
            of(|seen| seen.rps),
            of(|seen| seen.good_rps),
            of(|seen| seen.refused),
            of(|seen| seen.errors - seen.refused),
            of(|seen| seen.p50_ms),
            of(|seen| seen.p99_ms),
            of(|seen| seen.refused_max_ms)
        );
    }
    out
}
