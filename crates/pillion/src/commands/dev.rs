//! `pillion dev`: `up` that builds what is saved and gives it to the running apps. Calls in flight end with the code that
//! they began with; connections and state stay.

use super::build::{Step, steps};
use crate::{
    flags::{Dev, Global},
    launch::Launched,
    manifest::Manifest,
    print,
    watch::{Look, Watched},
};
use anyhow::{Context, Result};
use pillion_runtime::Runtime;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Between two looks at the files.
const INTERVAL: Duration = Duration::from_millis(300);

/// Builds, starts all apps, and follows the files until something ends the process.
pub(crate) async fn run(global: &Global, dev: Dev) -> Result<ExitCode> {
    super::start_logs(global)?;
    let unbuilt = super::unbuilt_manifest(dev.file.path())?;
    // Looked at before the first build: what is saved meanwhile is built again.
    let watches = watches(&unbuilt)?;
    for step in steps(&unbuilt, None) {
        step.run().await?;
    }
    let manifest = super::manifest(dev.file.path())?;
    let runtime = super::runtime_for(global, &dev.process, &manifest)?;
    let follower = Follower { watches, manifest: manifest.clone(), global: global.clone(), runtime: runtime.clone() };
    let changes = Box::new(move |apps| Box::pin(follower.follow(apps)) as _);
    super::serve_changing(global, &dev.process, runtime, manifest, true, Some(changes)).await
}

/// What is done when a file changes.
#[derive(Clone)]
enum Then {
    /// It is built.
    Build(Step),
    /// It is a guest that somebody else builds.
    Load { app: String, guest: String },
    /// It says how apps are, which only a start can change.
    Tell(PathBuf),
}

struct Watch {
    watched: Watched,
    seen: Look,
    then: Then,
}

impl Watch {
    fn new(watched: Watched, then: Then) -> Self {
        Self { seen: watched.look(), watched, then }
    }

    /// What is to be done if something changed since the last look. Files that are all gone are about to be written again.
    fn changed(&mut self) -> Option<Then> {
        let look = self.watched.look();
        if look.is_empty() || look == self.seen {
            return None;
        }
        self.seen = look;
        Some(self.then.clone())
    }
}

fn watches(manifest: &Manifest) -> Result<Vec<Watch>> {
    let mut watches = vec![Watch::new(Watched::file(&manifest.path), Then::Tell(manifest.path.clone()))];
    // What one command writes is no source of another.
    let guests = manifest.apps.iter().filter_map(|app| app.wasm()).flat_map(|wasm| wasm.guests.values());
    let outputs: Vec<PathBuf> = guests.map(|guest| guest.source.clone()).collect();
    for step in steps(manifest, None) {
        let watched = Watched::new(&step.build.directory, &step.build.watch, outputs.clone())?;
        watches.push(Watch::new(watched, Then::Build(step)));
    }
    for app in &manifest.apps {
        for (name, guest) in app.wasm().iter().flat_map(|wasm| &wasm.guests) {
            if guest.build.is_none() {
                let then = Then::Load { app: app.app_id.clone(), guest: name.clone() };
                watches.push(Watch::new(Watched::file(&guest.source), then));
            }
        }
    }
    Ok(watches)
}

struct Follower {
    watches: Vec<Watch>,
    manifest: Manifest,
    global: Global,
    runtime: Runtime,
}

impl Follower {
    async fn follow(mut self, apps: Vec<Launched>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            // The looks block: they go where nothing waits for them.
            let looking = tokio::task::spawn_blocking(move || {
                let changed: Vec<Then> = self.watches.iter_mut().filter_map(Watch::changed).collect();
                (self, changed)
            });
            let Ok((follower, changed)) = looking.await else { return };
            self = follower;
            for then in changed {
                if let Err(error) = self.act(then, &apps).await {
                    print::problem(&super::message(&error));
                    print::problem("the apps go on as they were");
                }
            }
        }
    }

    async fn act(&self, then: Then, apps: &[Launched]) -> Result<()> {
        match then {
            Then::Tell(file) => {
                print::problem(&format!("`{}` has changed: start again to have what it says", file.display()));
                Ok(())
            }
            Then::Build(step) => {
                step.run().await?;
                self.give(&step.guests.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), apps).await
            }
            Then::Load { app, guest } => self.give(&[&format!("{app}/{guest}")], apps).await,
        }
    }

    /// Gives running apps the guests of these names, `app/guest`.
    async fn give(&self, names: &[&str], apps: &[Launched]) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.apps.retain(|app| names.iter().any(|name| name.split('/').next() == Some(&app.app_id)));
        let plan = super::plan(&self.global, &self.runtime, manifest).await?;
        for planned in &plan.apps {
            let app = apps.iter().find(|launched| launched.app.id() == planned.app.app_id);
            let app = app.with_context(|| format!("app `{}` doesn't run", planned.app.app_id))?;
            for guest in &planned.guests {
                let name = format!("{}/{}", planned.app.app_id, guest.name);
                if names.contains(&name.as_str()) {
                    app.replace(guest)?;
                    print::line(&format!("Replaced {name}: new calls go to the new code"));
                }
            }
        }
        Ok(())
    }
}
