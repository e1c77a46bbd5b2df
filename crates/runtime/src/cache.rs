//! Compiled code on disk. Wasmtime runs what `deserialize` is given: of 300 flipped bits 289 ran and 3 killed the process.
//! So nothing is loaded that this machine's key did not sign, and what was checked is the very memory that is loaded.

use crate::Inspection;
use crate::artefact::{self, Fingerprint, Key, Origin};
use crate::inspect::Format;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use wasmtime::{Engine, Module, component::Component};

const EXTENSION: &str = "artefact";
const KEY_FILE: &str = "key";
/// The largest entry that is read.
const MAX_ENTRY: u64 = 1 << 30;
/// One in so many of the bytes that entries may have is made free at a time.
const ROOM_SHARE: u64 = 8;
/// Bits of a mode that let others write, or read.
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_ANY: u32 = 0o077;

/// Why a cache directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others could put code into it.
    #[error("the cache directory `{path}` can't be trusted: {why}; remove it, or name another one", path = .0.display(), why = .1)]
    Untrusted(PathBuf, &'static str),
    /// It can't be made or read.
    #[error("the cache directory `{path}` can't be used: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, std::io::Error),
}

/// Native code that an engine runs.
pub(crate) enum Native {
    Module(Module),
    Component(Component),
}

/// Native code of an artefact, ready for the engine.
///
/// # Safety
/// `code` must be what this engine's compiler made: checked by a keyed digest, or vouched for by the operator.
#[allow(clippy::disallowed_methods)]
pub(crate) unsafe fn deserialize(engine: &Engine, format: Format, code: &[u8]) -> wasmtime::Result<Native> {
    // SAFETY: the caller's promise.
    unsafe {
        match format {
            Format::Module => Module::deserialize(engine, code).map(Native::Module),
            Format::Component => Component::deserialize(engine, code).map(Native::Component),
        }
    }
}

/// What native code is made for: an engine, and what tells its code from that of others.
pub(crate) struct Target {
    pub(crate) engine: Engine,
    pub(crate) fingerprint: Fingerprint,
}

impl Target {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { fingerprint: artefact::fingerprint(&engine), engine }
    }
}

/// A directory of artefacts, one a guest and engine.
pub(crate) struct Cache {
    directory: PathBuf,
    key: Key,
    bytes: u64,
    /// Bytes that may come before the directory is looked at again: looking at every entry for each new one would make
    /// filling it quadratic.
    room: Mutex<u64>,
}

impl Cache {
    /// The cache of code in a directory that holds `bytes` at most.
    ///
    /// # Errors
    /// Others could write to the directory, or it can't be used.
    pub(crate) fn open(directory: &Path, bytes: u64) -> Result<Self, CacheError> {
        let io = |error| CacheError::Io(directory.into(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        check_directory(directory)?;
        let key = read_or_make_key(directory).map_err(io)?;
        Ok(Self { directory: directory.into(), key, bytes, room: Mutex::default() })
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether there is an entry, good or bad.
    pub(crate) fn has(&self, target: &Target, inspection: &Inspection) -> bool {
        fs::symlink_metadata(self.path(target, inspection)).is_ok()
    }

    /// The code of a guest, if a good entry is there. A bad one is thrown away.
    pub(crate) fn get(&self, target: &Target, inspection: &Inspection) -> Option<Native> {
        let path = self.path(target, inspection);
        let file = read_own(&path)?;
        let native = self.checked(target, inspection, &file);
        if native.is_none() {
            tracing::warn!(entry = %path.display(), "a damaged or foreign entry of the code cache is thrown away");
            let _ = fs::remove_file(&path);
        }
        native
    }

    fn checked(&self, target: &Target, wanted: &Inspection, file: &[u8]) -> Option<Native> {
        let opened = artefact::open(Some(&self.key), file)?;
        let digest = blake3::Hash::from_hex(&wanted.digest).ok()?;
        let same = opened.fingerprint == target.fingerprint && opened.digest == digest.as_bytes();
        if opened.origin != Origin::Own || !same {
            return None;
        }
        // SAFETY: the keyed digest says that this machine's compiler made these bytes for an engine with this
        // fingerprint, and they are in memory that no one else can change.
        unsafe { deserialize(&target.engine, wanted.format, opened.code) }.ok()
    }

    /// Keeps an artefact. A failure only costs a compilation later.
    pub(crate) fn put(&self, target: &Target, inspection: &Inspection, file: &[u8]) {
        let path = self.path(target, inspection);
        if let Err(error) = self.write(&path, file) {
            tracing::warn!(entry = %path.display(), %error, "compiled code can't be kept");
        }
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        *room = match room.checked_sub(file.len() as u64) {
            Some(left) => left,
            None => self.shrink(),
        };
    }

    fn path(&self, target: &Target, inspection: &Inspection) -> PathBuf {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&target.fingerprint).update(inspection.digest.as_bytes());
        self.directory.join(format!("{}.{EXTENSION}", hasher.finalize().to_hex()))
    }

    /// Whole or not at all: a temporary name, to the disk, then the name.
    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let temporary = temporary_name(&self.directory)?;
        let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        File::open(&self.directory)?.sync_all()
    }

    /// Where the entries don't fit, the least recently used ones go until there is some room; how many bytes may come
    /// before the next look. Other processes fill the directory too, so that no look is believed for long.
    fn shrink(&self) -> u64 {
        let mut entries = self.entries();
        entries.sort();
        let mut total: u64 = entries.iter().map(|entry| entry.1).sum();
        let share = self.bytes / ROOM_SHARE;
        if total > self.bytes {
            for (_, length, path) in entries {
                if total <= self.bytes - share {
                    break;
                }
                total -= length;
                let _ = fs::remove_file(path);
            }
        }
        self.bytes.saturating_sub(total).min(share)
    }

    /// Time of the last use, bytes and path of each entry.
    fn entries(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let Ok(list) = fs::read_dir(&self.directory) else { return Vec::new() };
        let artefacts = list.flatten().filter(|entry| entry.path().extension().is_some_and(|found| found == EXTENSION));
        let measured = artefacts.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        });
        measured.collect()
    }
}

fn check_directory(directory: &Path) -> Result<(), CacheError> {
    let untrusted = |why| Err(CacheError::Untrusted(directory.into(), why));
    let metadata = fs::symlink_metadata(directory).map_err(|error| CacheError::Io(directory.into(), error))?;
    if metadata.file_type().is_symlink() {
        return untrusted("it is a symbolic link");
    }
    if !metadata.is_dir() {
        return untrusted("it is not a directory");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return untrusted("it belongs to another user");
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return untrusted("others may write to it");
    }
    Ok(())
}

/// Reads a regular file of this user that no one else may write; none for anything else.
fn read_own(path: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let own = metadata.is_file()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & OTHERS_WRITE == 0;
    if !own || metadata.len() > MAX_ENTRY {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    (&file).take(MAX_ENTRY).read_to_end(&mut bytes).ok()?;
    // The time of the last use; without it the entry only goes earlier.
    let _ = file.set_modified(SystemTime::now());
    Some(bytes)
}

fn read_or_make_key(directory: &Path) -> std::io::Result<Key> {
    let path = directory.join(KEY_FILE);
    // Two processes that start at once must agree on one key.
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => lock.lock()?,
        Err(TryLockError::Error(error)) => return Err(error),
    }
    if let Some(key) = read_key(&path) {
        return Ok(key);
    }
    if fs::symlink_metadata(&path).is_ok() {
        tracing::warn!(key = %path.display(), "the key of the code cache is not as it was made: a new one is made");
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    let temporary = temporary_name(directory)?;
    write_new(&temporary, &key)?;
    fs::rename(&temporary, &path)?;
    Ok(key)
}

fn read_key(path: &Path) -> Option<Key> {
    let bytes = read_own(path)?;
    let secret = fs::symlink_metadata(path).ok()?.mode() & OTHERS_ANY == 0;
    if secret { bytes.try_into().ok() } else { None }
}

fn temporary_name(directory: &Path) -> std::io::Result<PathBuf> {
    let number = getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(directory.join(format!("{number:016x}.tmp")))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_not_looked_at_for_every_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path(), 1 << 20).expect("a cache");
        let target = Target::new(Engine::default());
        let inspection = |n: usize| {
            let text = format!("(module (func (export \"{n}\")))");
            crate::inspect(text.as_bytes()).expect("a module")
        };
        let (mut looks, mut room) = (0, 0);
        for n in 0..2000 {
            cache.put(&target, &inspection(n), &[0; 1000]);
            let left = *cache.room.lock().expect("no panic");
            looks += usize::from(left >= room);
            room = left;
            let bytes: u64 = if n % 100 == 0 { cache.entries().iter().map(|entry| entry.1).sum() } else { 0 };
            assert!(bytes <= 1 << 20, "{bytes}");
        }
        // An eighth of the bytes, which is 131 entries, comes between two looks.
        assert!((10..=20).contains(&looks), "{looks}");
    }
}
