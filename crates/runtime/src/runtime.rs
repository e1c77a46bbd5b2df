//! The runtime: one engine, one scheduler of guests, one cache, one model registry for the whole process.

use crate::admission::Gate;
use crate::cache::{Cache, Target};
use crate::engine::Idle;
use crate::limiter::Budget;
use crate::link::Linkers;
use crate::programs::Loaded;
use crate::residents::{self, CodeStats, Residents};
use crate::services::Later;
use crate::threads::GuestThreads;
use crate::ticker::Ticker;
use crate::{App, AppSpec, DaprHttp, Guest, Inspection, Mode, Options, engine, kind, load, threads};
use bytes::Bytes;
use pillion_api::spans::Spans;
use pillion_api::{Error, Sidecar};
use pillion_nn::Registry;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// One in so many of all instances may be made ahead.
const AHEAD_SHARE: u32 = 8;

/// Why a runtime can't be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Wasmtime refuses this machine or configuration.
    #[error("the WebAssembly engine can't start: {0}")]
    Engine(String),
    /// A thread can't be started.
    #[error("can't start the threads that run guests: {0}")]
    Threads(#[from] std::io::Error),
    /// The cache directory can't be trusted.
    #[error(transparent)]
    Cache(#[from] crate::CacheError),
}

/// How a guest is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// What its calls find of earlier ones.
    pub mode: Mode,
    /// Takes an artefact of [`Runtime::compile`] that this machine's key did not sign. It is native code: whoever made
    /// it can do whatever this process can.
    pub trust_precompiled: bool,
    /// The file that the bytes were read from. It is read again where code left memory and the cache lost it.
    pub source: Option<PathBuf>,
}

/// What everything in the process shares.
pub(crate) struct Shared {
    pub(crate) target: Target,
    pub(crate) linkers: Linkers,
    pub(crate) ticker: Ticker,
    pub(crate) threads: GuestThreads,
    pub(crate) cache: Option<Cache>,
    pub(crate) residents: Residents,
    pub(crate) models: Registry,
    pub(crate) inference: Arc<Semaphore>,
    /// Places of instances that are made ahead.
    pub(crate) ahead: Arc<Semaphore>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) process: Gate,
    pub(crate) options: Options,
    pub(crate) idle: Idle,
    /// The second engine.
    pub(crate) later: Later,
    /// What Dapr components run.
    pub(crate) programs: Loaded,
    /// Who exports the spans of guests.
    pub(crate) spans: OnceLock<Arc<dyn Spans>>,
    edge: OnceLock<Handle>,
}

impl Shared {
    /// Whether code can be had without compiling it.
    pub(crate) fn has_cached(&self, inspection: &Inspection) -> bool {
        let Some(cache) = &self.cache else { return false };
        self.target_of(inspection).is_ok_and(|target| cache.has(target, inspection))
    }

    /// The embedder's own runtime, where nothing waits for a guest: what a guest asks of the outside runs there.
    pub(crate) fn edge(&self) -> Handle {
        let current = Handle::current();
        if threads::runs_guests() {
            self.edge.get().cloned().unwrap_or(current)
        } else {
            self.edge.get_or_init(|| current).clone()
        }
    }
}

/// Loads guests and hosts apps. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Shared>);

impl Runtime {
    /// Starts the engine and its threads.
    ///
    /// # Errors
    /// [`StartError`], which says what the machine lacks.
    pub fn new(options: Options) -> Result<Self, StartError> {
        let failed = |error: wasmtime::Error| StartError::Engine(format!("{error:#}"));
        let idle = Idle::of(&options);
        let engine = engine::engine(&options, idle).map_err(failed)?;
        let cache = match &options.cache_dir {
            Some(directory) => Some(Cache::open(directory, options.cache_bytes)?),
            None => None,
        };
        let shared = Arc::new(Shared {
            linkers: Linkers::new(&engine, options.stock_http),
            ticker: Ticker::start(&engine)?,
            threads: GuestThreads::start(options.guest_threads, options.gives_way)?,
            cache,
            residents: Residents::new(&options),
            models: Registry::new(options.models),
            ahead: Arc::new(Semaphore::new((options.max_instances / AHEAD_SHARE) as usize)),
            inference: Arc::new(Semaphore::new(options.inference_threads.max(1))),
            // What idle memories keep is taken from what live ones may have.
            budget: Budget::new(options.memory_budget - idle.bytes()),
            idle,
            process: Gate::new(options.process_concurrency),
            target: Target::new(engine),
            options,
            later: Later::default(),
            programs: Loaded::default(),
            spans: OnceLock::new(),
            edge: Handle::try_current().map_or_else(|_| OnceLock::new(), OnceLock::from),
        });
        if shared.cache.is_some() {
            let sweep = residents::sweep(Arc::downgrade(&shared), shared.options.code_idle);
            shared.threads.handle().spawn(sweep);
        }
        Ok(Self(shared))
    }

    /// Loads a guest: WebAssembly, its text format, or an artefact of [`compile`](Self::compile) that this machine made.
    /// `call` names the export of a bindgen guest; the only candidate needs no name. Compiles on this thread and blocks.
    ///
    /// # Errors
    /// [`pillion_api::Code::GuestInvalid`] that says what is missing and what to do.
    pub fn load(&self, name: &str, bytes: impl Into<Bytes>, call: Option<&str>) -> Result<Guest, Error> {
        self.load_with(name, bytes, call, &LoadOptions::default())
    }

    /// As [`load`](Self::load), with a word on what calls find of earlier ones, and on foreign artefacts. With
    /// [`Mode::Reset`] the guest's start is run here.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        call: Option<&str>,
        options: &LoadOptions,
    ) -> Result<Guest, Error> {
        load::load(&self.0, name, &bytes.into(), call, options)
    }

    /// Compiles a guest to native code of this machine, for [`load`](Self::load). Blocks.
    ///
    /// # Errors
    /// [`pillion_api::Code::GuestInvalid`].
    pub fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        load::compile(&self.0, bytes)
    }

    /// Runs a command guest as `wasmtime run` would, with this process's stdin, stdout and stderr; answers its exit code.
    ///
    /// # Errors
    /// A trap, a limit or the deadline.
    pub async fn run_command(&self, spec: crate::GuestSpec) -> Result<i32, Error> {
        kind::command::run_plain(&self.0, spec).await
    }

    /// Makes an app of loaded guests.
    ///
    /// # Errors
    /// Whatever about the specification can't work: a route to an unknown guest, a limit below what the guest declares.
    pub fn app(&self, spec: AppSpec, sidecar: Arc<dyn Sidecar>, dapr_http: DaprHttp) -> Result<App, Error> {
        App::new(&self.0, spec, sidecar, dapr_http)
    }

    /// Says who exports the spans that guests make themselves; the first one stays. Without one they are left out.
    pub fn export_spans(&self, spans: Arc<dyn Spans>) {
        let _ = self.0.spans.set(spans);
    }

    /// The threads that run guests. A connection whose requests go to guests is best served there: its calls then need
    /// no hand-over. What must never wait for a guest is served elsewhere.
    pub fn guest_threads(&self) -> Handle {
        self.0.threads.handle().clone()
    }

    /// The models of the process.
    pub fn models(&self) -> &Registry {
        &self.0.models
    }

    /// The code in memory.
    pub fn code(&self) -> CodeStats {
        self.0.residents.stats()
    }

    /// Bytes of guest memory in use, and the most that may be.
    pub fn memory(&self) -> (u64, u64) {
        (self.0.budget.used(), self.0.budget.total())
    }
}
