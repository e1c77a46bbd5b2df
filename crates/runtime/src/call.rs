//! One call of one guest: who, why, until when, and on whose behalf.

use crate::actors::Chain;
use crate::admission::{Average, Gate, Permit};
use crate::host::dapr::Follows;
use crate::host::interfaces::Connections;
use crate::kept::Pool;
use crate::kind::dapr::{self, Event};
use crate::kind::http::shared::Handler;
use crate::outgoing::Outgoing;
use crate::runtime::Shared;
use crate::stats::{Counters, Rate};
use crate::{GuestKind, GuestSpec, Limits, incoming, limits::key, line, threads, turn};
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use pillion_api::actors::Actor;
use pillion_api::scope::{self, Scope};
use pillion_api::{
    Body, Code, Error,
    trace::{TraceContext, hex_id},
};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The thread of a guest sees the deadline first; this one speaks up where a bulk operation holds that thread.
const EDGE_GRACE: Duration = Duration::from_millis(20);
/// A call that takes less on average is a quick one: also one that calls another which is quick.
const QUICK: Duration = Duration::from_micros(150);
/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 64;

/// A guest in its app.
pub(crate) struct Hosted {
    pub(crate) app: Arc<str>,
    pub(crate) spec: GuestSpec,
    pub(crate) name: Arc<str>,
    pub(crate) shared: Arc<Shared>,
    /// None where no app stands behind the guest: a plain WASI run.
    pub(crate) outgoing: Option<Arc<Outgoing>>,
    pub(crate) counters: Counters,
    /// Instances that wait for their next call.
    pub(crate) kept: Pool,
    /// Instances that serve several calls at the same time.
    pub(crate) handler: OnceLock<Handler>,
    /// Configuration whose changes it gets.
    pub(crate) follows: Follows,
    gate: Gate,
    /// How long calls take that were not known to be quick, from the moment that they began.
    work: Average,
    log_rate: Rate,
}

impl Hosted {
    pub(crate) fn new(shared: &Arc<Shared>, app: &Arc<str>, spec: GuestSpec, outgoing: Option<Arc<Outgoing>>) -> Self {
        Self {
            app: Arc::clone(app),
            name: spec.name.as_str().into(),
            gate: Gate::new(spec.limits.concurrency),
            work: Average::default(),
            log_rate: Rate::new(spec.limits.log_rate),
            kept: Pool::new(spec.guest.mode()),
            handler: OnceLock::new(),
            follows: Follows::default(),
            counters: Counters::default(),
            shared: Arc::clone(shared),
            outgoing,
            spec,
        }
    }

    /// Another guest in the same place.
    pub(crate) fn replaced_by(&self, spec: GuestSpec) -> Self {
        Self::new(&self.shared, &self.app, spec, self.outgoing.clone())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.spec.limits
    }

    pub(crate) fn log_rate(&self) -> &Rate {
        &self.log_rate
    }

    pub(crate) fn kind(&self) -> GuestKind {
        self.spec.guest.kind()
    }

    /// Waits for a turn: first of the guest, then of the process, so that one guest's queue holds up no other's. The only
    /// call of a guest waits for no others: busy guests can't keep a rare one out.
    pub(crate) async fn admit(&self) -> Result<(Permit, Permit), Error> {
        let asked = Instant::now();
        let wait = self.limits().queue_wait;
        let guest = self.gate.enter(wait, asked).await.map_err(|waited| self.overloaded(waited))?;
        let now = if guest.queued { Instant::now() } else { asked };
        let process = if self.gate.has_one_inside() {
            self.shared.process.enter_over(now)
        } else {
            let left = wait.saturating_sub(now - asked);
            self.shared.process.enter(left, now).await.map_err(|waited| self.overloaded(waited))?
        };
        if guest.queued || process.queued {
            self.counters.waited(asked.elapsed());
        }
        Ok((guest, process))
    }

    /// Whether its calls hold a thread for so short a time that others may wait for the end of one.
    fn is_quick(&self) -> bool {
        self.gate.is_quicker_than(QUICK) || self.work.is_below(QUICK)
    }

    /// Runs a call whose guest may hold its thread for long, when that one has time for it. Places in the gate are held
    /// while a call waits for its turn, too, so that a quick guest among slow ones is known by its own time alone.
    async fn in_line<T>(&self, call: impl Future<Output = T>) -> T {
        if !self.work.is_below(QUICK) {
            // A guest that asks for several calls wants them side by side: none that is not quick holds it up.
            if threads::is_within_guest() {
                tokio::task::yield_now().await;
            }
            turn::end();
            line::begin(self.gate.has_one_inside()).await;
        }
        let begun = Instant::now();
        let ended = call.await;
        self.work.took(begun.elapsed());
        ended
    }

    fn overloaded(&self, retry_after: Duration) -> Error {
        let name = &self.name;
        Error::new(Code::Overloaded, format!("guest `{name}` has too many calls at once, and none ended in time"))
            .hint("raise `limits.concurrency` of the guest, or send less at once")
            .limit(key::CONCURRENCY, self.limits().concurrency as u64)
            .retry_after(retry_after.max(Duration::from_secs(1)))
    }
}

/// One call.
pub(crate) struct Call {
    pub(crate) hosted: Arc<Hosted>,
    /// This call's own span; outgoing calls are its children.
    pub(crate) trace: TraceContext,
    /// The span of whoever called, which is exported; the call's own is an id alone.
    caller: Option<u64>,
    /// Spans that the guest has ended.
    pub(crate) spans: AtomicU64,
    pub(crate) deadline: Instant,
    /// Runs what the guest asks of the outside, so that no spinning guest holds it up.
    pub(crate) edge: tokio::runtime::Handle,
    /// The count of apps that the call came through, for the calls that the guest makes.
    pub(crate) hops: Option<http::HeaderValue>,
    /// The actors that wait for the call.
    pub(crate) actors: Chain,
    request: Arc<str>,
    host_calls: AtomicU64,
    /// Bytes of handles that the host holds for the call.
    pub(crate) held: AtomicU64,
    /// Bytes of records that the guest has logged by an interface.
    pub(crate) logged: AtomicU64,
    /// Connections to databases that the guest has opened.
    pub(crate) connections: Connections,
}

impl Call {
    pub(crate) fn new(hosted: &Arc<Hosted>, headers: &HeaderMap) -> Arc<Self> {
        Self::with(hosted, headers, Chain::of(headers))
    }

    /// A turn of an actor: it waits for what its guest calls.
    pub(crate) fn of_actor(hosted: &Arc<Hosted>, headers: &HeaderMap, actor: &Actor) -> Arc<Self> {
        Self::with(hosted, headers, Chain::of(headers).with(actor))
    }

    fn with(hosted: &Arc<Hosted>, headers: &HeaderMap, actors: Chain) -> Arc<Self> {
        let parent = parent_of(headers);
        let trace = trace_of(parent);
        Arc::new(Self {
            hosted: Arc::clone(hosted),
            trace,
            caller: parent.map(|parent| parent.span_id),
            spans: AtomicU64::new(0),
            deadline: Instant::now() + hosted.limits().timeout,
            edge: hosted.shared.edge(),
            hops: headers.get(crate::outgoing::HOPS).cloned(),
            actors,
            request: request_id(headers, trace),
            host_calls: AtomicU64::new(0),
            held: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            connections: Connections::default(),
        })
    }

    /// App, guest and request: what every log line of a guest says.
    pub(crate) fn names(&self) -> (&str, &str, &str) {
        (&self.hosted.app, &self.hosted.name, &self.request)
    }

    /// What the guest's own spans are part of.
    pub(crate) fn outer_span(&self) -> TraceContext {
        self.trace.child(self.caller.unwrap_or(self.trace.span_id))
    }

    /// Counts a call of the outside.
    pub(crate) fn count_host_call(&self) -> Result<(), Error> {
        let most = self.hosted.limits().host_calls;
        if self.host_calls.fetch_add(1, Ordering::Relaxed) < most {
            return Ok(());
        }
        Err(Error::new(Code::GuestLimit, format!("guest `{}` made more than {most} host calls", self.hosted.name))
            .hint("raise `limits.hostCalls` of the guest if that many are meant")
            .limit(key::HOST_CALLS, most))
    }

    pub(crate) fn timed_out(&self) -> Error {
        let (name, limit) = (&self.hosted.name, self.hosted.limits().timeout);
        Error::new(Code::GuestTimeout, format!("guest `{name}` ran past its deadline of {limit:?}"))
            .hint("raise `limits.timeout` of the guest if it needs that long")
            .limit(key::TIMEOUT, u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn scope(&self, trigger: &'static str) -> Arc<Scope> {
        let (app, guest, request_id) =
            (Arc::clone(&self.hosted.app), Arc::clone(&self.hosted.name), Arc::clone(&self.request));
        Arc::new(Scope { app, guest: Some(guest), request_id, trace: self.trace, trigger: Some(trigger) })
    }
}

fn parent_of(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(TraceContext::parse)
}

/// Continues the caller's trace, or begins one.
fn trace_of(parent: Option<TraceContext>) -> TraceContext {
    match parent {
        Some(parent) => parent.child(random_u64()),
        None => {
            let trace_id = (u128::from(random_u64()) << 64) | u128::from(random_u64());
            TraceContext { trace_id, span_id: random_u64(), sampled: false }
        }
    }
}

/// A random number that is not 0. Ids need to be different, not secret.
pub(crate) fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    thread_local!(static STATE: RandomState = RandomState::new());
    STATE.with(|state| state.hash_one(COUNT.fetch_add(1, Ordering::Relaxed))).max(1)
}

/// The request's own id, else that of the call that this one is made on behalf of, else one of the span.
fn request_id(headers: &HeaderMap, trace: TraceContext) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    match given {
        Some(id) if !id.is_empty() && id.len() <= MAX_REQUEST_ID => id.into(),
        _ => scope::current().map_or_else(|| id_of(trace), |scope| Arc::clone(&scope.request_id)),
    }
}

fn id_of(trace: TraceContext) -> Arc<str> {
    String::from_utf8_lossy(&hex_id(trace.span_id)).into()
}

/// Calls a guest with a request; counts it and logs what failed.
pub(crate) async fn run(
    hosted: &Arc<Hosted>,
    trigger: &'static str,
    request: Request<Body>,
) -> Result<Response<Body>, Error> {
    let _started = hosted.counters.start();
    judged(hosted, trigger, admitted(hosted, trigger, request).await)
}

/// Hands an event to a handler of a guest; counts it and logs what failed.
pub(crate) async fn event<E: Event>(
    hosted: &Arc<Hosted>,
    trigger: &'static str,
    headers: &HeaderMap,
    event: E,
) -> Result<E::Answer, Error> {
    work(hosted, trigger, headers, |call| async move { dapr::handle(&call, event).await }).await
}

/// Runs something in a guest; counts it and logs what failed.
pub(crate) async fn work<T, F>(
    hosted: &Arc<Hosted>,
    trigger: &'static str,
    headers: &HeaderMap,
    work: impl FnOnce(Arc<Call>) -> F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let _started = hosted.counters.start();
    let handled = async {
        let permits = hosted.admit().await?;
        let call = Call::new(hosted, headers);
        let (scope, work) = (call.scope(trigger), work(Arc::clone(&call)));
        let future = Box::pin(async move {
            let answer = work.await;
            drop(permits);
            answer
        });
        on_guest_thread(&call, scope::within(scope, future)).await
    };
    judged(hosted, trigger, handled.await)
}

/// Counts and logs what failed.
pub(crate) fn judged<T>(hosted: &Hosted, trigger: &'static str, result: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &result {
        hosted.counters.failed(error.code());
        let (app, guest) = (&*hosted.app, &*hosted.name);
        tracing::warn!(app, guest, trigger, code = error.code().name(), hint = error.help(), "{error}");
    }
    result
}

async fn admitted(
    hosted: &Arc<Hosted>,
    trigger: &'static str,
    request: Request<Body>,
) -> Result<Response<Body>, Error> {
    let (parts, body) = request.into_parts();
    let (limit, budget) = (hosted.limits().request, &hosted.shared.budget);
    let (body, _share) = incoming::receive(hosted.kind(), body, limit, budget).await?;
    let permits = hosted.admit().await?;
    let call = Call::new(hosted, &parts.headers);
    let scope = call.scope(trigger);
    // Boxed here: kilobytes that each layer around them would move, and hold twice.
    let future = Box::pin(crate::kind::call(Arc::clone(&call), Request::from_parts(parts, body), permits));
    on_guest_thread(&call, scope::within(scope, future)).await
}

/// Runs a call where guests run: here, if this is such a thread, since handing a call over and its answer back costs more
/// than many a call; else there. A client that goes away drops this future, and with it the guest.
pub(crate) async fn on_guest_thread<T: Send + 'static>(
    call: &Call,
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let guarded = AssertUnwindSafe(future).catch_unwind();
    let ended = if threads::runs_guests() {
        let hosted = &call.hosted;
        if hosted.gate.is_quicker_than(QUICK) { guarded.await.ok() } else { hosted.in_line(guarded).await.ok() }
    } else {
        let (is_quick, alone) = (call.hosted.is_quick(), call.hosted.gate.has_one_inside());
        let task = call.hosted.shared.threads.spawn(async move {
            if !is_quick {
                line::begin(alone).await;
            }
            guarded.await
        });
        match tokio::time::timeout_at((call.deadline + EDGE_GRACE).into(), task).await {
            Err(_) => return Err(call.timed_out()),
            Ok(ended) => ended.ok().and_then(Result::ok),
        }
    };
    ended.unwrap_or_else(|| Err(panicked(call)))
}

/// Runs a call where guests run, to its end or its deadline, whether or not somebody still waits for its answer.
pub(crate) async fn to_its_end<T: Send + 'static>(
    call: &Arc<Call>,
    trigger: &'static str,
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let task = call.hosted.shared.threads.handle().spawn(scope::within(call.scope(trigger), Box::pin(future)));
    match tokio::time::timeout_at((call.deadline + EDGE_GRACE).into(), task).await {
        Err(_) => Err(call.timed_out()),
        Ok(ended) => ended.unwrap_or_else(|_| Err(panicked(call))),
    }
}

/// The error of a panic, which the hook has told about.
fn panicked(call: &Call) -> Error {
    Error::new(Code::Internal, format!("guest `{}` failed in the host", call.hosted.name))
}
