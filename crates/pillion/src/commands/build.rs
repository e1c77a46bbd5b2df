//! `pillion build`: the guests of a run file, each by the command that its `build:` names.

use crate::{
    flags::{Build as Flags, Global},
    manifest::{Build, Manifest},
    print,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Instant,
};
use tokio::process::Command;

/// One command and the guests that come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) build: Build,
    /// `app/guest`, and the file that must be there afterwards.
    pub(crate) guests: Vec<(String, PathBuf)>,
}

/// Builds every guest that says how.
pub(crate) async fn run(global: &Global, flags: Flags) -> Result<ExitCode> {
    super::start_logs(global)?;
    let manifest = super::unbuilt_manifest(flags.file.path())?;
    let steps = steps(&manifest, flags.app_id.as_deref());
    if steps.is_empty() {
        let whose = flags.app_id.map_or_else(|| "no guest".to_owned(), |app| format!("no guest of an app `{app}`"));
        bail!(
            "`{}`: {whose} says how it is built\nhint: add `build: {{ command: … }}` beside its `source`",
            manifest.path.display()
        );
    }
    for step in &steps {
        step.run().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands of a manifest, each once, in its order.
pub(crate) fn steps(manifest: &Manifest, app_id: Option<&str>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for app in manifest.apps.iter().filter(|app| app_id.is_none_or(|wanted| wanted == app.app_id)) {
        for (name, guest) in app.wasm().iter().flat_map(|wasm| &wasm.guests) {
            let Some(build) = &guest.build else { continue };
            let guest = (format!("{}/{name}", app.app_id), guest.source.clone());
            match steps.iter_mut().find(|step| step.build == *build) {
                Some(step) => step.guests.push(guest),
                None => steps.push(Step { build: build.clone(), guests: vec![guest] }),
            }
        }
    }
    steps
}

impl Step {
    /// Runs the command; what it prints goes where the program's own messages go.
    ///
    /// # Errors
    /// It failed, or left no guest.
    pub(crate) async fn run(&self) -> Result<()> {
        let Build { command, directory, .. } = &self.build;
        let names: Vec<&str> = self.guests.iter().map(|(name, _)| name.as_str()).collect();
        print::problem(&format!("building {}: `{command}`", names.join(", ")));
        let began = Instant::now();
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let status = Command::new("sh")
            .args(["-c", command])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .kill_on_drop(true)
            .status()
            .await
            .with_context(|| format!("`sh` can't be started in `{}`", directory.display()))?;
        ensure!(status.success(), "`{command}` in `{}` failed: {status}", directory.display());
        for (name, source) in &self.guests {
            ensure!(
                source.is_file(),
                "`{command}` went well, but left no `{}`, the source of {name}\nhint: `source` is relative to `appDirPath`",
                source.display()
            );
        }
        print::problem(&format!("built {} in {:.1} s", names.join(", "), began.elapsed().as_secs_f64()));
        Ok(())
    }
}
