//! `pillion serve`: one app of a run file, as a container or `dapr run -f` starts it.

use crate::{
    flags::{Global, Serve},
    manifest::Manifest,
};
use anyhow::{Result, bail};
use pillion_api::diagnostic::nearest;
use std::process::ExitCode;

/// Starts the app that the flags or `APP_ID` name.
pub(crate) async fn run(global: &Global, serve: Serve) -> Result<ExitCode> {
    super::start_logs(global)?;
    let mut manifest = super::manifest(&serve.run_file)?;
    only(&mut manifest, serve.app_id.as_deref())?;
    if let (Some(port), Some(app)) = (serve.app_port, manifest.apps.first_mut()) {
        app.app_port = port;
    }
    super::serve_to_end(global, &serve.process, manifest, false).await
}

fn only(manifest: &mut Manifest, app_id: Option<&str>) -> Result<()> {
    let ids: Vec<String> = manifest.apps.iter().map(|app| app.app_id.clone()).collect();
    let file = manifest.path.display();
    let Some(wanted) = app_id.or(if let [id] = ids.as_slice() { Some(id) } else { None }) else {
        bail!(
            "`{file}` has {} apps and nothing says which to serve\nhint: set APP_ID or give `--app-id`: {}",
            ids.len(),
            ids.join(", ")
        );
    };
    if !ids.iter().any(|id| id == wanted) {
        let near = nearest(wanted, ids.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
        bail!("`{file}` has no app `{wanted}`\nhint: {}it has {}", near.unwrap_or_default(), ids.join(", "));
    }
    let wanted = wanted.to_owned();
    manifest.apps.retain(|app| app.app_id == wanted);
    Ok(())
}
