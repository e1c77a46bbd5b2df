//! The compilers of other languages: fetched by their own package managers into the cache, as their lock files say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{content, guests, run};

/// What Debian's package of WASI's C library has.
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi/crt1-reactor.o";

/// Why there is no guest.
pub(crate) enum Missing {
    /// A tool is not there and can't be fetched: its tests are skipped.
    Tool(String),
    /// The guest could not be built: its sources are at fault, or its SDK.
    Failed(Box<dyn std::error::Error>),
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Missing {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

type Result<T> = std::result::Result<T, Missing>;

/// componentize-js, into the SDK's folder.
pub(crate) fn fetch_javascript() -> Result<()> {
    fetch_npm("npm", "guests/sdk-js")
}

/// What the lock file of a folder names, linked into it.
fn fetch_npm(name: &str, folder: &str) -> Result<()> {
    let files = ["package.json", "package-lock.json"];
    let inputs = files.map(|file| format!("{folder}/{file}"));
    let packages = packages(name, &inputs, |packages| {
        for (file, input) in files.iter().zip(&inputs) {
            fs::copy(run::root().join(input), packages.join(file))?;
        }
        let mut npm = Command::new(find("npm")?);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        fetch(npm.current_dir(packages))
    })?;
    link(&packages.join("node_modules"), &run::root().join(folder).join("node_modules"))
}

pub(crate) fn javascript(out: &Path) -> Result<()> {
    let mut node = Command::new(find("node")?);
    node.arg(run::root().join("guests/sdk-js/build.mjs")).arg("index.js").arg(out);
    Ok(run::check(node.current_dir(run::root().join("guests/js-shop")))?)
}

/// componentize-py, into the SDK's folder.
pub(crate) fn fetch_python() -> Result<()> {
    let sdk = run::root().join("guests/sdk-python");
    let packages = packages("venv", &["guests/sdk-python/requirements.txt"], |folder| {
        fetch(Command::new(find("python3")?).args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        fetch(pip.arg(sdk.join("requirements.txt")))
    })?;
    link(&packages, &sdk.join(".venv"))
}

pub(crate) fn python(out: &Path) -> Result<()> {
    let mut python = Command::new(run::root().join("guests/sdk-python/.venv/bin/python"));
    python.args(["-m", "pillion_sdk.build", "guests/py-shop/app.py"]).arg(out);
    python.env("PYTHONPATH", "guests/sdk-python").env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(run::check(python.current_dir(run::root()))?)
}

/// For a compiler that is installed or isn't.
pub(crate) fn fetch_nothing() -> Result<()> {
    Ok(())
}

/// Go as it is: the SDK's bindings export the handlers of a library.
pub(crate) fn go(out: &Path) -> Result<()> {
    let core = out.with_extension("core");
    let mut go = Command::new(find("go")?);
    go.env("GOOS", "wasip1").env("GOARCH", "wasm").current_dir(run::root().join("guests/go-shop"));
    // The bindings allocate before Go's runtime is up, by a function of it that the linker keeps to itself.
    go.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w -checklinkname=0", "-o"]);
    run::check(go.arg(&core).arg("."))?;
    component(&core, out)
}

/// A program, as any other in Go.
pub(crate) fn go_command(out: &Path) -> Result<()> {
    let mut go = Command::new(find("go")?);
    go.env("GOOS", "wasip1").env("GOARCH", "wasm").current_dir(run::root().join("guests/go-digits"));
    Ok(run::check(go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(out).arg("."))?)
}

/// Debian's clang and C library.
fn clang(folder: &str) -> Result<Command> {
    let clang = run::find("clang-22").or_else(|| run::find("clang"));
    let mut clang = Command::new(clang.ok_or_else(|| Missing::Tool("no clang".to_owned()))?);
    if !Path::new(WASI_LIBC).is_file() {
        return Err(Missing::Tool("no wasi-libc".to_owned()));
    }
    clang.args(["--target=wasm32-wasi", "-O2", "-s", "-Wall", "-Werror", "-Wno-deprecated"]);
    clang.current_dir(run::root().join("guests").join(folder));
    Ok(clang)
}

pub(crate) fn c(out: &Path) -> Result<()> {
    let core = out.with_extension("core");
    let mut clang = clang("c-shop")?;
    clang.args(["INVOCATION", "TOPIC", "BINDING", "JOB"].map(|name| format!("-DPILLION_{name}_HANDLER")));
    clang.args(["-mexec-model=reactor", "-I../sdk-c", "-o"]).arg(&core).args(["shop.c", "../sdk-c/dapr.c"]);
    run::check(&mut clang)?;
    component(&core, out)
}

pub(crate) fn c_command(out: &Path) -> Result<()> {
    Ok(run::check(clang("c-digits")?.arg("-o").arg(out).arg("digits.c"))?)
}

/// AssemblyScript's compiler, into the folder of its guests.
pub(crate) fn fetch_assemblyscript() -> Result<()> {
    fetch_npm("asc", "guests/as-shop")
}

pub(crate) fn as_hello(out: &Path) -> Result<()> {
    assemblyscript("hello.ts", out)
}

pub(crate) fn as_digits(out: &Path) -> Result<()> {
    assemblyscript("digits.ts", out)
}

/// A command: nothing is freed, as it ends with its call, and a failed assertion is a plain trap.
fn assemblyscript(source: &str, out: &Path) -> Result<()> {
    let mut asc = Command::new(find("node")?);
    asc.current_dir(run::root().join("guests/as-shop")).arg("node_modules/assemblyscript/bin/asc.js").arg(source);
    Ok(run::check(asc.args(["--optimize", "--runtime", "stub", "--use", "abort=", "--outFile"]).arg(out))?)
}

/// A component of a module whose linker knows no worlds.
fn component(core: &Path, out: &Path) -> Result<()> {
    let mut componentize = Command::new(guests::componentize()?);
    componentize.arg("dapr").arg(run::root().join("wit/dapr")).arg(core).arg(out);
    run::check(&mut componentize)?;
    Ok(fs::remove_file(core)?)
}

/// A folder of fetched packages, which is kept as long as what names them doesn't change.
fn packages(name: &str, inputs: &[impl AsRef<Path>], fetch: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = run::cache_dir()?.join("languages").join(format!("{name}-{:032x}", content::key(inputs)?));
    let whole = folder.join("whole");
    if !whole.is_file() {
        println!("languages: fetching {name} packages into {} (once)", folder.display());
        // In place, as a venv knows its own path; the mark says that it was not interrupted.
        fs::create_dir_all(&folder)?;
        fetch(&folder)?;
        fs::write(whole, "")?;
    }
    Ok(folder)
}

/// What a failure of this says of the network, it doesn't say of the sources.
fn fetch(command: &mut Command) -> Result<()> {
    run::check(command).map_err(|error| Missing::Tool(error.to_string()))
}

fn find(program: &str) -> Result<PathBuf> {
    run::find(program).ok_or_else(|| Missing::Tool(format!("no {program}")))
}

/// Node looks for packages beside what imports them, and tests of templates find a compiler here.
fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    if link.is_symlink() {
        fs::remove_file(link)?;
    } else if link.exists() {
        // A developer's own `npm ci` is as good.
        return Ok(());
    }
    Ok(std::os::unix::fs::symlink(target, link)?)
}
