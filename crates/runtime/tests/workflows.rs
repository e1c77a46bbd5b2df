//! Workflows and activities of a guest, without a daprd: turns over histories that the test writes.

mod common;

use common::{app_of, built, runtime, spec};
use pillion_api::workflow::turn::{ActionKind, Event, EventKind, Started};
use pillion_api::workflow::{Activity, Decision, Failure, Turn};
use pillion_api::{AppChannel, Code, Error};
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, LoadOptions, Mode, Runtime, WorkflowBounds, WorkflowSpec};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A component that exports nothing of workflows.
const PLAIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

fn cases(runtime: &Runtime, name: &str) -> GuestSpec {
    let guest = runtime.load(name, built("workflow-cases"), None).expect("a guest");
    let limits = Limits { timeout: Duration::from_millis(500), ..Limits::default() };
    GuestSpec { limits, ..GuestSpec::new(name, guest) }
}

fn with(guests: Vec<GuestSpec>, workflows: WorkflowSpec) -> AppSpec {
    let route = pillion_runtime::Route {
        path: "/".into(),
        methods: Vec::new(),
        target: pillion_runtime::RouteTarget::Guest(guests[0].name.clone()),
    };
    AppSpec { guests, routes: vec![route], workflows: Some(workflows), ..spec() }
}

fn app(runtime: &Runtime, bounds: WorkflowBounds) -> App {
    app_of(runtime, with(vec![cases(runtime, "cases")], WorkflowSpec { bounds, ..WorkflowSpec::default() }))
}

fn event(kind: EventKind) -> Event {
    Event { id: -1, at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), kind }
}

fn begun(name: &str, input: &str) -> Vec<Event> {
    let started = Started { name: name.into(), input: Some(input.into()), ..Started::default() };
    vec![event(EventKind::TurnStarted), event(EventKind::Started(started))]
}

async fn first_turn(app: &App, name: &str, input: &str) -> Decision {
    let turn = Turn { instance_id: "i".into(), past: Vec::new(), new: begun(name, input) };
    app.workflow_turn(Arc::new(turn)).await.expect("a decision")
}

async fn failure(app: &App, name: &str, input: &str) -> Failure {
    match first_turn(app, name, input).await.actions.pop().map(|action| action.kind) {
        Some(ActionKind::Complete(Err(failure))) => failure,
        other => panic!("{name} {input}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_ends_at_its_wait_and_the_next_one_goes_on() {
    let runtime = runtime();
    let app = app(&runtime, WorkflowBounds::default());
    let decision = first_turn(&app, "sequence", "a").await;
    assert_eq!(decision.custom_status.as_deref(), Some("step 1"));
    let ActionKind::Activity { name, input, .. } = &decision.actions[0].kind else { panic!("{decision:?}") };
    assert_eq!((decision.actions.len(), name.as_str(), input.as_deref()), (1, "upper", Some("a1")));

    let scheduled = Event { id: 0, ..event(EventKind::ActivityScheduled { name: "upper".into() }) };
    let past = begun("sequence", "a").into_iter().chain([scheduled]).collect();
    let done = event(EventKind::Done { action: 0, outcome: Ok(Some("A1".into())) });
    let turn = Turn { instance_id: "i".into(), past, new: vec![event(EventKind::TurnStarted), done] };
    let decision = app.workflow_turn(Arc::new(turn)).await.expect("a decision");
    let ActionKind::Activity { input, .. } = &decision.actions[0].kind else { panic!("{decision:?}") };
    assert_eq!((decision.actions[0].id, input.as_deref()), (1, Some("A12")));
}

/// The sidecar of this app refuses everything with another code: none of these calls came as far.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_does_what_none_may_fails_and_says_why() {
    let runtime = runtime();
    let app = app(&runtime, WorkflowBounds::default());
    for (input, code, said) in [
        ("state", "PILLION_NOT_ALLOWED", "`set` of `pillion:dapr/state@0.1.0`"),
        ("trap", "PILLION_GUEST_TRAP", "hostile::trap"),
        ("spin", "PILLION_GUEST_TIMEOUT", "limits.timeout"),
        ("many", "PILLION_GUEST_LIMIT", "workflows.actions"),
        ("large", "PILLION_GUEST_LIMIT", "workflows.payload"),
    ] {
        let failure = failure(&app, "hostile", input).await;
        assert_eq!(failure.error_type, code, "{input}: {}", failure.message);
        assert!(failure.message.contains(said), "{input}: {}", failure.message);
    }
    assert_eq!(failure(&app, "nobody", "").await.error_type, "PILLION_ROUTE_NOT_FOUND");
}

/// The same numbers for one instance, whenever it is run.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_workflow_draws_is_the_same_in_another_process() {
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let runtime = runtime();
        let decision = first_turn(&app(&runtime, WorkflowBounds::default()), "same", "").await;
        drawn.push(decision.actions[0].kind.clone());
    }
    assert_eq!(drawn[0], drawn[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_has_no_history() {
    let runtime = runtime();
    let app = app(&runtime, WorkflowBounds { payload: 10, ..WorkflowBounds::default() });
    let run = async |name: &str, input: &str| {
        let activity = Activity { name: name.into(), input: Some(input.into()), ..Activity::default() };
        app.workflow_activity(&activity).await.expect("an outcome")
    };
    assert_eq!(run("upper", "text").await, Ok(Some("TEXT".into())));
    assert_eq!(run("context", "").await.expect_err("refused").error_type, "PILLION_NOT_ALLOWED");
    assert!(run("upper", "longer than that").await.expect_err("too long").message.contains("workflows.payload"));
    let trapped = run("trap", "").await.expect_err("a trap");
    assert!(trapped.message.contains("activities::trap"), "{}", trapped.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_work_is_refused_at_the_start() {
    let runtime = runtime();
    let start = |spec: AppSpec| -> Result<App, Error> {
        runtime.app(spec, Arc::new(common::FakeSidecar::default()), common::no_dapr())
    };
    let plain = GuestSpec::new("plain", common::guest(&runtime, PLAIN));
    let named = |name: &str| WorkflowSpec { guests: vec![name.into()], ..WorkflowSpec::default() };
    let refused = |spec: AppSpec| start(spec).err().expect("refused");
    assert!(refused(with(vec![plain.clone()], WorkflowSpec::default())).message().contains("none of its guests"));
    assert!(refused(with(vec![plain], named("plain"))).message().contains("has no workflows"));
    assert_eq!(refused(with(vec![cases(&runtime, "cases")], named("other"))).code(), Code::RouteNotFound);
    let both = start(with(vec![cases(&runtime, "one"), cases(&runtime, "two")], WorkflowSpec::default()));
    let clash = both.expect("an app").prepare_workflows().await.expect_err("both have all");
    assert!(clash.message().contains("in guest `one`, and again in `two`"), "{clash}");
    // What a guest's start draws would be another thing in each process.
    let options = LoadOptions { mode: Mode::Reset { init: Some("_initialize".into()) }, ..LoadOptions::default() };
    if let Ok(guest) = runtime.load_with("cases", built("workflow-cases"), None, &options) {
        let error = refused(with(vec![GuestSpec::new("cases", guest)], WorkflowSpec::default()));
        assert!(error.message().contains("mode: reset"), "{error}");
    }
}

#[test]
fn another_shape_of_the_handler_is_no_guest() {
    let component = r#"(component (instance $i) (export "pillion:workflow/workflow-handler@0.1.0" (instance $i)))"#;
    let error = common::refused(&runtime(), component);
    assert!(error.message().contains("in another shape"), "{error}");
}
