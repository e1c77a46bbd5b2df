//! A server under measurement: started on a core of its own, its CPU time and memory read from the kernel.

use crate::{Result, run::read};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The core of servers.
const SERVERS: &str = "1";
/// The core of the load.
const LOAD: &str = "0";
/// How long a server may take to listen; one that compiles its guest first takes a while.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(5);

/// A running server and the address that it printed.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

impl Server {
    /// Starts `command` on the server's core and waits for a line that `address` finds an address in.
    pub(super) fn start(command: &[String], dir: &Path, address: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut child = on(SERVERS, command, dir).stdout(Stdio::piped()).spawn()?;
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
            return Err(ended(command));
        }
        // What it prints later is taken, or it would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// Starts `command` on the server's core and waits until it listens on a port that it was given.
    pub(super) fn start_at(command: &[String], dir: &Path, port: u16) -> Result<Self> {
        Self::start_on(SERVERS, command, dir, port)
    }

    /// The same on other cores, as `0,1`.
    pub(super) fn start_on(cores: &str, command: &[String], dir: &Path, port: u16) -> Result<Self> {
        let child = on(cores, command, dir).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child, address: format!("127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait()?.is_some() {
                return Err(ended(command));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("`{}` doesn't listen on port {port}", command.join(" ")).into());
            }
            std::thread::park_timeout(STEP);
        }
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

/// A command on some cores, without what would make an error costly.
fn on(cores: &str, command: &[String], dir: &Path) -> Command {
    let mut on = Command::new("taskset");
    on.args(["-c", cores]).args(command).current_dir(dir).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    on
}

fn ended(command: &[String]) -> Box<dyn std::error::Error> {
    format!("`{}` ended before it was ready", command.join(" ")).into()
}

/// What one run of the load saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Not answered well: refused ones and broken connections included.
    pub(super) errors: f64,
    /// Answered 503.
    pub(super) refused: f64,
    pub(super) rps: f64,
    /// Answered well, a second.
    pub(super) good_rps: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    pub(super) refused_max_ms: f64,
    pub(super) cpu_ms: f64,
}

/// What the load is told.
#[derive(Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    /// What is posted; without one it gets.
    pub(super) file: Option<&'a Path>,
    pub(super) connections: u32,
    pub(super) seconds: f64,
    /// Requests a second of an open loop.
    pub(super) rate: Option<f64>,
    /// A header, as `NAME=VALUE`.
    pub(super) header: Option<&'a str>,
}

impl Ask<'_> {
    /// The load's command, on its core.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", LOAD]).arg(program).arg(self.url).arg(self.file.unwrap_or(Path::new("-")));
        command.args([self.connections.to_string(), self.seconds.to_string()]);
        command.args(self.rate.map(|rate| format!("rate={rate}"))).args(self.header);
        command.stderr(Stdio::inherit());
        command
    }
}

/// Runs the load against a server from the other core.
pub(super) fn load(program: &Path, server: &Server, ask: &Ask) -> Result<Seen> {
    load_all(program, std::slice::from_ref(server), ask)
}

/// The same against servers that answer a request together: their CPU time is added up.
pub(super) fn load_all(program: &Path, servers: &[Server], ask: &Ask) -> Result<Seen> {
    let cpu = || servers.iter().map(Server::cpu).sum::<Result<Duration>>();
    let before = cpu()?;
    let text = read(&mut ask.command(program))?;
    let cpu = cpu()? - before;
    let field = |name: &str| field(&text, name);
    Ok(Seen {
        errors: field("errors"),
        refused: field("refused"),
        rps: field("rps"),
        good_rps: field("good_rps"),
        p50_ms: field("p50_us") / 1e3,
        p99_ms: field("p99_us") / 1e3,
        max_ms: field("max_us") / 1e3,
        refused_max_ms: field("refused_max_us") / 1e3,
        cpu_ms: cpu.as_secs_f64() * 1e3 / field("requests").max(1.0),
    })
}

/// A number of a flat JSON object.
pub(super) fn field(text: &str, name: &str) -> f64 {
    let at = text.find(&format!("\"{name}\":")).map_or("", |at| &text[at + name.len() + 3..]);
    at.split([',', '}']).next().and_then(|number| number.trim().parse().ok()).unwrap_or(f64::NAN)
}
