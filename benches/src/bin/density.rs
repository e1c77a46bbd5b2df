//! Many guests in this process: `density CACHE distinct|same|left COUNT` loads so many small http guests, each an app of
//! its own, and prints what they hold, where `left` has the code of few in memory; `density CACHE live COUNT` holds so
//! many running instances of one guest.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use pillion_benches::host;
use pillion_runtime::{App, Limits, Options, Runtime};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const HELLO: &str = include_str!("../../guests/hello.wat");
/// What makes a guest different from the others, of the greeting's length.
const GREETING: &str = "hello world";
/// Work of a guest that runs until its deadline and touches no page.
const SPIN: &str = "(loop $spin (br $spin))";
/// Live instances are given so long to be there; most of it is their turns on one thread.
const LIVE: Duration = Duration::from_secs(4);
/// One instance is given so long.
const SETTLED: Duration = Duration::from_millis(200);
const MAX_COUNT: usize = 100_000;
/// Instances at the same time.
const INSTANCES: u32 = 256;
/// Files whose code is in memory where most have left it.
const FEW: usize = 10;
/// Guests whose code comes back for a call.
const RETURNS: usize = 100;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [cache, what, count] = args.as_slice() else { bail!("usage: density CACHE distinct|same|left|live COUNT") };
    let count: usize = count.parse()?;
    anyhow::ensure!(count <= MAX_COUNT, "at most {MAX_COUNT}");
    let line = match what.as_str() {
        "distinct" => idle(Path::new(cache), count, true, usize::MAX),
        "same" => idle(Path::new(cache), count, false, usize::MAX),
        "left" => idle(Path::new(cache), count, true, FEW),
        "live" => live(Path::new(cache), count),
        _ => bail!("`{what}`: distinct, same, left or live"),
    }?;
    println!("{line}");
    Ok(())
}

/// Wasm of the n-th guest.
fn guest(n: usize, work: &str) -> Result<Vec<u8>> {
    let text = HELLO.replace(GREETING, &format!("hello {n:05}"));
    let (head, code) = text.split_once("(component").context("no component")?;
    Ok(wat::parse_str(format!("{head}(component{}", code.replacen(";; work", work, 1)))?)
}

fn load(runtime: &Runtime, bytes: Vec<u8>, limits: &Limits) -> Result<App> {
    host::app(runtime, "app", runtime.load("guest", bytes, None)?, limits.clone())
}

fn idle(cache: &Path, count: usize, distinct: bool, most: usize) -> Result<serde_json::Value> {
    let runtime = Runtime::new(Options { resident_code: Some(most), ..host::options(INSTANCES, Some(cache)) })?;
    let limits = Limits::default();
    // What the first guest brings, of the engine and of the answer's way, is not of the others.
    let first = load(&runtime, guest(0, "")?, &limits)?;
    answer(&first)?;
    let (before, mapped, anonymous) = (resident()?, mappings()?, of_status("RssAnon")?);
    let mut apps = Vec::with_capacity(count);
    let mut loading = Duration::ZERO;
    for n in 1..=count {
        let bytes = guest(if distinct { n } else { 0 }, "")?;
        let began = Instant::now();
        apps.push(load(&runtime, bytes, &limits)?);
        loading += began.elapsed();
    }
    let (after, mapped_after, anonymous_after) = (resident()?, mappings()?, of_status("RssAnon")?);
    // The last one works, so that what is counted is guests and no empty names.
    let last = apps.last().map_or(Ok(Bytes::new()), answer)?;
    anyhow::ensure!(
        count == 0 || !distinct || last == format!("hello {count:05}\n").as_bytes(),
        "another guest answered"
    );
    let first_calls = first_calls(&apps)?;
    #[allow(clippy::cast_precision_loss)]
    let each = |whole: f64| whole / count.max(1) as f64;
    Ok(serde_json::json!({
        "resident_kib": after,
        "each_kib": each(after - before),
        "anonymous_each_kib": each(anonymous_after - anonymous),
        "first_call_us": first_calls.as_secs_f64() * 1e6,
        "load_us": each(loading.as_secs_f64() * 1e6),
        "mappings": mapped_after,
        "mappings_each": each(mapped_after - mapped),
    }))
}

/// The middle time of the first call of the guests that were loaded first.
fn first_calls(apps: &[App]) -> Result<Duration> {
    let mut times = Vec::with_capacity(RETURNS);
    for app in apps.iter().take(RETURNS) {
        let began = Instant::now();
        answer(app)?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

fn answer(app: &App) -> Result<Bytes> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(host::call(app, "/"))
}

/// Instances that run, none of which touches memory.
fn live(cache: &Path, count: usize) -> Result<serde_json::Value> {
    let runtime = Runtime::new(host::options(INSTANCES, Some(cache)))?;
    let limits = Limits { concurrency: count + 1, timeout: LIVE * 2, ..Limits::default() };
    let app = load(&runtime, guest(0, SPIN)?, &limits)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let call = || {
            let app = app.clone();
            tokio::spawn(async move { host::call(&app, "/").await })
        };
        // What the first call brings is not of the others.
        let mut calls = vec![call()];
        while app.stats()[0].in_flight == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(SETTLED).await;
        let before = resident()?;
        calls.extend((0..count).map(|_| call()));
        tokio::time::sleep(LIVE).await;
        let in_flight = app.stats()[0].in_flight - 1;
        let during = resident()?;
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        #[allow(clippy::cast_precision_loss)]
        let each = (during - before) / in_flight.max(1) as f64;
        Ok(serde_json::json!({ "in_flight": in_flight, "each_kib": each, "resident_kib": during }))
    })
}

/// Resident memory in KiB.
fn resident() -> Result<f64> {
    of_status("VmRSS")
}

/// A line of the kernel's account of this process, in KiB.
fn of_status(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = value.with_context(|| format!("no {name}"))?;
    Ok(line.split_whitespace().next().context("no number")?.parse()?)
}

/// The mappings of this process, of which the kernel allows `vm.max_map_count`.
fn mappings() -> Result<f64> {
    #[allow(clippy::cast_precision_loss)]
    Ok(std::fs::read_to_string("/proc/self/maps")?.lines().count() as f64)
}
