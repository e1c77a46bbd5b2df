//! Actors: an instance for each id, one turn at a time, and what ends it.

mod common;

use common::double::Double;
use common::{built, no_dapr, runtime, spec};
use pillion_api::actors::{Actor, Event, Turn};
use pillion_api::policy::Allow;
use pillion_api::{AppChannel, Code, Error, Metadata, Sidecar};
use pillion_runtime::{ActorType, Actors, App, AppSpec, GuestSpec, Limits, Options, Runtime};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NEVER: Duration = Duration::from_secs(3600);
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer of a turn that runs.
type Turned = tokio::task::JoinHandle<Result<String, Error>>;

/// An app that hosts `Counter`, as it is asked.
struct Hosted {
    app: App,
    sidecar: Arc<Double>,
}

impl Hosted {
    fn new(runtime: &Runtime, most_active: usize, idle: Duration, limits: Limits) -> Self {
        let allow = Allow { actors: vec!["Counter".into()], invoke: vec!["other".into()], ..Allow::default() };
        let sidecar = Arc::new(Double { allow, ..Double::default() });
        let types = vec![ActorType { kind: "Counter".into(), guest: "counter".into(), idle }];
        let guests = vec![guest(runtime, limits)];
        let spec = AppSpec { guests, actors: Actors { types, most_active }, ..spec() };
        let app = runtime.app(spec, sidecar.clone() as Arc<dyn Sidecar>, no_dapr()).expect("an app");
        let _ = sidecar.host.set(app.clone());
        Self { app, sidecar }
    }

    /// With room and time for all that a test does.
    fn roomy(runtime: &Runtime) -> Self {
        Self::new(runtime, 100, NEVER, Limits { queue_wait: PATIENCE, timeout: PATIENCE, ..Limits::default() })
    }

    async fn call(&self, id: &str, method: &str, data: &str) -> Result<String, Error> {
        self.call_in(None, id, method, data).await
    }

    async fn call_in(&self, chain: Option<&str>, id: &str, method: &str, data: &str) -> Result<String, Error> {
        let turn = Turn::Invoke { method: method.to_owned(), data: data.to_owned().into() };
        let metadata = chain.map(|chain| ("dapr-reentrancy-id".to_owned(), chain.to_owned())).into_iter().collect();
        let answer = self.turn(id, turn, metadata).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    async fn turn(&self, id: &str, turn: Turn, metadata: Metadata) -> Result<bytes::Bytes, Error> {
        let event = Event { actor: actor(id), turn, metadata, traceparent: None };
        self.app.actor_turn(event).await
    }

    /// A turn that has begun and takes a while, in milliseconds.
    async fn begin(self: &Arc<Self>, chain: Option<&'static str>, id: &'static str, time: &'static str) -> Turned {
        let hosted = Arc::clone(self);
        let turn = tokio::spawn(async move { hosted.call_in(chain, id, "sleep", time).await });
        until(|| self.app.stats()[0].in_flight == 1).await;
        turn
    }

    /// What must succeed.
    async fn ask(&self, id: &str, method: &str, data: &str) -> String {
        self.call(id, method, data).await.unwrap_or_else(|error| panic!("{id} {method}: {error}"))
    }

    fn active(&self) -> usize {
        self.app.active_actors().iter().map(|(_, count)| count).sum()
    }

    fn saved(&self, id: &str) -> Option<bytes::Bytes> {
        self.sidecar.actors.lock().expect("no panic").get(&(actor(id), "count".to_owned())).cloned()
    }
}

fn actor(id: &str) -> Actor {
    Actor { kind: "Counter".into(), id: id.into() }
}

fn guest(runtime: &Runtime, limits: Limits) -> GuestSpec {
    let loaded = runtime.load("counter", built("dapr-actor"), None).expect("a guest");
    GuestSpec { limits, ..GuestSpec::new("counter", loaded) }
}

/// Looks until something is so.
async fn until(mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look() {
        assert!(Instant::now() < deadline, "in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_actors_memory_lives_from_turn_to_turn_and_its_state_beyond() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    assert_eq!(hosted.ask("a", "add", "1").await, "1");
    assert_eq!(hosted.ask("a", "add", "2").await, "3");
    assert_eq!(hosted.ask("a", "turns", "").await, "3");
    assert_eq!(hosted.ask("b", "turns", "").await, "1", "another id is another instance");
    assert_eq!((hosted.active(), hosted.saved("a").as_deref()), (2, Some(&b"3"[..])));
    hosted.turn("a", Turn::Deactivate, Metadata::new()).await.expect("gone");
    hosted.turn("nobody", Turn::Deactivate, Metadata::new()).await.expect("was never there");
    assert_eq!(hosted.active(), 1);
    assert_eq!(hosted.ask("a", "turns", "").await, "1");
    assert_eq!(hosted.ask("a", "get", "").await, "3");
}

#[tokio::test]
async fn turns_of_one_actor_come_one_after_the_other() {
    let runtime = runtime();
    let hosted = Arc::new(Hosted::roomy(&runtime));
    let calls = (0..50).map(|_| {
        let hosted = Arc::clone(&hosted);
        tokio::spawn(async move { hosted.ask("a", "add", "1").await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.expect("no panic").parse::<u32>().expect("a number"));
    }
    answers.sort_unstable();
    assert_eq!(answers, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn different_actors_have_their_turns_at_the_same_time() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    // Each has half a minute: one after the other they would not end in time.
    let began = Instant::now();
    let sleeps: [_; 8] = std::array::from_fn(|id| id.to_string());
    let all = futures_util::future::join_all(sleeps.iter().map(|id| hosted.call(id, "sleep", "2000"))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert!(began.elapsed() < Duration::from_secs(16), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_turn_that_has_no_time_to_wait_is_told_so() {
    let runtime = runtime();
    let limits = Limits { queue_wait: Duration::from_millis(20), timeout: PATIENCE, ..Limits::default() };
    let hosted = Arc::new(Hosted::new(&runtime, 100, NEVER, limits));
    let sleeper = hosted.begin(None, "a", "3000").await;
    let error = hosted.call("a", "get", "").await.expect_err("another turn");
    assert_eq!(error.code(), Code::Overloaded, "{error}");
    assert_eq!(sleeper.await.expect("no panic").expect("slept"), "slept");
}

#[tokio::test]
async fn who_failed_goes_on_and_who_trapped_begins_anew() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    hosted.ask("a", "add", "5").await;
    let failed = hosted.call("a", "fail", "").await.expect_err("failed");
    assert_eq!(failed.code(), Code::GuestError, "{failed}");
    assert!(failed.message().contains("failed on purpose"), "{failed}");
    assert_eq!(hosted.ask("a", "turns", "").await, "3", "its memory is as it was");
    assert_eq!(hosted.call("a", "trap", "").await.expect_err("a trap").code(), Code::GuestTrap);
    assert_eq!(hosted.active(), 0);
    assert_eq!(hosted.ask("a", "get", "").await, "5");
    assert_eq!(hosted.ask("a", "turns", "").await, "2");
}

#[tokio::test]
async fn a_turn_past_its_deadline_or_its_memory_ends_the_instance() {
    let runtime = runtime();
    let limits = Limits { timeout: Duration::from_millis(500), memory: 8 << 20, ..Limits::default() };
    let hosted = Hosted::new(&runtime, 100, NEVER, limits);
    assert_eq!(hosted.call("a", "sleep", "60000").await.expect_err("too long").code(), Code::GuestTimeout);
    assert_eq!(hosted.active(), 0);
    let error = hosted.call("a", "grow", "16000000").await.expect_err("too much");
    assert_eq!(error.code(), Code::GuestLimit, "{error}");
    assert_eq!(hosted.active(), 0);
    assert_eq!(hosted.ask("a", "turns", "").await, "1");
}

#[tokio::test]
async fn an_argument_over_the_guests_limit_is_refused() {
    let runtime = runtime();
    let hosted = Hosted::new(&runtime, 100, NEVER, Limits { request: 10, ..Limits::default() });
    let error = hosted.call("a", "add", "12345678901").await.expect_err("too large");
    assert_eq!(error.code(), Code::RequestTooLarge, "{error}");
    assert_eq!((hosted.active(), hosted.ask("a", "add", "1234567890").await.as_str()), (0, "1234567890"));
}

#[tokio::test]
async fn an_actor_that_does_not_begin_is_none() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    for _ in 0..2 {
        let error = hosted.call("refuses", "get", "").await.expect_err("refused");
        assert!(error.message().contains("refused on purpose"), "{error}");
    }
    assert_eq!(hosted.active(), 0);
    let event = Event {
        actor: Actor { kind: "Nobody".into(), id: "a".into() },
        turn: Turn::Deactivate,
        metadata: Metadata::new(),
        traceparent: None,
    };
    assert_eq!(hosted.app.actor_turn(event).await.expect_err("unknown").code(), Code::RouteNotFound);
}

#[tokio::test]
async fn a_chain_that_comes_back_is_told_so_at_once() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    assert_eq!(hosted.ask("a", "call", "Counter/b add 7").await, "7", "another actor may be called");
    let began = Instant::now();
    for line in ["Counter/a get", "Counter/b call Counter/a get", "Counter/b call Counter/c call Counter/a get"] {
        let error = hosted.call("a", "call", line).await.expect_err(line);
        assert!(error.message().contains("PILLION_ACTOR_REENTERED: actor `Counter/a` waits"), "{line}: {error}");
    }
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(hosted.ask("a", "get", "").await, "0", "it is none the worse");
}

/// Whoever that app calls can't come back either.
#[tokio::test]
async fn an_app_that_an_actor_calls_learns_which_actors_wait_for_it() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    for (line, waiting) in [("Counter/b invoke other", 2), ("Counter/b call Counter/c invoke other", 3)] {
        assert_eq!(hosted.ask("a", "call", line).await, "200");
        let (app, headers) = hosted.sidecar.invoked.lock().expect("no panic").pop().expect("invoked");
        let chain = headers["pillion-actors"].to_str().expect("text");
        assert_eq!((app.as_str(), chain.split('.').count()), ("other", waiting), "{chain}");
        // As a guest of that app would call it.
        let metadata = [("pillion-actors".to_owned(), chain.to_owned())].into();
        let turn = Turn::Invoke { method: "get".into(), data: bytes::Bytes::new() };
        let error = hosted.turn("a", turn, metadata).await.expect_err("it waits");
        assert_eq!(error.code(), Code::ActorReentered);
    }
}

#[tokio::test]
async fn a_call_of_daprs_chain_that_has_the_turn_does_not_wait_for_it() {
    let runtime = runtime();
    let hosted = Arc::new(Hosted::roomy(&runtime));
    let sleeper = hosted.begin(Some("chain"), "a", "3000").await;
    let error = hosted.call_in(Some("chain"), "a", "get", "").await.expect_err("in its turn");
    assert_eq!(error.code(), Code::ActorReentered, "{error}");
    assert!(!sleeper.is_finished());
    assert_eq!(sleeper.await.expect("no panic").expect("slept"), "slept");
    hosted.call_in(Some("chain"), "a", "get", "").await.expect("the turn is over");
}

#[tokio::test]
async fn who_was_idle_longest_makes_room() {
    let runtime = runtime();
    let hosted = Hosted::new(&runtime, 2, NEVER, Limits { timeout: PATIENCE, ..Limits::default() });
    for id in ["a", "b", "a", "c"] {
        hosted.ask(id, "add", "1").await;
    }
    assert_eq!(hosted.active(), 2);
    assert_eq!(hosted.ask("a", "turns", "").await, "3", "it was called after the other");
    assert_eq!(hosted.ask("b", "get", "").await, "1");
    assert_eq!(hosted.ask("b", "turns", "").await, "2");
}

#[tokio::test]
async fn where_all_are_called_there_is_no_room() {
    let runtime = runtime();
    let hosted = Arc::new(Hosted::new(&runtime, 1, NEVER, Limits { timeout: PATIENCE, ..Limits::default() }));
    let sleeper = hosted.begin(None, "a", "3000").await;
    let error = hosted.call("b", "get", "").await.expect_err("no room");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("maxActiveActors"), "{error}");
    assert_eq!(sleeper.await.expect("no panic").expect("slept"), "slept");
    assert_eq!(hosted.ask("b", "get", "").await, "0");
}

#[tokio::test]
async fn an_idle_actor_gives_its_memory_to_a_new_one() {
    // Room for one instance: what idle memories keep is taken from the budget.
    let options = Options { max_instances: 1, ..Options::default() };
    let runtime = Runtime::new(options).expect("a runtime");
    let hosted = Hosted::new(&runtime, 100, NEVER, Limits { timeout: PATIENCE, ..Limits::default() });
    for id in ["a", "b", "a"] {
        assert_eq!(hosted.ask(id, "turns", "").await, "1", "{id}");
        assert_eq!(hosted.active(), 1);
    }
}

#[tokio::test]
async fn who_is_idle_too_long_is_deactivated() {
    let runtime = runtime();
    let hosted = Hosted::new(&runtime, 100, Duration::from_millis(50), Limits::default());
    for _ in 0..2 {
        hosted.ask("a", "add", "1").await;
        until(|| hosted.active() == 0).await;
    }
    assert_eq!(hosted.saved("a").as_deref(), Some(&b"2"[..]));
}

#[tokio::test]
async fn at_the_end_everybody_leaves_after_the_turn_that_runs() {
    let runtime = runtime();
    let hosted = Arc::new(Hosted::roomy(&runtime));
    for id in 0..20 {
        hosted.ask(&id.to_string(), "add", "1").await;
    }
    let sleeper = hosted.begin(None, "0", "300").await;
    hosted.app.end_actors().await;
    assert_eq!(hosted.active(), 0);
    let refused = hosted.call("new", "get", "").await.expect_err("the end");
    assert_eq!(refused.code(), Code::ShuttingDown);
    assert_eq!(sleeper.await.expect("no panic").expect("not cut off"), "slept");
}

#[tokio::test]
async fn a_turn_goes_on_where_its_caller_goes_away() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    hosted.ask("a", "add", "1").await;
    let gone = tokio::time::timeout(Duration::from_millis(100), hosted.call("a", "sleep", "500")).await;
    assert!(gone.is_err(), "it is not that quick");
    assert_eq!(hosted.ask("a", "turns", "").await, "3", "its memory is still there");
}

#[tokio::test]
async fn other_code_begins_with_the_next_turn() {
    let runtime = runtime();
    let hosted = Hosted::roomy(&runtime);
    hosted.ask("a", "add", "4").await;
    hosted.app.replace(guest(&runtime, Limits::default())).expect("replaced");
    assert_eq!(hosted.ask("a", "turns", "").await, "1");
    assert_eq!(hosted.ask("a", "get", "").await, "4");
}

#[tokio::test]
async fn a_guest_without_the_handler_is_no_actor() {
    let runtime = runtime();
    let loaded = runtime.load("orders", built("dapr-orders"), None).expect("a guest");
    for (guest, expected) in [("orders", "has no actor-handler"), ("other", "no guest `other`")] {
        let types = vec![ActorType { kind: "Order".into(), guest: guest.into(), idle: NEVER }];
        let guests = vec![GuestSpec::new("orders", loaded.clone())];
        let spec = AppSpec { guests, actors: Actors { types, ..Actors::default() }, ..spec() };
        let refused = runtime.app(spec, Arc::new(Double::default()), no_dapr()).err().expect("refused");
        assert!(refused.message().contains(expected), "{refused}");
    }
}
