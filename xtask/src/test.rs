//! `cargo xtask test`: installs what the tests need, runs every check, says how long each part took.

mod counted;

use crate::{
    Result, daprd, guests, instructions, languages,
    run::{cargo, check, find, root, timed},
};
use counted::Counts;
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// One part; later parts rely on what earlier ones made.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Counts) -> Result<()>,
}

const PARTS: &[Part] = &[
    Part { name: "tools", about: "installs a browser, valgrind, clang and Redis, where apt-get can", run: tools },
    Part { name: "format", about: "rustfmt over both workspaces", run: format },
    Part { name: "guests", about: "builds the guests, and fails if one has no test", run: build_guests },
    Part {
        name: "languages",
        about: "builds the guests in other languages, where their tools are",
        run: build_languages,
    },
    Part { name: "daprd", about: "builds Dapr's own programs, where there is Go", run: build_daprd },
    Part { name: "lint", about: "clippy over the workspace, warnings are errors", run: lint },
    Part { name: "test", about: "every test of the workspace", run: test },
    Part {
        name: "instructions",
        about: "instructions of a call, against those that are checked in",
        run: instructions,
    },
    Part { name: "guest-tests", about: "the guests' own tests, on this machine", run: guest_tests },
];

/// Folders of the guests workspace whose functions have tests that need no host.
const TESTED_GUESTS: &[&str] = &["image-api-rs", "image-api-go"];

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if arguments == ["--list"] {
        for Part { name, about, .. } in PARTS {
            println!("{name:<12} {about}");
        }
        return Ok(());
    }
    if let Some(unknown) = arguments.iter().find(|name| !PARTS.iter().any(|part| part.name == **name)) {
        return Err(format!("unknown part `{unknown}`; `cargo xtask test --list` lists them").into());
    }
    let chosen = |part: &&Part| arguments.is_empty() || arguments.contains(&part.name);
    let began = Instant::now();
    let mut counts = Counts::default();
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for part in PARTS.iter().filter(chosen) {
        println!("\n== {}: {}", part.name, part.about);
        match timed(|| (part.run)(&mut counts)) {
            Ok(((), time)) => {
                println!("-- {}: {:.0} s", part.name, time.as_secs_f64());
                times.push((part.name, time));
            }
            Err(error) => {
                outcome = Err(format!("{}: {error}", part.name).into());
                break;
            }
        }
    }
    report(&times, began.elapsed(), &counts);
    outcome
}

fn report(times: &[(&str, Duration)], whole: Duration, counts: &Counts) {
    println!("\n== time");
    for (name, time) in times {
        println!("{name:<12} {:>7.1} s", time.as_secs_f64());
    }
    println!("{:<12} {:>7.1} s\n", "all", whole.as_secs_f64());
    for reason in &counts.reasons {
        println!("{reason}");
    }
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped());
}

/// A program that some part needs, and Debian's packages of it.
const TOOLS: &[(&str, &[&str])] = &[
    ("chromedriver", &["chromium", "chromium-driver"]),
    ("valgrind", &["valgrind"]),
    ("redis-server", &["redis-server"]),
    ("ip", &["iproute2"]),
    ("clang-22", &["clang-22", "libclang-rt-22-dev-wasm32", "lld-22", "wasi-libc"]),
];

fn tools(_: &mut Counts) -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if find("apt-get").is_none() {
        let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
        println!("no apt-get and no {}: what needs them is skipped", names.join(", "));
        return Ok(());
    }
    let apt =
        |arguments: &[&str]| check(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "-qq"])?;
    let packages: Vec<&str> = missing.iter().flat_map(|(_, packages)| packages.iter().copied()).collect();
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"][..], &packages].concat())
}

fn instructions(counts: &mut Counts) -> Result<()> {
    if find("valgrind").is_none() {
        counts.skip("skipped: instructions: no valgrind");
        return Ok(());
    }
    instructions::check()
}

fn format(_: &mut Counts) -> Result<()> {
    for manifest in ["Cargo.toml", "guests/Cargo.toml"] {
        check(
            Command::new(cargo()).args(["fmt", "--all", "--check", "--manifest-path", manifest]).current_dir(root()),
        )?;
    }
    Ok(())
}

fn build_guests(_: &mut Counts) -> Result<()> {
    guests::run(&[])?;
    guests::run(&["--check"])
}

fn build_languages(counts: &mut Counts) -> Result<()> {
    for reason in languages::build()? {
        counts.skip(&reason);
    }
    Ok(())
}

fn build_daprd(counts: &mut Counts) -> Result<()> {
    match daprd::FIRST.ready()? {
        Some(folder) => println!("{}", folder.display()),
        None => counts.skip("skipped: daprd: there is no Go to build it"),
    }
    // What few tests need fails none of the others.
    match daprd::LATER.ready() {
        Ok(Some(folder)) => println!("{}", folder.display()),
        Ok(None) => counts.skip("skipped: daprd 1.18: there is no Go to build it"),
        Err(error) => counts.skip(&format!("skipped: daprd 1.18: {error}")),
    }
    Ok(())
}

fn lint(_: &mut Counts) -> Result<()> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    check(quiet(Command::new(cargo()).args(clippy)))
}

fn test(counts: &mut Counts) -> Result<()> {
    counts.run(quiet(Command::new(cargo()).args(["test", "--workspace", "--no-fail-fast", "--", "--show-output"])))
}

fn guest_tests(counts: &mut Counts) -> Result<()> {
    let mut command = Command::new(cargo());
    command.args(["test", "--manifest-path", "guests/Cargo.toml"]);
    for name in TESTED_GUESTS {
        command.args(["-p", name]);
    }
    counts.run(quiet(command.args(["--", "--show-output"])))
}

/// In the repository, without what would make an error costly.
fn quiet(command: &mut Command) -> &mut Command {
    command.current_dir(root()).env_remove("RUST_BACKTRACE")
}
