//! A server under measurement: started on a core of its own, its CPU time and memory read from the kernel.

use crate::Result;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A running server and the address that it printed.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

impl Server {
    /// Starts `command` on the server's core and waits for a line that `address` finds an address in.
    pub(super) fn start(command: &[String], dir: &Path, address: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", "1"])
            .args(command)
            .current_dir(dir)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the output was not piped")?;
        let mut server = Self { child, address: String::new() };
        let mut lines = BufReader::new(stdout).lines();
        for line in lines.by_ref() {
            if let Some(found) = address(&line?) {
                server.address = found;
                break;
            }
        }
        if server.address.is_empty() {
            return Err(format!("`{}` ended before it was ready", command.join(" ")).into());
        }
        // What it prints later is taken, or it would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// CPU time of the process and of its children that ended, user and system.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name may hold spaces and parentheses; the fields follow its last parenthesis. The 14th to 17th of proc(5).
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let own = self.precise_cpu()?;
        // Children are counted in ticks only.
        let children = Duration::from_millis((ticks(16) + ticks(17)) * 10);
        Ok(own + children)
    }

    /// The scheduler's nanoseconds of all live threads, plus those of threads that ended, by ticks.
    fn precise_cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end while it is looked at.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanos += text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The most memory that it had, in MiB.
    pub(super) fn peak_mib(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    /// The memory that it has, in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    fn status(&self, key: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(key)).ok_or("no memory in the status")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one run of the load saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) errors: f64,
    pub(super) rps: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) cpu_ms: f64,
}

/// Runs the load against a server from the other core.
pub(super) fn load(
    program: &Path,
    server: &Server,
    url: &str,
    file: &Path,
    connections: u32,
    seconds: f64,
) -> Result<Seen> {
    let before = server.cpu()?;
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(program)
        .arg(url)
        .arg(file)
        .args([connections.to_string(), seconds.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let cpu = server.cpu()? - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("the load failed: {}", output.status).into());
    }
    let field = |name: &str| -> f64 {
        let at = text.find(&format!("\"{name}\":")).map_or("", |at| &text[at + name.len() + 3..]);
        at.split([',', '}']).next().and_then(|number| number.trim().parse().ok()).unwrap_or(f64::NAN)
    };
    let requests = field("requests");
    Ok(Seen {
        errors: field("errors"),
        rps: field("rps"),
        p50_ms: field("p50_us") / 1e3,
        p99_ms: field("p99_us") / 1e3,
        cpu_ms: cpu.as_secs_f64() * 1e3 / requests.max(1.0),
    })
}
