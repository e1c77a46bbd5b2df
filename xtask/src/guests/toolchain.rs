//! Which compiler builds the guests: rustup's where it has the targets, else Debian's with std built from its sources.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::debian;
use crate::{Result, run};

/// What every guest is compiled for.
pub(crate) const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-unknown-unknown"];
/// 128-bit vectors: every engine of the last years has them, and picture work takes 1.6 instead of 2.5 times the native time.
pub(crate) const FLAGS: &str = "-Ctarget-feature=+simd128";
/// `rustup` or `debian` forces one of the two ways.
const FORCE: &str = "PILLION_GUESTS_TOOLCHAIN";

/// A compiler for Wasm and how to start it.
pub(crate) struct Toolchain {
    /// Which way and version, for the user and for telling whether a guest is up to date.
    pub(crate) id: String,
    cargo: PathBuf,
    /// rustup's own variables would lead Debian's cargo to rustup's rustc.
    variables: Vec<(String, String)>,
    /// Flags beside [`FLAGS`].
    flags: String,
    removed: &'static [&'static str],
}

impl Toolchain {
    /// # Errors
    /// Says what to install when neither way is open.
    pub(crate) fn choose() -> Result<Self> {
        match std::env::var(FORCE).as_deref() {
            Ok("rustup") => Self::rustup(),
            Ok("debian") => Self::debian(),
            Ok(other) => Err(format!("{FORCE} is `{other}`: `rustup` or `debian`").into()),
            Err(_) => Self::rustup().or_else(|rustup| {
                println!("guests: {rustup}; trying Debian's packages");
                Self::debian()
                    .map_err(|debian| format!("no compiler for Wasm\n  rustup: {rustup}\n  Debian: {debian}").into())
            }),
        }
    }

    /// A cargo with this toolchain's settings and no others; `flags` go behind those of every guest.
    pub(crate) fn cargo(&self, flags: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"].iter().chain(self.removed) {
            command.env_remove(name);
        }
        for target in TARGETS {
            command.env(variable(target, "RUSTFLAGS"), format!("{FLAGS} {flags} {}", self.flags));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn rustup() -> Result<Self> {
        let sysroot = run::read(Command::new("rustc").args(["--print", "sysroot"]))?;
        let missing = |target: &&str| !Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir();
        let missing: Vec<&str> = TARGETS.iter().copied().filter(missing).collect();
        if !missing.is_empty() {
            add_targets(&missing)?;
        }
        let id = format!("rustup's {}", run::read(Command::new("rustc").arg("--version"))?);
        Ok(Self { id, cargo: run::cargo(), variables: Vec::new(), flags: String::new(), removed: &[] })
    }

    fn debian() -> Result<Self> {
        let debian::Sysroot { id, folder, linker } = debian::sysroot()?;
        let mut variables = vec![("RUSTC".to_owned(), debian::RUSTC.to_owned())];
        variables.extend(TARGETS.map(|target| (variable(target, "LINKER"), linker.display().to_string())));
        // Cargo splits this at spaces: that the folder has none is checked where it is made.
        let flags = format!("--sysroot={}", folder.display());
        Ok(Self { id, cargo: debian::CARGO.into(), variables, flags, removed: debian::RUSTUP_VARIABLES })
    }
}

/// Quiet on failure: the other way is tried then.
fn add_targets(targets: &[&str]) -> Result<()> {
    let rustup = run::find("rustup").ok_or("there is no rustup to add the Wasm targets")?;
    let mut command = Command::new(rustup);
    command.args(["target", "add"]).args(targets).current_dir(run::root()).stderr(Stdio::null());
    run::check(&mut command).map_err(|_| format!("`rustup target add {}` failed", targets.join(" ")).into())
}

/// Cargo's name for a setting of a target, such as `CARGO_TARGET_WASM32_WASIP1_LINKER`.
fn variable(target: &str, setting: &str) -> String {
    format!("CARGO_TARGET_{}_{setting}", target.to_uppercase().replace('-', "_"))
}
