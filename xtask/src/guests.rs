//! `cargo xtask guests`: every guest from source to a finished, validated Wasm file.

mod check;
mod debian;
mod fresh;
mod list;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::{Result, run};
use list::{GUESTS, Guest, Kind};
use toolchain::Toolchain;

/// Builds what is not up to date. With names, looks at those guests alone.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["--check"] => check::check(),
        ["--bindings"] => bindings(),
        names => build(&selected(names)?),
    }
}

/// The file of a guest, built if it is not up to date.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    build(&selected(&[name])?)?;
    Ok(run::root().join("guests/out").join(name).with_extension("wasm"))
}

/// Writes the generated parts of the SDKs in Rust, Go and C anew, after a change of `wit/dapr` or `wit/workflow`.
fn bindings() -> Result<()> {
    let mut command = Command::new(run::cargo());
    command.args(["run", "--quiet", "--locked", "--package", "bindings", "--", "../wit/dapr", "."]);
    run::check(command.current_dir(guests_dir()).env("CARGO_TARGET_DIR", target_dir()))
}

fn selected(names: &[&str]) -> Result<Vec<&'static Guest>> {
    if names.is_empty() {
        return Ok(GUESTS.iter().collect());
    }
    let find = |name: &&str| {
        let guest = GUESTS.iter().find(|guest| guest.name == *name);
        guest.ok_or_else(|| format!("no guest `{name}`; there are {}", list::names()).into())
    };
    names.iter().map(find).collect()
}

fn build(guests: &[&Guest]) -> Result<()> {
    let toolchain = Toolchain::choose()?;
    let stale: Vec<&Guest> = guests.iter().copied().filter(|guest| !fresh::is_fresh(guest, &toolchain)).collect();
    if stale.is_empty() {
        println!("guests: {} up to date", guests.len());
        return Ok(());
    }
    println!("guests: {} of {} to build, with {}", stale.len(), guests.len(), toolchain.id);
    fs::create_dir_all(out_dir())?;
    let start = SystemTime::now();
    let ((), total) = run::timed(|| build_stale(&stale, &toolchain, start))?;
    println!("guests: built in {}", seconds(total));
    Ok(())
}

/// The host's tool is built beside the guests: it needs another profile's folder, and cold each takes a minute or two.
fn build_stale(guests: &[&Guest], toolchain: &Toolchain, start: SystemTime) -> Result<()> {
    let mut componentize = run::Beside::start(&mut componentize_build())?;
    let mut times = Vec::with_capacity(guests.len());
    for guest in guests {
        times.push(run::timed(|| compile(guest, toolchain))?.1);
    }
    let ((), waited) = run::timed(|| componentize.wait())?;
    if waited > Duration::from_secs(1) {
        println!("  {:<18} {:>8}  (on the host, what was left of it)", "componentize", seconds(waited));
    }
    for (guest, time) in guests.iter().zip(times) {
        finish(guest)?;
        fresh::stamp(guest, toolchain, start)?;
        println!("  {:<18} {:>8} {:>8} KiB", guest.name, seconds(time), fs::metadata(out_file(guest))?.len() / 1024);
    }
    Ok(())
}

/// The host's tool that makes components; built if it isn't up to date.
pub(crate) fn componentize() -> Result<PathBuf> {
    run::check(&mut componentize_build())?;
    Ok(target_dir().join("debug/componentize"))
}

fn componentize_build() -> Command {
    let mut command = Command::new(run::cargo());
    command.args(["build", "--quiet", "--locked", "--package", "componentize"]);
    command.current_dir(guests_dir()).env("CARGO_TARGET_DIR", target_dir());
    command
}

fn compile(guest: &Guest, toolchain: &Toolchain) -> Result<()> {
    let mut command = toolchain.cargo(guest.flags);
    command.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        guest.package,
        "--target",
        guest.kind.target(),
    ]);
    run::check(command.current_dir(guests_dir()).env("CARGO_TARGET_DIR", target_dir()))
        .map_err(|error| format!("guest `{}`: {error}", guest.name))?;
    // Kept under its own name: another guest of the same package is built to the same file.
    let artifact = target_dir().join(guest.kind.target()).join("release").join(guest.artifact()).with_extension("wasm");
    fs::create_dir_all(built_file(guest).parent().expect("it lies in a folder"))?;
    fs::copy(&artifact, built_file(guest)).map_err(|error| format!("{}: {error}", artifact.display()))?;
    Ok(())
}

/// Makes and validates the file, and lays it beside the manifest that names it.
fn finish(guest: &Guest) -> Result<()> {
    let mut command = Command::new(target_dir().join("debug/componentize"));
    match guest.kind {
        Kind::Http { adapter } => command.args(["component", adapter]),
        Kind::Web => command.arg("bindgen"),
        Kind::Command | Kind::Bindgen => command.arg("module"),
    };
    run::check(command.arg(built_file(guest)).arg(out_file(guest)))
        .map_err(|error| format!("guest `{}`: {error}", guest.name))?;
    if let Some(copy) = guest.copy_file() {
        // By rename: a server that watches the file never sees half of it.
        let partial = copy.with_extension("wasm.partial");
        fs::copy(out_file(guest), &partial)?;
        fs::rename(partial, copy)?;
    }
    Ok(())
}

fn guests_dir() -> PathBuf {
    run::root().join("guests")
}

/// Not the caller's `CARGO_TARGET_DIR`: a workspace of its own, with other toolchains.
fn target_dir() -> PathBuf {
    guests_dir().join("target")
}

fn built_file(guest: &Guest) -> PathBuf {
    target_dir().join("built").join(guest.name).with_extension("wasm")
}

fn out_dir() -> PathBuf {
    guests_dir().join("out")
}

fn out_file(guest: &Guest) -> PathBuf {
    out_dir().join(guest.name).with_extension("wasm")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Every file below a folder, in no order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { files.extend(files_below(&entry.path())?) } else { files.push(entry.path()) }
    }
    Ok(files)
}
