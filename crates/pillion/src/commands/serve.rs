//! `pillion serve`: one app of a run file, as a container or `dapr run -f` starts it.

use crate::{
    environment,
    flags::{Global, Serve},
    manifest::{App, Manifest},
};
use anyhow::{Result, bail};
use pillion_api::diagnostic::nearest;
use std::process::ExitCode;

/// Starts the app that the flags or `APP_ID` name.
pub(crate) async fn run(global: &Global, serve: Serve) -> Result<ExitCode> {
    super::start_logs(global)?;
    let file = serve.run_file.map_or_else(super::nearest_file, Ok)?;
    let mut manifest = super::manifest_of(&file, serve.app_id.as_deref())?;
    only(&mut manifest, serve.app_id.as_deref())?;
    if let Some(app) = manifest.apps.first_mut() {
        app.app_port = serve.app_port.unwrap_or(app.app_port);
        if environment::daprd_is_announced() {
            // The file's port is the real daprd's.
            app.dapr_http_port = 0;
        }
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
    manifest.neighbours = manifest.apps.iter().filter(|app| app.app_id != wanted).filter_map(dapr_port).collect();
    manifest.apps.retain(|app| app.app_id == wanted);
    Ok(())
}

/// A guest may know the sidecar of another app of its file by port: what it asks there, its own sidecar answers, as where all
/// of them are in one process.
fn dapr_port(app: &App) -> Option<(u16, String)> {
    (app.dapr_http_port != 0).then(|| (app.dapr_http_port, app.app_id.clone()))
}
