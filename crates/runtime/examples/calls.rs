//! What a call of an http guest costs in process: `calls GUEST.wasm COUNT [stock] [PATH]` prints processor time and
//! allocations a call. Under `valgrind --tool=callgrind` with two counts, the difference is the instructions of a call.

use async_trait::async_trait;
use http::{Request, Response};
use pillion_api::metadata::SidecarMetadata;
use pillion_api::{AppChannel, Body, Code, Error, Invocation, Metadata, Result, Sidecar, body, pubsub, secrets, state};
use pillion_runtime::{App, AppSpec, GuestSpec, Options, Runtime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Instances at the same time: few, so that valgrind can map their places.
const INSTANCES: u32 = 2;
/// Batches of calls, of which the best and the middle one are shown.
const BATCHES: usize = 7;
/// The largest answer.
const MAX_ANSWER: u64 = 1 << 20;

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

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, count, rest @ ..] = &arguments[..] else {
        return Err("calls GUEST.wasm COUNT [stock] [PATH]".into());
    };
    let count: u64 = count.parse()?;
    let stock_http = rest.iter().any(|word| word == "stock");
    let path = rest.iter().find(|word| word.starts_with('/')).map_or("/", String::as_str);
    let runtime =
        Runtime::new(Options { guest_threads: 1, max_instances: INSTANCES, stock_http, ..Options::default() })?;
    let guest = runtime.load("guest", std::fs::read(file)?, None)?;
    let spec = AppSpec { app_id: "app".into(), guests: vec![GuestSpec::new("guest", guest)], ..AppSpec::default() };
    let dapr = Arc::new(|_| {
        Box::pin(async { Response::new(body::empty()) }) as futures_util::future::BoxFuture<'static, Response<Body>>
    });
    let app = runtime.app(spec, Arc::new(NoSidecar), dapr)?;
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(measure(&app, path, count))
}

async fn measure(app: &App, path: &str, count: u64) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    let batch = count.div_ceil(BATCHES as u64);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..BATCHES {
        let before = processor_ns();
        for _ in 0..batch {
            let request =
                Request::get(path).header("host", "localhost").header("user-agent", "x").header("accept", "*/*");
            let response = app.invoke(request.body(body::empty())?).await?;
            body::collect(response.into_body(), MAX_ANSWER).await?;
        }
        times.push((processor_ns() - before) / batch);
    }
    let allocations = (ALLOCATIONS.load(Ordering::Relaxed) - allocations) / (batch * BATCHES as u64);
    times.sort_unstable();
    println!("{} ns least, {} ns middle, {allocations} allocations a call", times[0], times[BATCHES / 2]);
    Ok(())
}

/// Processor time of the process, by the kernel's account of each thread: guests run on threads of their own.
fn processor_ns() -> u64 {
    let of_thread = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0)
    };
    std::fs::read_dir("/proc/self/task").map_or(0, |threads| threads.flatten().map(of_thread).sum())
}

/// Nothing here calls out.
struct NoSidecar;

fn nothing<T>() -> Result<T> {
    Err(Error::new(Code::ApiUnimplemented, "not here"))
}

#[async_trait]
impl Sidecar for NoSidecar {
    fn app_id(&self) -> &str {
        "app"
    }

    async fn invoke(&self, _: Invocation) -> Result<Response<Body>> {
        nothing()
    }

    async fn get_state(&self, _: &str, _: state::Get) -> Result<Option<state::Item>> {
        nothing()
    }

    async fn get_bulk_state(&self, _: &str, _: state::BulkGet) -> Result<Vec<state::BulkItem>> {
        nothing()
    }

    async fn save_state(&self, _: &str, _: Vec<state::Set>) -> Result<()> {
        nothing()
    }

    async fn delete_state(&self, _: &str, _: state::Delete) -> Result<()> {
        nothing()
    }

    async fn execute_state_transaction(&self, _: &str, _: state::Transaction) -> Result<()> {
        nothing()
    }

    async fn publish(&self, _: &str, _: &str, _: pubsub::Publish) -> Result<()> {
        nothing()
    }

    async fn publish_bulk(
        &self,
        _: &str,
        _: &str,
        _: Vec<pubsub::BulkEntry>,
        _: Metadata,
    ) -> Result<Vec<pubsub::FailedEntry>> {
        nothing()
    }

    async fn get_secret(&self, _: &str, _: &str, _: Metadata) -> Result<secrets::Secret> {
        nothing()
    }

    async fn get_bulk_secrets(&self, _: &str, _: Metadata) -> Result<secrets::Secrets> {
        nothing()
    }

    async fn metadata(&self) -> Result<SidecarMetadata> {
        nothing()
    }

    async fn set_metadata(&self, _: String, _: String) -> Result<()> {
        nothing()
    }
}
