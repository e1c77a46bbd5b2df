//! The key under which something built is kept: it is made of the contents of what it is built from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, run};

/// What tools leave beside sources.
const NO_SOURCES: [&str; 3] = ["node_modules", ".venv", "__pycache__"];

/// Names, lengths and contents of files and folders, from the root, and the machine.
pub(crate) fn key(inputs: &[impl AsRef<Path>]) -> Result<u128> {
    let mut key = Fnv::new();
    key.add(std::env::consts::OS.as_bytes());
    key.add(std::env::consts::ARCH.as_bytes());
    for input in inputs {
        let input = run::root().join(input);
        let mut files = if input.is_dir() { files_below(&input)? } else { vec![input] };
        files.sort();
        for file in files {
            key.add(file.strip_prefix(run::root())?.to_string_lossy().as_bytes());
            key.add(&fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?);
        }
    }
    Ok(key.0)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| NO_SOURCES.iter().any(|other| name == *other)) {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// FNV-1a of 128 bits: it tells states of the sources apart and guards against nothing, and the standard library's own hash
/// may change with the compiler.
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
