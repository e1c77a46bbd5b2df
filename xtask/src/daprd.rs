//! `cargo xtask daprd`: builds Dapr's own daprd, placement, scheduler and sentry from Go modules, once for all clones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, content, run};

/// The Go module, and what of it decides what is built.
const MODULE: &str = "tools/daprd";
const INPUTS: [&str; 3] = ["go.mod", "go.sum", "cmd"];
const PROGRAMS: [&str; 6] = ["daprd", "placement", "scheduler", "sentry", "probeapp", "k8scheck"];
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

/// What is built, and the machine that it is built for.
fn key() -> Result<u128> {
    let inputs: Vec<String> = INPUTS.iter().map(|input| format!("{MODULE}/{input}")).collect();
    content::key(&inputs)
}
