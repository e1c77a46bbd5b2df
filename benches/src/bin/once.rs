//! Calls of a guest in this process, one after another. `once GUEST CALLS` prints the process's CPU time of a call in
//! microseconds (median, least and most over batches) and how often a call allocates. `once GUEST CALLS count` only calls:
//! under callgrind the difference of two counts is the instructions of the calls between, the start left out. `stock`
//! has Wasmtime's own wasi:http answer, `reuse` keeps the instance, `next` has the guest (`http-call`) call one that answers
//! at once; `/PATH` is asked for in place of `/`.
//!
//! The pool is of few instances: Valgrind can't map the usual one.

use anyhow::{Context, Result};
use http::Request;
use pillion_api::body;
use pillion_benches::host::{self, cpu};
use pillion_runtime::{App, Limits, LoadOptions, Mode, Options, Runtime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

const INSTANCES: u32 = 2;
/// Calls that fill caches before the first that is timed.
const WARM: usize = 50;
const BATCHES: usize = 9;

/// Counts what is allocated.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator with the arguments that came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What is called, and how often.
struct Wish {
    guest: String,
    calls: usize,
    path: String,
    only_calls: bool,
    stock_http: bool,
    mode: Mode,
    calls_next: bool,
}

impl Wish {
    fn of(args: &[String]) -> Result<Self> {
        const USAGE: &str = "usage: once GUEST CALLS [count] [stock] [reuse] [next] [/PATH]";
        let [guest, calls, words @ ..] = args else { anyhow::bail!(USAGE) };
        let mut wish = Self {
            guest: guest.clone(),
            calls: calls.parse().context(USAGE)?,
            path: "/".to_owned(),
            only_calls: false,
            stock_http: false,
            mode: Mode::Fresh,
            calls_next: false,
        };
        for word in words {
            match word.as_str() {
                "count" => wish.only_calls = true,
                "stock" => wish.stock_http = true,
                "reuse" => wish.mode = Mode::Reuse { calls: u32::MAX },
                "next" => wish.calls_next = true,
                path if path.starts_with('/') => path.clone_into(&mut wish.path),
                _ => anyhow::bail!(USAGE),
            }
        }
        Ok(wish)
    }
}

fn main() -> Result<()> {
    let wish = Wish::of(&std::env::args().skip(1).collect::<Vec<_>>())?;
    let options = Options { stock_http: wish.stock_http, ..host::options(INSTANCES, None) };
    let runtime = Runtime::new(options)?;
    let bytes = std::fs::read(&wish.guest).with_context(|| wish.guest.clone())?;
    let load = LoadOptions { mode: wish.mode.clone(), ..LoadOptions::default() };
    let guest = runtime.load_with("guest", bytes, None, &load)?;
    let app = match wish.calls_next {
        true => host::app_before(next(&runtime)?, &runtime, "app", guest)?,
        false => host::app(&runtime, "app", guest, Limits::default())?,
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        if wish.only_calls {
            return calls(&app, &wish, wish.calls).await;
        }
        calls(&app, &wish, WARM).await?;
        let mut micros = Vec::new();
        let allocations = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..BATCHES {
            let before = cpu();
            calls(&app, &wish, wish.calls).await?;
            #[allow(clippy::cast_precision_loss)]
            micros.push((cpu() - before) / wish.calls as f64);
        }
        let allocations = (ALLOCATIONS.load(Ordering::Relaxed) - allocations) / (wish.calls * BATCHES).max(1) as u64;
        micros.sort_by(f64::total_cmp);
        let (median, least, most) = (micros[BATCHES / 2], micros[0], micros[BATCHES - 1]);
        let line = serde_json::json!({
            "cpu_us": median, "least_us": least, "most_us": most, "allocations": allocations
        });
        println!("{line}");
        Ok(())
    })
}

/// An app that answers at once.
fn next(runtime: &Runtime) -> Result<App> {
    let guest = runtime.load("next", include_bytes!("../../guests/hello.wat").to_vec(), None)?;
    host::app(runtime, "next", guest, Limits::default())
}

async fn calls(app: &App, wish: &Wish, count: usize) -> Result<()> {
    for _ in 0..count {
        let mut request = Request::post(&wish.path);
        if wish.calls_next {
            request = request.header("x-url", "http://next.dapr/");
        }
        host::send(app, request.body(body::empty())?).await?;
    }
    Ok(())
}
