//! The databases of an app's guests, opened before the app starts.

use crate::manifest::App;
use anyhow::{Context, Result, anyhow};
use pillion_api::sql;
use pillion_sidecar::{DatabaseFile, Databases};
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;

/// Opens the files that the manifest names; none where it names none.
///
/// # Errors
/// A file that can't be made, or holds something else.
pub(crate) async fn open(app: &App) -> Result<Option<Arc<dyn sql::Databases>>> {
    match app.wasm() {
        Some(wasm) => open_all(app, wasm.databases.clone()).await,
        None => Ok(None),
    }
}

/// The same names over empty files, which are gone with the folder: what tests write, the app's own files never see.
///
/// # Errors
/// No such folder can be made.
pub(crate) async fn open_empty(app: &App) -> Result<(Option<Arc<dyn sql::Databases>>, Option<TempDir>)> {
    let Some(wasm) = app.wasm().filter(|wasm| !wasm.databases.is_empty()) else { return Ok((None, None)) };
    let folder = tempfile::tempdir().context("a folder for the databases of a case can't be made")?;
    let own = |(number, (name, file)): (usize, (&String, &DatabaseFile))| {
        (name.clone(), DatabaseFile { path: folder.path().join(format!("{number}.db")), size: file.size })
    };
    let files = wasm.databases.iter().enumerate().map(own).collect();
    Ok((open_all(app, files).await?, Some(folder)))
}

async fn open_all(app: &App, files: BTreeMap<String, DatabaseFile>) -> Result<Option<Arc<dyn sql::Databases>>> {
    if files.is_empty() {
        return Ok(None);
    }
    let opened = tokio::task::spawn_blocking(move || Databases::open(files)).await?;
    let opened = opened.map_err(|error| anyhow!("app `{}`: {error}", app.app_id))?;
    Ok(Some(Arc::new(opened)))
}
