//! `cargo xtask daprd`: builds Dapr's own daprd, placement, scheduler and sentry from Go modules, once for all clones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, content, run};

/// The Go module.
const MODULE: &str = "tools/daprd";

/// Dapr's programs of one version.
pub(crate) struct Dapr {
    /// What Go's linker writes into the programs.
    version: &'static str,
    /// The module's file, and its file of sums: what decides, beside the sources, what is built.
    module: [&'static str; 2],
    programs: &'static [&'static str],
    /// Where tests find them, below cargo's target folder: a link to the cache.
    link: &'static str,
    minutes: u32,
}

/// The version that everything is shown against.
pub(crate) const FIRST: Dapr = Dapr {
    version: "1.16.0",
    module: ["go.mod", "go.sum"],
    programs: &["daprd", "placement", "scheduler", "sentry", "probeapp", "k8scheck"],
    link: "daprd",
    minutes: 11,
};
/// A later one, for what the first has not: actors over a stream of the app's own.
pub(crate) const LATER: Dapr = Dapr {
    version: "1.18.2",
    module: ["dapr-1.18.mod", "dapr-1.18.sum"],
    programs: &["daprd", "placement", "scheduler"],
    link: "daprd-1.18",
    minutes: 9,
};
/// Builds unless that was done before, and prints where the programs are; those of the first version last.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if !arguments.is_empty() {
        return Err("`cargo xtask daprd` takes no arguments".into());
    }
    for dapr in [LATER, FIRST] {
        let folder = dapr.ready()?.ok_or("there is no `go` in PATH; install Go 1.26.5 or later")?;
        println!("{}", folder.display());
    }
    Ok(())
}

impl Dapr {
    /// The folder of the programs; none where they are not built and there is no Go.
    pub(crate) fn ready(&self) -> Result<Option<PathBuf>> {
        let folder = run::cache_dir()?.join(format!("daprd-{}-{:032x}", self.version, self.key()?));
        if !self.is_whole(&folder) {
            let Some(go) = run::find("go") else { return Ok(None) };
            let Self { version, minutes, .. } = self;
            println!("daprd {version}: building into {} (once, about {minutes} minutes of one core)", folder.display());
            self.build(&go, &folder)?;
        }
        self.link(&folder)?;
        Ok(Some(folder))
    }

    fn is_whole(&self, folder: &Path) -> bool {
        self.programs.iter().all(|program| folder.join(program).is_file())
    }

    /// In a folder beside it, renamed when it is whole: an interrupted build leaves no half of it.
    fn build(&self, go: &Path, folder: &Path) -> Result<()> {
        let work = folder.with_extension(format!("work-{}", std::process::id()));
        fs::create_dir_all(&work)?;
        let mut command = Command::new(go);
        command.current_dir(run::root().join(MODULE)).env("CGO_ENABLED", "0");
        command.arg("build").arg(format!("-modfile={}", self.module[0])).args(["-trimpath", "-ldflags"]);
        command.arg(format!("-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={}", self.version));
        command.arg("-o").arg(&work).args(self.programs.iter().map(|program| format!("./cmd/{program}")));
        let built = run::check(&mut command);
        let result = built.and_then(|()| match fs::rename(&work, folder) {
            // Another build was faster.
            Err(_) if self.is_whole(folder) => Ok(fs::remove_dir_all(&work)?),
            renamed => Ok(renamed?),
        });
        if result.is_err() {
            fs::remove_dir_all(&work)?;
        }
        result
    }

    fn link(&self, folder: &Path) -> Result<()> {
        let link = run::target().join(self.link);
        if fs::read_link(&link).is_ok_and(|to| to == folder) {
            return Ok(());
        }
        let new = run::target().join(format!("{}-{}", self.link, std::process::id()));
        std::os::unix::fs::symlink(folder, &new)?;
        // Renamed over the old one, so that a test that runs meanwhile finds one or the other.
        Ok(fs::rename(&new, &link)?)
    }

    /// What is built, and the machine that it is built for.
    fn key(&self) -> Result<u128> {
        let inputs = self.module.iter().copied().chain(["cmd"]);
        let inputs: Vec<String> = inputs.map(|input| format!("{MODULE}/{input}")).collect();
        content::key(&inputs)
    }
}
