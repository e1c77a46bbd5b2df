//! `cargo xtask daprd`: builds Dapr's own daprd, placement, scheduler and sentry from Go modules, once for all clones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, run};

/// The Go module, and what of it decides what is built.
const MODULE: &str = "tools/daprd";
const INPUTS: [&str; 3] = ["go.mod", "go.sum", "cmd"];
const PROGRAMS: [&str; 5] = ["daprd", "placement", "scheduler", "sentry", "probeapp"];
/// The module's version of Dapr, which Go's linker writes into the programs.
const VERSION: &str = "1.16.0";
/// Where tests find the programs, below cargo's target folder: a link to the cache.
const LINK: &str = "daprd";

/// Builds unless that was done before, and prints where the programs are.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if !arguments.is_empty() {
        return Err("`cargo xtask daprd` takes no arguments".into());
    }
    let folder = ready()?.ok_or("there is no `go` in PATH; install Go 1.26 or later")?;
    println!("{}", folder.display());
    Ok(())
}

/// The folder of the programs; none where they are not built and there is no Go.
pub(crate) fn ready() -> Result<Option<PathBuf>> {
    let folder = run::cache_dir()?.join(format!("daprd-{VERSION}-{:032x}", key()?));
    if !is_whole(&folder) {
        let Some(go) = run::find("go") else { return Ok(None) };
        println!("daprd: building into {} (once, about 11 minutes of one core)", folder.display());
        build(&go, &folder)?;
    }
    link(&folder)?;
    Ok(Some(folder))
}

fn is_whole(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

/// In a folder beside it, renamed when it is whole: an interrupted build leaves no half of it.
fn build(go: &Path, folder: &Path) -> Result<()> {
    let work = folder.with_extension(format!("work-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let mut command = Command::new(go);
    command.current_dir(run::root().join(MODULE)).env("CGO_ENABLED", "0");
    command.args(["build", "-trimpath", "-ldflags"]);
    command.arg(format!("-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={VERSION}"));
    let built = run::check(command.arg("-o").arg(&work).arg("./cmd/..."));
    let result = built.and_then(|()| match fs::rename(&work, folder) {
        // Another build was faster.
        Err(_) if is_whole(folder) => Ok(fs::remove_dir_all(&work)?),
        renamed => Ok(renamed?),
    });
    if result.is_err() {
        fs::remove_dir_all(&work)?;
    }
    result
}

fn link(folder: &Path) -> Result<()> {
    let link = run::target().join(LINK);
    if fs::read_link(&link).is_ok_and(|to| to == folder) {
        return Ok(());
    }
    let new = run::target().join(format!("{LINK}-{}", std::process::id()));
    std::os::unix::fs::symlink(folder, &new)?;
    // Renamed over the old one, so that a test that runs meanwhile finds one or the other.
    Ok(fs::rename(&new, &link)?)
}

/// Names, lengths and contents of what is built, and of the machine that it is built for.
fn key() -> Result<u128> {
    let mut key = Fnv::new();
    key.add(std::env::consts::OS.as_bytes());
    key.add(std::env::consts::ARCH.as_bytes());
    for input in INPUTS {
        let input = run::root().join(MODULE).join(input);
        let mut files = if input.is_dir() { files_below(&input)? } else { vec![input] };
        files.sort();
        for file in files {
            key.add(file.strip_prefix(run::root())?.to_string_lossy().as_bytes());
            key.add(&fs::read(&file)?);
        }
    }
    Ok(key.0)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// FNV-1a of 128 bits: it tells states of the sources apart and guards against nothing, and the standard library's own hash
/// may change with the compiler.
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
