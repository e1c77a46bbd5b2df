//! Cold start: from the start of the process to its first answer, compiled code in the cache.

use super::{
    places::{self, Places, free_port, wasmtime},
    plot::{self, Bar},
    process::field,
    reach::Reaches,
    table::spread,
};
use crate::{
    Result,
    run::{check, read, root},
};
use std::{fmt::Write, fs, process::Command};

/// One way to start, and what every round saw.
struct Start<'a> {
    name: &'static str,
    /// The command for a port.
    command: Box<dyn Fn(u16) -> Vec<String> + 'a>,
    rounds: Vec<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    wall_ms: f64,
    cpu_ms: f64,
    resident_mib: f64,
}

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let mut report = places::head("Cold start", "start")?;
    report.push_str("From the start of the process (`taskset` included, about half a millisecond) to its first `200`, on core 1; asked all the time\nfrom core 0; rounds interleaved; compiled code is in the cache. One guest that answers `hello world`. Programs\nare copies, as an installation makes them.\n\n");
    let (mut starts, absent) = starts(&places)?;
    // The first round fills the caches.
    for round in 0..=rounds {
        for start in &mut starts {
            let seen = first_answer(&places, start)?;
            if round > 0 {
                start.rounds.push(seen);
            }
        }
    }
    report.push_str(&table(&starts));
    let mut reaches = Reaches::default();
    let wall = |start: &Start| start.rounds.iter().map(|seen| seen.wall_ms).collect::<Vec<_>>();
    let (native, own) = (wall(&starts[0]), wall(&starts[1]));
    let ratio = own.iter().zip(&native).map(|(own, native)| own / native).collect();
    reaches.at_most("pillion to its first answer", 20.0, " ms", spread(own));
    reaches.at_most("pillion / native hyper", 2.5, "", spread(ratio));
    let _ = write!(report, "\n## Reach\n\n{}{absent}", reaches.table());
    let bars: Vec<Bar> = starts.iter().map(bar).collect();
    places::keep("start", &report, &[("start", plot::bars("Start to first answer", "ms, less is better", &bars))])
}

fn starts(places: &Places) -> Result<(Vec<Start<'_>>, String)> {
    let guest = places.guest("hello", "")?.display().to_string();
    let own = guest.clone();
    let start = |name, command| Start { name, command, rounds: Vec::new() };
    let (native, pillion) = (installed(places, "native-hyper")?, installed(places, "pillion")?);
    let mut starts = vec![
        start("native hyper", Box::new(move |port| vec![native.clone(), format!("127.0.0.1:{port}")])),
        start(
            "pillion run",
            Box::new(move |port| {
                let mut command = places.pillion_run(&own, port, " --log-level warn");
                command[0].clone_from(&pillion);
                command
            }),
        ),
    ];
    let absent = match serve(places, guest) {
        Ok(command) => {
            starts.push(start("wasmtime serve, precompiled", command));
            String::new()
        }
        Err(error) => format!("Absent: wasmtime serve: {error}\n"),
    };
    Ok((starts, absent))
}

/// A copy of a program, as an installation makes one: the pages that a linker left in memory are mapped one by one.
fn installed(places: &Places, program: &str) -> Result<String> {
    let copy = places.scratch.join(format!("installed-{program}"));
    fs::copy(places.release.join(program), &copy)?;
    Ok(copy.display().to_string())
}

fn serve(places: &Places, guest: String) -> Result<Box<dyn Fn(u16) -> Vec<String>>> {
    let (wasmtime, code) = (wasmtime()?, places.scratch.join("hello.cwasm").display().to_string());
    check(Command::new(&wasmtime).args(["compile", "-o", &code, &guest]))?;
    Ok(Box::new(move |port| {
        let line = format!("serve --allow-precompiled --addr 127.0.0.1:{port} {code}");
        [wasmtime.clone()].into_iter().chain(line.split(' ').map(str::to_owned)).collect()
    }))
}

fn first_answer(places: &Places, start: &Start) -> Result<Seen> {
    let port = free_port()?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(places.release.join("first-answer")).arg(format!("http://127.0.0.1:{port}/"));
    command.args(["taskset", "-c", "1"]).args((start.command)(port));
    let text = read(command.current_dir(root()).env_remove("RUST_BACKTRACE"))?;
    let field = |name| field(&text, name);
    Ok(Seen { wall_ms: field("wall_ms"), cpu_ms: field("cpu_ms"), resident_mib: field("resident_kib") / 1024.0 })
}

fn table(starts: &[Start]) -> String {
    let mut out = String::from("| way | wall ms [least..most] | CPU ms | resident MiB |\n|---|---|---|---|\n");
    for start in starts {
        let of = |value: fn(&Seen) -> f64| spread(start.rounds.iter().map(value).collect());
        let (wall, least, most) = of(|seen| seen.wall_ms);
        let (cpu, resident) = (of(|seen| seen.cpu_ms).0, of(|seen| seen.resident_mib).0);
        let _ = writeln!(out, "| {} | {wall:.1} [{least:.1}..{most:.1}] | {cpu:.1} | {resident:.1} |", start.name);
    }
    out
}

fn bar(start: &Start) -> Bar {
    let (median, least, most) = spread(start.rounds.iter().map(|seen| seen.wall_ms).collect());
    Bar { label: start.name.to_owned(), median, least, most, own: start.name.starts_with("pillion") }
}
