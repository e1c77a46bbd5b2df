//! Debian's Rust for Wasm: the packages bring std as source, which is compiled once into a sysroot outside the clone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::TARGETS;
use crate::{Result, run};

pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CARGO: &str = "/usr/bin/cargo";
/// rustup's cargo exports these to what it starts.
pub(crate) const RUSTUP_VARIABLES: &[&str] =
    &["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"];

const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22", "wasi-libc"];
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";
const STD_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";
/// Raised when the recipe below changes, so that an older sysroot is not used.
const RECIPE: u32 = 1;

/// A folder that rustc takes as `--sysroot`.
pub(crate) struct Sysroot {
    pub(crate) id: String,
    pub(crate) folder: PathBuf,
    pub(crate) linker: PathBuf,
}

/// The cached sysroot for the installed rustc-web; built when it is not there.
pub(crate) fn sysroot() -> Result<Sysroot> {
    if !is_installed() {
        install()?;
    }
    let linker = linker().ok_or("there is no wasm-ld; install lld-22")?;
    let version = run::read(Command::new(RUSTC).arg("--version").env_remove("RUSTUP_TOOLCHAIN"))?;
    let folder = folder_without_spaces(run::cache_dir()?)?.join(format!("sysroot-{RECIPE}-{}", file_name(&version)));
    if !folder.is_dir() {
        println!("guests: compiling std for {} into {} (once, some minutes)", TARGETS.join(" and "), folder.display());
        build(&folder, &linker)?;
    }
    Ok(Sysroot { id: format!("Debian's {version}"), folder, linker })
}

fn is_installed() -> bool {
    let crt = Path::new(WASI_LIBC).join("crt1-command.o");
    linker().is_some()
        && [Path::new(RUSTC), Path::new(CARGO), Path::new(STD_SOURCES), &crt].iter().all(|path| path.exists())
}

/// rustc-web's LLVM comes with `wasm-ld-22`; another version of the linker links its objects as well, when it is newer.
fn linker() -> Option<PathBuf> {
    run::find("wasm-ld-22").or_else(|| run::find("wasm-ld"))
}

fn install() -> Result<()> {
    let packages = PACKAGES.join(" ");
    let by_hand = format!("install them with `apt-get install --no-install-recommends {packages}`");
    if run::find("apt-get").is_none() {
        return Err(format!("the packages {packages} are of Debian, which this is not").into());
    }
    if run::read(Command::new("id").arg("-u"))? != "0" {
        return Err(format!("packages are missing; {by_hand}").into());
    }
    println!("guests: installing {packages}");
    let mut command = Command::new("apt-get");
    command
        .args(["-o", "DPkg::Lock::Timeout=300", "install", "--quiet", "--yes", "--no-install-recommends"])
        .args(PACKAGES);
    run::check(command.env("DEBIAN_FRONTEND", "noninteractive"))
        .map_err(|error| format!("{error}; run `apt-get update`, then {by_hand}").into())
}

/// Flags reach rustc by a variable that is split at spaces.
fn folder_without_spaces(folder: PathBuf) -> Result<PathBuf> {
    if folder.to_string_lossy().contains(char::is_whitespace) {
        let folder = folder.display();
        return Err(format!("the cache folder `{folder}` has a space: set PILLION_BUILD_CACHE to one without").into());
    }
    Ok(folder)
}

/// In a folder beside it, renamed when it is whole: an interrupted build leaves no half sysroot.
fn build(folder: &Path, linker: &Path) -> Result<()> {
    let work = folder.with_extension(format!("work-{}", std::process::id()));
    let result = compile_std(&work, linker).and_then(|()| lay_out(&work)).and_then(|()| {
        match fs::rename(work.join("sysroot"), folder) {
            // Another build was faster.
            Err(_) if folder.is_dir() => Ok(()),
            renamed => Ok(renamed?),
        }
    });
    fs::remove_dir_all(&work)?;
    result
}

/// An empty crate makes cargo compile std; the unstable flag is for this one build.
fn compile_std(work: &Path, linker: &Path) -> Result<()> {
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(work.join("Cargo.toml"), SEED)?;
    let mut command = Command::new(CARGO);
    for name in RUSTUP_VARIABLES {
        command.env_remove(name);
    }
    command.args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort"]);
    command.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    for target in TARGETS {
        command.env(format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_")), linker);
    }
    // Guests are linked with `lto = true`, which needs the bitcode of std: cargo leaves it out of a profile without LTO.
    command.env("RUSTFLAGS", "-Cembed-bitcode=yes").env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    run::check(command.current_dir(work).env("CARGO_TARGET_DIR", work.join("target")))
}

const SEED: &str =
    "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[profile.release]\ndebug = 0\n";

/// `lib/rustlib/<target>/lib` with std's libraries; WASI's C library where rustc looks for its own copy.
fn lay_out(work: &Path) -> Result<()> {
    let rustlib = work.join("sysroot/lib/rustlib");
    for target in TARGETS {
        let lib = rustlib.join(target).join("lib");
        fs::create_dir_all(lib.join("self-contained"))?;
        copy_rlibs(&work.join("target").join(target).join("release/deps"), &lib)?;
        if target.contains("wasi") {
            for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
                fs::copy(Path::new(WASI_LIBC).join(file), lib.join("self-contained").join(file))?;
            }
        }
    }
    link_host(&rustlib)
}

fn copy_rlibs(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libseed") {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Procedural macros and build scripts are for the host.
fn link_host(rustlib: &Path) -> Result<()> {
    let read = |arguments: &[&str]| run::read(Command::new(RUSTC).args(arguments).env_remove("RUSTUP_TOOLCHAIN"));
    let verbose = read(&["-vV"])?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let hosts = Path::new(&read(&["--print", "sysroot"])?).join("lib/rustlib").join(host);
    Ok(std::os::unix::fs::symlink(hosts, rustlib.join(host))?)
}

/// A version as a part of a file name.
fn file_name(version: &str) -> String {
    let version = version.trim_start_matches("rustc ");
    version
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}
