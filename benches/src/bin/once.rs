//! Calls of a guest in this process, one after another. `once GUEST CALLS` prints the process's CPU time of a call in
//! microseconds: median, least and most over batches. `once GUEST CALLS count` only calls: under callgrind the difference
//! of two counts is the instructions of the calls between, the start left out.
//!
//! The pool is of few instances: Valgrind can't map the usual one.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use pillion_benches::host;
use rustix::time::{ClockId, clock_gettime};

const INSTANCES: u32 = 2;
/// Calls that fill caches before the first that is timed.
const WARM: usize = 50;
const BATCHES: usize = 9;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (guest, calls, only_calls) = match args.as_slice() {
        [guest, calls] => (guest, calls, false),
        [guest, calls, count] if count == "count" => (guest, calls, true),
        _ => anyhow::bail!("usage: once GUEST CALLS [count]"),
    };
    let calls: usize = calls.parse()?;
    let body = Bytes::new();
    let runtime = host::runtime(INSTANCES, None)?;
    let bytes = std::fs::read(guest).with_context(|| guest.clone())?;
    let guest = runtime.load("guest", bytes, None)?;
    let app = host::app(&runtime, "app", guest, pillion_runtime::Limits::default())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        if only_calls {
            for _ in 0..calls {
                host::call(&app, &body).await?;
            }
            return Ok(());
        }
        for _ in 0..WARM {
            host::call(&app, &body).await?;
        }
        let mut micros = Vec::new();
        for _ in 0..BATCHES {
            let before = cpu();
            for _ in 0..calls {
                host::call(&app, &body).await?;
            }
            #[allow(clippy::cast_precision_loss)]
            micros.push((cpu() - before) / calls as f64);
        }
        ensure!(!micros.is_empty(), "no batches");
        micros.sort_by(f64::total_cmp);
        let line =
            serde_json::json!({ "cpu_us": micros[BATCHES / 2], "least_us": micros[0], "most_us": micros[BATCHES - 1] });
        println!("{line}");
        anyhow::Ok(())
    })
}

/// CPU time of all threads of this process, in microseconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss)]
    let (seconds, nanos) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds * 1e6 + nanos / 1e3
}
