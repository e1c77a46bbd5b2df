//! From the start of a process to its first good answer: `first-answer URL PROGRAM [ARG…]` prints wall and CPU time in
//! milliseconds and resident memory in KiB, and ends the process.

use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Ends the process whatever happens.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, program, rest @ ..] = args.as_slice() else { bail!("usage: first-answer URL PROGRAM [ARG…]") };
    let (authority, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("no URL")?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let began = Instant::now();
    let child = Command::new(program).args(rest).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut started = Started(child);
    while !is_answered(authority, &request) {
        ensure!(began.elapsed() < PATIENCE, "no good answer in {PATIENCE:?}");
        ensure!(started.0.try_wait()?.is_none(), "`{program}` ended before it answered");
        // The core is this program's own: it looks all the time.
        std::thread::yield_now();
    }
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let (cpu, resident) = (cpu_ms(started.0.id())?, resident_kib(started.0.id())?);
    println!("{}", serde_json::json!({ "wall_ms": wall, "cpu_ms": cpu, "resident_kib": resident }));
    Ok(())
}

/// Whether it listens and answers 200.
fn is_answered(authority: &str, request: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(authority) else { return false };
    let mut start = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut start).is_ok() && start.ends_with(b" 200")
}

/// The scheduler's nanoseconds of all live threads.
fn cpu_ms(process: u32) -> Result<f64> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanos += text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(nanos / 1e6)
}

fn resident_kib(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().next().context("no number")?.parse()?)
}
