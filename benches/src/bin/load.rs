//! The load: `load URL FILE CONNECTIONS SECONDS [rate=REQUESTS-PER-SECOND] [HEADER=VALUE…]` posts a file, or gets where
//! the file is `-`, over so many keep-alive connections and prints one line of JSON.
//!
//! Without a rate the loop is closed: each connection asks again when it was answered. With one it is open: requests are
//! due at even times whatever the server does, and latency counts from when a request was due, not from when a connection
//! was free to send it.

use anyhow::{Context, Result, ensure};
use http::Uri;
use pillion_benches::wire::Wire;
use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

const MAX_CONNECTIONS: usize = 4096;
const MAX_SECONDS: f64 = 120.0;
/// The timer's own step is a millisecond: what is left of the way is waited for by looking at the clock.
const TIMER: Duration = Duration::from_millis(2);
/// A server that refuses connections is asked again so often before the load gives up.
const MAX_BROKEN: usize = 10_000;

struct Load {
    authority: String,
    request: Vec<u8>,
    began: Instant,
    until: Instant,
    /// Between two requests of an open loop.
    step: Option<Duration>,
    next: Cell<u32>,
}

/// Latencies in microseconds, by how it ended.
#[derive(Default)]
struct Seen {
    good: Vec<u64>,
    refused: Vec<u64>,
    other: Vec<u64>,
    broken: usize,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    ensure!(args.len() >= 4, "usage: load URL FILE|- CONNECTIONS SECONDS [rate=RPS] [HEADER=VALUE…]");
    let connections: usize = args[2].parse()?;
    let seconds: f64 = args[3].parse()?;
    ensure!(connections <= MAX_CONNECTIONS && seconds <= MAX_SECONDS, "at most 4096 connections and 120 seconds");
    let (mut rate, mut headers) = (None, Vec::new());
    for (name, value) in args[4..].iter().filter_map(|pair| pair.split_once('=')) {
        match name {
            "rate" => rate = Some(value.parse::<f64>()?),
            _ => headers.push((name, value)),
        }
    }
    let (authority, request) = prepare(&args[0], &args[1], &headers)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(seconds);
    let step = rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
    let load = Rc::new(Load { authority, request, began, until, step, next: Cell::new(0) });
    let tasks = tokio::task::LocalSet::new();
    let seen = tasks.block_on(&runtime, async {
        let tasks: Vec<_> = (0..connections).map(|_| tokio::task::spawn_local(connection(load.clone()))).collect();
        let mut all = Seen::default();
        for task in tasks {
            all.add(task.await??);
        }
        anyhow::Ok(all)
    })?;
    println!("{}", seen.report(began.elapsed()));
    Ok(())
}

/// Where to, and the bytes of the request.
fn prepare(url: &str, file: &str, headers: &[(&str, &str)]) -> Result<(String, Vec<u8>)> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().context("the URL has no host")?.as_str().replace("localhost", "127.0.0.1");
    ensure!(authority.starts_with("127.0.0.1:"), "the load goes to a port of loopback only");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let body = match file {
        "-" => None,
        file => Some(std::fs::read(file).with_context(|| file.to_owned())?),
    };
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = &body {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    Ok((authority, [head.into_bytes(), body.unwrap_or_default()].concat()))
}

async fn connection(load: Rc<Load>) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut wire = None;
    while let Some(due) = load.turn().await {
        let answer = match ask(&load, wire.take()).await {
            Ok((answer, kept)) => {
                wire = kept;
                answer
            }
            Err(error) => {
                seen.broken += 1;
                ensure!(seen.broken < MAX_BROKEN, "the server takes no requests: {error}");
                continue;
            }
        };
        let micros = u64::try_from(due.elapsed().as_micros())?;
        match answer {
            200..300 => seen.good.push(micros),
            503 => seen.refused.push(micros),
            _ => seen.other.push(micros),
        }
    }
    Ok(seen)
}

/// One request over the connection that is there, or over a new one.
async fn ask(load: &Load, wire: Option<Wire>) -> Result<(u16, Option<Wire>)> {
    let mut wire = match wire {
        Some(wire) => wire,
        None => Wire::connect(&load.authority).await?,
    };
    let answer = wire.ask(&load.request).await?;
    Ok((answer.status, (!answer.last).then_some(wire)))
}

impl Load {
    /// Waits for the next request's time and says when it was due; none at the end.
    async fn turn(&self) -> Option<Instant> {
        let Some(step) = self.step else {
            let now = Instant::now();
            return (now < self.until).then_some(now);
        };
        let turn = self.next.get();
        let due = self.began + step * turn;
        if due >= self.until {
            return None;
        }
        self.next.set(turn + 1);
        tokio::time::sleep_until((due - TIMER).into()).await;
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        Some(due)
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.good.extend(other.good);
        self.refused.extend(other.refused);
        self.other.extend(other.other);
        self.broken += other.broken;
    }

    fn report(mut self, took: Duration) -> serde_json::Value {
        for all in [&mut self.good, &mut self.refused, &mut self.other] {
            all.sort_unstable();
        }
        let requests = self.good.len() + self.refused.len() + self.other.len();
        #[allow(clippy::cast_precision_loss)]
        let rate = |count: usize| count as f64 / took.as_secs_f64();
        // Where no answer is good, as of guests that are meant to be stopped, the others' time is what there is to see.
        let shown = if self.good.is_empty() { &self.other } else { &self.good };
        serde_json::json!({
            "requests": requests,
            "errors": self.refused.len() + self.other.len() + self.broken,
            "refused": self.refused.len(),
            "broken": self.broken,
            "rps": rate(requests),
            "good_rps": rate(self.good.len()),
            "p50_us": at(shown, 0.5),
            "p99_us": at(shown, 0.99),
            "max_us": at(shown, 1.0),
            "refused_p50_us": at(&self.refused, 0.5),
            "refused_max_us": at(&self.refused, 1.0),
        })
    }
}

/// The value that a share of the sorted ones doesn't pass.
fn at(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    // The share of a small count is far below 2^52.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = (last as f64 * share) as usize;
    sorted.get(index).copied().unwrap_or_default()
}
