//! `pillion check`: everything that `up` would find, without binding a port.

use crate::{
    flags::{Check, Global, Output},
    launch::actors,
    print,
};
use anyhow::Result;
use std::process::ExitCode;

/// Reads the run file, its resources, models and guests, and says what is wrong.
pub(crate) async fn run(global: &Global, check: Check) -> Result<ExitCode> {
    super::start_logs(global)?;
    let manifest = super::manifest(check.file.path())?;
    let runtime = super::runtime(global, None)?;
    let plan = super::plan(global, &runtime, manifest).await?;
    super::report(actors::notes(&plan.manifest))?;
    let (apps, guests) = (plan.apps.len(), plan.guest_count());
    match global.output {
        Output::Text => {
            let file = plan.manifest.path.display();
            print::line(&format!("{file}: {}, {}, no problems", counted(apps, "app"), counted(guests, "guest")));
        }
        Output::Json => print::json(&serde_json::json!({
            "file": plan.manifest.path,
            "apps": plan.apps.iter().map(|planned| serde_json::json!({
                "appId": planned.app.app_id,
                "guests": planned.guests.iter().map(|guest| &guest.name).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
