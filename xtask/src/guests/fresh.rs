//! Whether a guest is up to date: built by this toolchain after its sources last changed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::list::Guest;
use super::toolchain::Toolchain;
use super::{files_below, guests_dir, out_file, target_dir};
use crate::{Result, run};

pub(crate) fn is_fresh(guest: &Guest, toolchain: &Toolchain) -> bool {
    let stamp = stamp_file(guest);
    let same_toolchain = fs::read_to_string(&stamp).is_ok_and(|text| text == stamp_text(guest, toolchain));
    same_toolchain && outputs_exist(guest) && built_after_sources(guest, &stamp).unwrap_or(false)
}

/// Notes when the build began: what changed meanwhile counts as newer.
pub(crate) fn stamp(guest: &Guest, toolchain: &Toolchain, start: SystemTime) -> Result<()> {
    let file = stamp_file(guest);
    fs::create_dir_all(file.parent().expect("a stamp lies in a folder"))?;
    let mut stamp = File::create(file)?;
    stamp.write_all(stamp_text(guest, toolchain).as_bytes())?;
    Ok(stamp.set_modified(start)?)
}

fn stamp_file(guest: &Guest) -> PathBuf {
    target_dir().join("stamps").join(guest.name)
}

fn stamp_text(guest: &Guest, toolchain: &Toolchain) -> String {
    format!("{}\n{} {}\n", toolchain.id, super::toolchain::FLAGS, guest.flags)
}

fn outputs_exist(guest: &Guest) -> bool {
    out_file(guest).is_file() && guest.copy_file().is_none_or(|copy| copy.is_file())
}

fn built_after_sources(guest: &Guest, stamp: &Path) -> Result<bool> {
    let built = fs::metadata(stamp)?.modified()?;
    for source in sources(guest)? {
        if fs::metadata(&source)?.modified()? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sources(guest: &Guest) -> Result<Vec<PathBuf>> {
    let folder = run::root().join(guest.folder);
    let mut sources = files_below(&folder.join("src"))?;
    // Two guests share files with a neighbour; all small ones are looked at rather than a list kept.
    if folder.starts_with(guests_dir()) {
        sources.extend(files_below(&guests_dir().join("tf-first/src"))?);
    }
    if fs::read_to_string(folder.join("Cargo.toml"))?.contains("pillion-sdk") {
        sources.extend(files_below(&guests_dir().join("sdk-rust/src"))?);
    }
    sources.extend(files_below(&guests_dir().join("componentize/src"))?);
    sources.extend([folder.join("Cargo.toml"), guests_dir().join("Cargo.toml"), guests_dir().join("Cargo.lock")]);
    Ok(sources)
}
