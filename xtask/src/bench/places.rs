//! What every benchmark needs: the built programs, guests with work of a kind, the peers, and a head that says where it ran.

use crate::{
    Result,
    run::{cargo, check, find, read, root, target},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A load average above this says that something else was running.
const QUIET: f64 = 1.5;

/// Where built programs are, and where a benchmark may write.
pub(super) struct Places {
    pub(super) release: PathBuf,
    pub(super) scratch: PathBuf,
}

impl Places {
    /// Builds this program and the benchmarks' own.
    pub(super) fn build() -> Result<Self> {
        let build = ["build", "--release", "-p", "pillion", "-p", "pillion-benches", "--bins"];
        let mut command = Command::new(cargo());
        // What cargo tells this task of itself would be news to build scripts, which run again then.
        for (name, _) in std::env::vars_os() {
            let told = name.to_string_lossy();
            if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        check(command.args(build).current_dir(root()))?;
        let places = Self { release: target().join("release"), scratch: target().join("bench") };
        fs::create_dir_all(places.scratch.join("empty"))?;
        Ok(places)
    }

    /// A built program, as a word of a command.
    pub(super) fn program(&self, name: &str) -> String {
        self.release.join(name).display().to_string()
    }

    /// This program with the words of a line.
    pub(super) fn pillion(&self, line: &str) -> Vec<String> {
        [self.program("pillion")].into_iter().chain(line.split(' ').map(str::to_owned)).collect()
    }

    /// This program with one guest on a port, and further flags.
    pub(super) fn pillion_run(&self, guest: &str, port: u16, flags: &str) -> Vec<String> {
        self.pillion(&format!("run {guest} --app-port {port} --dapr-http-port 0 --metrics-port 0{flags}"))
    }

    /// The hello guest with `work` in front of its answer, as a Wasm file of this name.
    pub(super) fn guest(&self, name: &str, work: &str) -> Result<PathBuf> {
        self.guest_of(name, work, "17")
    }

    /// The same with so many pages of memory.
    pub(super) fn guest_of(&self, name: &str, work: &str, pages: &str) -> Result<PathBuf> {
        let text = fs::read_to_string(root().join("benches/guests/hello.wat"))?;
        let text = text.replace("(memory (export \"memory\") 17)", &format!("(memory (export \"memory\") {pages})"));
        let source = self.scratch.join(name).with_extension("wat");
        // The first is in the comment at the top.
        let (head, code) = text.split_once("(component").ok_or("`hello.wat` has no component")?;
        fs::write(&source, format!("{head}(component{}", code.replacen(";; work", work, 1)))?;
        self.assemble(&source)
    }

    /// A guest of text as a Wasm file.
    pub(super) fn assemble(&self, source: &Path) -> Result<PathBuf> {
        let wasm = self.scratch.join(source.file_stem().ok_or("no name")?).with_extension("wasm");
        check(Command::new(self.release.join("guest")).arg(source).arg(&wasm))?;
        Ok(wasm)
    }

    /// A manifest of one app in the scratch folder.
    pub(super) fn manifest(&self, name: &str, wasm: &str, port: u16) -> Result<PathBuf> {
        self.manifest_of(name, name, wasm, port)
    }

    /// The same in a file of this name.
    pub(super) fn manifest_of(&self, app_id: &str, name: &str, wasm: &str, port: u16) -> Result<PathBuf> {
        let file = self.scratch.join(name).with_extension("yaml");
        let app = format!(
            "version: 1\napps:\n  - appID: {app_id}\n    appPort: {port}\n    appDirPath: .\n    wasm:\n{wasm}"
        );
        fs::write(&file, app)?;
        Ok(file)
    }
}

/// Wasmtime's command line: what `WASMTIME` names, else the one in `PATH`.
pub(super) fn wasmtime() -> Result<String> {
    let program = std::env::var_os("WASMTIME").map(PathBuf::from).or_else(|| find("wasmtime"));
    Ok(program.ok_or("no `wasmtime` in PATH, and WASMTIME names none")?.display().to_string())
}

/// A port of loopback that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The first lines of a result: what was run, when, on which machine, at which commit.
pub(super) fn head(title: &str, verb: &str) -> Result<String> {
    let commit = read(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root()))?;
    let dirty = !read(Command::new("git").args(["status", "--porcelain", "-uno"]).current_dir(root()))?.is_empty();
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([':', '\t', ' ']);
    let cores = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let day = read(Command::new("date").arg("+%F"))?;
    let kernel = read(Command::new("uname").arg("-r"))?;
    let is_busy = load.split(' ').next().and_then(|load| load.parse::<f64>().ok()).is_none_or(|load| load > QUIET);
    let warning = if is_busy {
        "\n**The machine was not quiet: take nothing but the ratios from this run, and those with care.**\n\n"
    } else {
        ""
    };
    let changed = if dirty { " with changes" } else { "" };
    Ok(format!(
        "# {title}\n\n`cargo xtask bench {verb}`, {day}, commit {commit}{changed}, {model}, {cores} cores, Linux {kernel}, load average before: {load}.\n{warning}"
    ))
}

/// Keeps a report and its plots where they are checked in, and shows the report.
pub(super) fn keep(name: &str, report: &str, plots: &[(&str, String)]) -> Result<()> {
    let folder = root().join("benches/results");
    fs::create_dir_all(&folder)?;
    for (plot, svg) in plots {
        fs::write(folder.join(plot).with_extension("svg"), svg)?;
    }
    let file = folder.join(name).with_extension("md");
    fs::write(&file, report)?;
    println!("{report}\nwritten to {}", file.display());
    Ok(())
}
