//! The one maker of a `Store`: whatever starts a guest, WASI, limits, deadline and policy are the same.

use crate::GuestSpec;
use crate::call::Call;
use crate::host::Sessions;
use crate::limiter::Limiter;
use crate::outgoing::Hooks;
use crate::output::{Lines, Stream};
use crate::ticker::Running;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What an instance has on the host's side.
pub(crate) struct Host {
    pub(crate) wasi: WasiP1Ctx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) limiter: Limiter,
    pub(crate) sessions: Sessions,
    pub(crate) call: Arc<Call>,
    _running: Running,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: self.wasi.ctx().table, ctx: &mut self.http }
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
    wasi.arg(&spec.name).args(&spec.args);
    for (name, value) in &spec.env {
        wasi.env(name, value);
    }
    for preopen in &spec.preopens {
        let perms = if preopen.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(&preopen.host, &preopen.guest, perms)?;
    }
    Ok(wasi)
}

/// A store for one call.
#[allow(clippy::disallowed_methods)]
pub(crate) fn store(call: &Arc<Call>, mut wasi: WasiP1Ctx) -> Store<Host> {
    let (shared, limits) = (&call.hosted.shared, call.hosted.limits());
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits.fields);
    wasi.ctx().table.set_max_capacity(limits.resources);
    let host = Host {
        wasi,
        http,
        hooks: Hooks(Arc::clone(call)),
        limiter: Limiter::new(limits, Arc::clone(&shared.budget)),
        sessions: Sessions::default(),
        call: Arc::clone(call),
        _running: shared.ticker.run(),
    };
    let mut store = Store::new(&shared.engine, host);
    store.limiter(|host| &mut host.limiter);
    store.set_hostcall_fuel(limits.hostcall_bytes());
    store.set_max_component_handles(limits.resources);
    yield_and_end_at(&mut store, call.deadline);
    store
}

/// Lets others run at every tick, and ends the guest at its deadline.
fn yield_and_end_at(store: &mut Store<Host>, deadline: Instant) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if Instant::now() >= deadline { Err(Deadline.into()) } else { Ok(UpdateDeadline::Yield(1)) }
    });
}

/// Bounds the time that a guest spends in host calls, where no tick reaches it.
pub(crate) async fn in_time<T>(call: &Call, work: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match tokio::time::timeout_at(call.deadline.into(), work).await {
        Ok(result) => result,
        Err(_) => Err(Deadline.into()),
    }
}
