//! What a guest feels of its neighbours: latency beside guests that spin, of what needs no guest beside guests that can't
//! be interrupted, and how late a runaway is stopped.

use super::{
    places::{self, Places, free_port},
    plot::{self, Bar},
    process::{Ask, Server, load},
    reach::Reaches,
    table::spread,
};
use crate::{Result, run::root};
use std::{
    fmt::Write,
    process::{Child, Command, Stdio},
};

const SECONDS: f64 = 8.0;
const RATE: f64 = 100.0;
const CONNECTIONS: u32 = 64;
/// About 0.1 ms of work, with the ticks of the epoch in it.
pub(super) const TENTH_OF_A_MILLISECOND: &str = "(local.set $i (i32.const 200000))
      (loop $work (br_if $work (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
const SPIN: &str = "(loop $spin (br $spin))";
/// One instruction that goes over nearly all the memory that a guest may have by default, again and again.
const FILL: &str = "(loop $fill (memory.fill (i32.const 131072) (i32.const 1) (i32.const 62000000)) (br $fill))";
const FILL_PAGES: &str = "960";
/// The limit that a runaway of the last part runs into.
const STOP_MS: f64 = 100.0;
const MOST: usize = 16;

/// The run under measurement, and its ports.
struct Run {
    server: Server,
    app: u16,
    admin: u16,
}

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let file = manifest(&places)?;
    let mut report = places::head("Neighbours", "neighbours")?;
    report.push_str("One process with one guest thread on core 1; requests at even times, 100 a second, from core 0, latency counted from when each\nwas due. A neighbour is a guest of its own that never answers; it is asked again when its limit of 5 s stops it.\n\n| asked | beside | p50 ms | p99 ms [least..most] | worst ms | errors |\n|---|---|---|---|---|---|\n");
    let (mut reaches, mut bars) = (Reaches::default(), Vec::new());
    for (asked, neighbour, count, reach) in [
        ("/good", "spin", 0, 5.0),
        ("/good", "spin", 1, 10.0),
        ("/good", "spin", 4, 25.0),
        ("/good", "spin", 16, 60.0),
        ("/healthz", "fill", 4, 10.0),
        ("/files/hello.txt", "fill", 4, 10.0),
    ] {
        let started = start(&places, "1", &file)?;
        let p99 = beside(&places, &started, asked, (neighbour, count), rounds, &mut report)?;
        let label = if count == 0 { asked.to_owned() } else { format!("{asked} beside {count} x {neighbour}") };
        bars.push(Bar { label, median: p99.0, least: p99.1, most: p99.2, own: true });
        if count > 0 {
            reaches.at_most(&format!("{asked} beside {count} x {neighbour}, p99"), reach, " ms", p99);
        }
    }
    report.push_str(
        "\n| a runaway with a limit of 100 ms | answered after p50 ms | p99 ms | worst ms |\n|---|---|---|---|\n",
    );
    for (name, burning, reach) in [("both cores idle", false, 10.0), ("both cores busy", true, 50.0)] {
        let late = stop(&places, &file, name, burning, rounds, &mut report)?;
        reaches.at_most(&format!("stop of a runaway past its limit, {name}, p99"), reach, " ms", late);
    }
    let _ = write!(report, "\n## Reach\n\n{}", reaches.table());
    places::keep(
        "neighbours",
        &report,
        &[("neighbours", plot::bars("p99 beside neighbours", "ms, less is better", &bars))],
    )
}

fn manifest(places: &Places) -> Result<String> {
    let good = places.guest("good", TENTH_OF_A_MILLISECOND)?;
    let spin = places.guest("spin", SPIN)?;
    let fill = places.guest_of("fill", FILL, FILL_PAGES)?;
    let files = places.scratch.join("files");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("hello.txt"), "hello world\n")?;
    let mut guests = format!("        good: {{ source: {} }}\n", good.display());
    let mut routes = format!(
        "        - {{ path: /good, guest: good }}\n        - {{ path: /files, directory: {} }}\n",
        files.display()
    );
    let all = (0..MOST).map(|n| (format!("spin{n}"), &spin, "")).chain((0..4).map(|n| (format!("fill{n}"), &fill, "")));
    for (name, source, limits) in all.chain([("stop".to_owned(), &spin, ", limits: { timeout: 100ms }")]) {
        let _ = writeln!(guests, "        {name}: {{ source: {}{limits} }}", source.display());
        let _ = writeln!(routes, "        - {{ path: /{name}, guest: {name} }}");
    }
    Ok(format!("      guests:\n{guests}      routes:\n{routes}"))
}

fn start(places: &Places, cores: &str, wasm: &str) -> Result<Run> {
    let (app, admin) = (free_port()?, free_port()?);
    let file = places.manifest("neighbours", wasm, app)?.display().to_string();
    let command = places.pillion(&format!("up {file} --metrics-port {admin} --log-level error"));
    Ok(Run { server: Server::start_on(cores, &command, root(), app)?, app, admin })
}

/// Programs beside the one that is measured; they end with this.
struct Beside(Vec<Child>);

impl Drop for Beside {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One request in flight at each neighbour, all the time.
fn occupy(places: &Places, run: &Run, (neighbour, count): (&str, usize), seconds: f64) -> Result<Beside> {
    let mut beside = Beside(Vec::new());
    for n in 0..count {
        let url = format!("http://127.0.0.1:{}/{neighbour}{n}", run.app);
        let ask = Ask { url: &url, connections: 1, seconds, ..Ask::default() };
        beside.0.push(ask.command(&places.release.join("load")).stdout(Stdio::null()).spawn()?);
    }
    Ok(beside)
}

fn beside(
    places: &Places,
    run: &Run,
    asked: &str,
    neighbours: (&str, usize),
    rounds: usize,
    report: &mut String,
) -> Result<(f64, f64, f64)> {
    let port = if asked == "/healthz" { run.admin } else { run.app };
    let url = format!("http://127.0.0.1:{port}{asked}");
    let ask = Ask { url: &url, connections: CONNECTIONS, seconds: SECONDS, rate: Some(RATE), ..Ask::default() };
    let program = places.release.join("load");
    // Connections and the guest's first call are not what is asked for here.
    load(&program, &run.server, &Ask { seconds: 1.0, ..ask })?;
    let _neighbours = occupy(places, run, neighbours, SECONDS * rounds as f64 + 10.0)?;
    load(&program, &run.server, &Ask { seconds: 1.0, ..ask })?;
    let seen: Result<Vec<_>> = (0..rounds).map(|_| load(&program, &run.server, &ask)).collect();
    let seen = seen?;
    let (p50, p99) =
        (spread(seen.iter().map(|seen| seen.p50_ms).collect()), spread(seen.iter().map(|seen| seen.p99_ms).collect()));
    let worst = seen.iter().map(|seen| seen.max_ms).fold(0.0, f64::max);
    let errors: f64 = seen.iter().map(|seen| seen.errors).sum();
    let (neighbour, count) = neighbours;
    let beside = if count == 0 { "nothing".to_owned() } else { format!("{count} x {neighbour}") };
    let _ = writeln!(
        report,
        "| {asked} | {beside} | {:.2} | {:.2} [{:.2}..{:.2}] | {worst:.1} | {errors} |",
        p50.0, p99.0, p99.1, p99.2
    );
    Ok(p99)
}

/// How late after its limit a runaway's answer is there; both cores may be busy with other programs.
fn stop(
    places: &Places,
    file: &str,
    name: &str,
    burning: bool,
    rounds: usize,
    report: &mut String,
) -> Result<(f64, f64, f64)> {
    let run = start(places, "0,1", file)?;
    let url = format!("http://127.0.0.1:{}/stop", run.app);
    let ask = Ask { url: &url, connections: 1, seconds: SECONDS, ..Ask::default() };
    let _burning = if burning { burn()? } else { Beside(Vec::new()) };
    let program = places.release.join("load");
    let seen: Result<Vec<_>> = (0..rounds).map(|_| load(&program, &run.server, &ask)).collect();
    let seen = seen?;
    let worst = seen.iter().map(|seen| seen.max_ms).fold(0.0, f64::max);
    let p50 = spread(seen.iter().map(|seen| seen.p50_ms).collect()).0;
    let (p99, least, most) = spread(seen.iter().map(|seen| seen.p99_ms).collect());
    let _ = writeln!(report, "| {name} | {p50:.1} | {p99:.1} | {worst:.1} |");
    Ok((p99 - STOP_MS, least - STOP_MS, most - STOP_MS))
}

/// A program on each core that does nothing else.
fn burn() -> Result<Beside> {
    let mut beside = Beside(Vec::new());
    for core in ["0", "1"] {
        let mut command = Command::new("taskset");
        beside.0.push(command.args(["-c", core, "sh", "-c", "while :; do :; done"]).spawn()?);
    }
    Ok(beside)
}
