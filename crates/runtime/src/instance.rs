//! The one maker of a `Store`: whatever starts a guest, WASI, limits, deadline and policy are the same.

use crate::GuestSpec;
use crate::call::Call;
use crate::host::http::{Quick, QuickView};
use crate::host::http_wasm::Exchange;
use crate::host::{Sessions, dapr::Held};
use crate::limiter::Limiter;
use crate::line::{self, Who};
use crate::outgoing::Hooks;
use crate::output::{Lines, Stream};
use crate::room::Room;
use crate::strict;
use crate::ticker::Running;
use crate::turn;
use crate::workflow::{self, Clock, Replay};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Ticks of a guest's turn, while others wait.
pub(crate) const TURN: u32 = 2;

/// What an instance has on the host's side.
pub(crate) struct Host {
    wasi: Wasi,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) quick: Quick,
    pub(crate) limiter: Limiter,
    pub(crate) sessions: Sessions,
    pub(crate) held: Held,
    /// What a handler of http-wasm works on.
    pub(crate) exchange: Option<Box<Exchange>>,
    pub(crate) call: Arc<Call>,
    /// The run of a workflow, if it is one.
    pub(crate) replay: Option<Box<Replay>>,
    /// Who is in it, if several calls may be.
    room: Option<Arc<Room>>,
    /// None while it waits for its next call.
    running: Option<Running>,
}

/// WASI of an instance.
pub(crate) enum Wasi {
    /// Made before the call: a program reads its arguments and writes its output for sure.
    Program(Box<WasiP1Ctx>),
    /// Made at the first use: most handlers of requests never look at it, and it takes longer than a small answer.
    Handler(Box<Handler>),
}

/// WASI of a handler.
#[derive(Default)]
pub(crate) struct Handler {
    table: ResourceTable,
    ctx: Option<WasiCtx>,
    /// Standard error and output.
    streams: Vec<Stream<Lines>>,
}

impl Handler {
    /// # Errors
    /// A directory that can't be opened.
    fn make(&mut self, call: &Arc<Call>) -> wasmtime::Result<&mut WasiCtx> {
        let [stderr, stdout] = ["stderr", "stdout"].map(|name| Stream::new(Lines::new(call, name)));
        let mut wasi = wasi(call, &stderr)?;
        wasi.stdout(stdout.clone());
        self.streams = vec![stderr, stdout];
        Ok(self.ctx.insert(wasi.build()))
    }
}

impl Wasi {
    /// # Errors
    /// A directory that can't be opened: directories are opened before the guest starts, so that none fails later.
    pub(crate) fn handler(call: &Arc<Call>) -> wasmtime::Result<Self> {
        let mut handler = Box::<Handler>::default();
        if !call.hosted.spec.preopens.is_empty() {
            handler.make(call)?;
        }
        Ok(Self::Handler(handler))
    }

    /// That of a workflow.
    pub(crate) fn confined(call: &Arc<Call>, clock: &Clock, seed: &[u8; 32]) -> Self {
        let streams = ["stderr", "stdout"].map(|name| Stream::new(Lines::new(call, name).once(clock)));
        let ctx = workflow::wasi(call, clock, seed, &streams).build();
        Self::Handler(Box::new(Handler { ctx: Some(ctx), streams: streams.into(), ..Handler::default() }))
    }

    fn table(&mut self) -> &mut ResourceTable {
        match self {
            Self::Program(program) => program.ctx().table,
            Self::Handler(handler) => &mut handler.table,
        }
    }
}

impl Host {
    /// WASI of preview 1.
    pub(crate) fn program(&mut self) -> &mut WasiP1Ctx {
        match &mut self.wasi {
            Wasi::Program(program) => program,
            Wasi::Handler(_) => unreachable!("a core module is called with the WASI of a program"),
        }
    }

    /// The resources of the stock implementations.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        self.wasi.table()
    }

    /// What the quick way of wasi:http works with.
    pub(crate) fn http_parts(&mut self) -> (&mut Quick, &mut ResourceTable, &mut Hooks) {
        (&mut self.quick, self.wasi.table(), &mut self.hooks)
    }

    /// The call is over, and the instance may get another one.
    pub(crate) fn rest(&mut self) {
        self.call.connections.close();
        self.running = None;
    }

    /// Another call of the same guest. WASI stays as the guest knows it; what it says goes into the new call's log.
    fn renew(&mut self, call: &Arc<Call>) {
        self.call = Arc::clone(call);
        self.hooks = Hooks::new(Arc::clone(call));
        self.quick = Quick::default();
        self.running = Some(running(call));
        if let Wasi::Handler(handler) = &mut self.wasi {
            handler.streams.iter().for_each(|stream| stream.sink().renew(call));
        }
    }

    /// Another call beside others: it may log as much as any.
    pub(crate) fn refill_log(&mut self) {
        if let Wasi::Handler(handler) = &mut self.wasi {
            handler.streams.iter().for_each(|stream| stream.sink().refill());
        }
    }

    /// Whether several calls may be in the instance.
    pub(crate) fn is_shared(&self) -> bool {
        self.room.is_some()
    }

    /// What the guest asks for next is for the call that began with this task, or for none that is known.
    pub(crate) fn ask_for(&mut self, root: Option<GuestTaskId>) {
        if self.is_shared() {
            self.hooks = Hooks::new(self.call_of(root));
        }
    }

    /// The call that began with this task; the instance's own where that is not known.
    pub(crate) fn call_of(&self, root: Option<GuestTaskId>) -> Arc<Call> {
        let of_task = self.room.as_ref().zip(root).and_then(|(room, task)| room.call_of(task));
        of_task.unwrap_or_else(|| Arc::clone(&self.call))
    }

    /// Ends the guest's log; the last line that said something on stderr.
    pub(crate) fn last_line(&mut self) -> String {
        match &self.wasi {
            Wasi::Handler(handler) => {
                let last_lines: Vec<String> = handler.streams.iter().map(|stream| stream.sink().finish()).collect();
                last_lines.into_iter().next().unwrap_or_default()
            }
            Wasi::Program(_) => String::new(),
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        match &mut self.wasi {
            Wasi::Program(program) => program.ctx(),
            Wasi::Handler(handler) => {
                if handler.ctx.is_none() {
                    // Only a directory can't be had, and a guest that has some has its WASI from the start.
                    handler.make(&self.call).expect("no directory to open");
                }
                let ctx = handler.ctx.as_mut().expect("made above");
                WasiCtxView { ctx, table: &mut handler.table }
            }
        }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: self.wasi.table(), ctx: &mut self.http }
    }
}

/// The deadline of a call was reached.
#[derive(Debug)]
pub(crate) struct Deadline;

impl std::fmt::Display for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the deadline was reached")
    }
}

impl std::error::Error for Deadline {}

/// WASI as a guest of an app sees it: its environment, arguments and directories; no sockets; stderr in the log.
pub(crate) fn wasi(call: &Arc<Call>, stderr: &Stream<Lines>) -> wasmtime::Result<WasiCtxBuilder> {
    let mut wasi = granted(&call.hosted.spec)?;
    wasi.stderr(stderr.clone());
    Ok(wasi)
}

/// What a guest's specification grants, and nothing else: not even the streams.
pub(crate) fn granted(spec: &GuestSpec) -> wasmtime::Result<WasiCtxBuilder> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.max_random_size(spec.limits.random);
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    if spec.strict {
        strict::make(&mut wasi);
    }
    wasi.arg(&spec.name).args(&spec.args);
    for (name, value) in &spec.env {
        wasi.env(name, value);
    }
    // A folder that the manifest grants may hold what blocks for ever, and a guest thread is not to wait for it.
    let is_quick = !spec.preopens.is_empty() && spec.preopens.iter().all(|preopen| preopen.small_files);
    wasi.allow_blocking_current_thread(is_quick);
    for preopen in &spec.preopens {
        let perms = if preopen.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(&preopen.host, &preopen.guest, perms)?;
    }
    Ok(wasi)
}

/// A store for one call of a program.
pub(crate) fn store(call: &Arc<Call>, wasi: WasiP1Ctx) -> Store<Host> {
    store_of(call, Wasi::Program(Box::new(wasi)))
}

/// A store for one call.
#[allow(clippy::disallowed_methods)]
pub(crate) fn store_of(call: &Arc<Call>, mut wasi: Wasi) -> Store<Host> {
    let (shared, limits) = (&call.hosted.shared, call.hosted.limits());
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits.fields);
    wasi.table().set_max_capacity(limits.resources);
    let host = Host {
        wasi,
        http,
        hooks: Hooks::new(Arc::clone(call)),
        quick: Quick::default(),
        limiter: Limiter::new(limits, Arc::clone(&shared.budget)),
        sessions: Sessions::default(),
        held: Held::default(),
        replay: None,
        exchange: None,
        call: Arc::clone(call),
        room: None,
        running: Some(running(call)),
    };
    let (engine, _) = shared.machine(&call.hosted.spec.guest.0.code);
    let mut store = Store::new(engine, host);
    store.limiter(|host| &mut host.limiter);
    store.set_max_component_handles(limits.resources);
    arm(&mut store, call);
    store
}

/// A store for several calls: it ends when the last of them has to be over.
pub(crate) fn store_of_room(call: &Arc<Call>, wasi: Wasi, room: &Arc<Room>) -> Store<Host> {
    let mut store = store_of(call, wasi);
    store.data_mut().room = Some(Arc::clone(room));
    let room = Arc::clone(room);
    yield_and_end_at(&mut store, move || room.deadline());
    store
}

/// The clock ticks for the call.
fn running(call: &Call) -> Running {
    call.hosted.shared.machine(&call.hosted.spec.guest.0.code).1.run()
}

/// A store that served before, for another call of the same guest.
pub(crate) fn renew(store: &mut Store<Host>, call: &Arc<Call>) {
    store.data_mut().renew(call);
    arm(store, call);
}

/// What every call has anew.
fn arm(store: &mut Store<Host>, call: &Call) {
    store.set_hostcall_fuel(call.hosted.limits().hostcall_bytes());
    let deadline = call.deadline;
    yield_and_end_at(store, move || deadline);
}

/// Ends the guest at its deadline, which is looked at with every tick, and lets others run now and then: a picture that is
/// turned grey in two ticks is done sooner, and its neighbours too, than if they took turns. When others get their turn,
/// an answer that was begun goes out: whoever has run so long may run for longer.
fn yield_and_end_at(store: &mut Store<Host>, deadline: impl Fn() -> Instant + Send + Sync + 'static) {
    let mut ticks = 0_u32;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        if Instant::now() >= deadline() {
            return Err(Deadline.into());
        }
        turn::end();
        ticks = ticks.wrapping_add(1);
        if !ticks.is_multiple_of(TURN) {
            return Ok(UpdateDeadline::Continue(1));
        }
        QuickView(context.data_mut()).hand_over();
        Ok(match line::line() {
            Some(line) => UpdateDeadline::YieldCustom(1, Box::pin(line.stand(Who::Again))),
            None => UpdateDeadline::Yield(1),
        })
    });
}

/// Bounds the time that a guest spends in host calls, where no tick reaches it. Work that never waits needs no timer. The
/// work comes pinned: moved in here, it would take its place in the caller's future twice.
pub(crate) async fn in_time<T>(
    call: &Call,
    mut work: Pin<&mut impl Future<Output = wasmtime::Result<T>>>,
) -> wasmtime::Result<T> {
    let mut timer = None;
    std::future::poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(call.deadline.into())));
        timer.as_mut().poll(context).map(|()| Err(Deadline.into()))
    })
    .await
}
