//! Runs over recorded histories: what code asks for, what it gets, and what becomes of code that changed.

use super::{Call, Replay, RetryPolicy, Returned, Stop, WorkflowBounds};
use pillion_api::workflow::turn::{ActionKind, Event, EventKind, Started};
use pillion_api::workflow::{Decision, Failure, Outcome, Turn};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What code does in a run.
type Code = fn(&mut Replay) -> Result<Outcome, Stop>;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// An event: `turn 5` (at that second), `started`, `activity 0 name`, `child 0 name`, `timer 0`, `done 0 text`, `failed 0 type`,
/// `raised name data`, `suspended`, `resumed`, `terminated`.
fn event(text: &str) -> Event {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<i32>().ok()).unwrap_or(-1);
    let word = |place: usize| words.get(place).copied().unwrap_or_default().to_owned();
    let started = Started { name: "w".into(), execution_id: Some("e".into()), ..Started::default() };
    let (id, kind) = match words[0] {
        "turn" => (-1, EventKind::TurnStarted),
        "started" => (-1, EventKind::Started(started)),
        "activity" => (number(1), EventKind::ActivityScheduled { name: word(2) }),
        "child" => (number(1), EventKind::ChildScheduled { name: word(2) }),
        "timer" => (number(1), EventKind::TimerCreated),
        "done" => (-1, EventKind::Done { action: number(1), outcome: Ok(Some(word(2))) }),
        "failed" => (-1, EventKind::Done { action: number(1), outcome: Err(Failure::new(word(2), "why")) }),
        "raised" => (-1, EventKind::Raised { name: word(1), data: Some(word(2)) }),
        "suspended" => (-1, EventKind::Suspended),
        "resumed" => (-1, EventKind::Resumed),
        "terminated" => (-1, EventKind::Terminated { output: None }),
        other => panic!("{other}"),
    };
    let seconds = if words[0] == "turn" { number(1) } else { 0 };
    Event { id, at: at(u64::try_from(seconds).unwrap_or_default()), kind }
}

fn turn(past: &str, new: &str) -> Arc<Turn> {
    let events = |text: &str| text.split(';').map(str::trim).filter(|text| !text.is_empty()).map(event).collect();
    Arc::new(Turn { instance_id: "i".into(), past: events(past), new: events(new) })
}

fn run(past: &str, new: &str, code: Code) -> Decision {
    let mut replay =
        Replay::new(turn(past, new), WorkflowBounds { history: 50, actions: 5, payload: 100 }).expect("a run");
    let returned = match code(&mut replay) {
        Ok(outcome) => Returned::Completed(outcome),
        Err(Stop::Suspended) => Returned::Suspended,
        Err(Stop::Broken(failure)) => Returned::Broken(failure),
    };
    replay.decide(returned)
}

/// Actions in a line each.
fn shown(decision: &Decision) -> Vec<String> {
    let seconds = |due: &SystemTime| due.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let actions = decision.actions.iter().map(|action| {
        let what = match &action.kind {
            ActionKind::Activity { name, .. } => format!("activity {name}"),
            ActionKind::Child { name, .. } => format!("child {name}"),
            ActionKind::Timer { due, .. } => format!("timer {}", seconds(due)),
            ActionKind::Complete(Ok(output)) => format!("end {}", output.as_deref().unwrap_or_default()),
            ActionKind::Complete(Err(failure)) => format!("failed {}", failure.error_type),
            ActionKind::Terminate { .. } => "terminated".to_owned(),
            ActionKind::ContinueAsNew { input, events } => {
                format!("again {} with {}", input.as_deref().unwrap_or_default(), events.len())
            }
        };
        format!("{} {what}", action.id)
    });
    actions.collect()
}

fn check(past: &str, new: &str, code: Code, actions: &[&str]) {
    assert_eq!(shown(&run(past, new, code)), actions, "{past} | {new}");
}

fn activity(name: &str) -> Call {
    Call::Activity { name: name.to_owned(), input: None, app_id: None }
}

const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    first_interval: Duration::from_secs(10),
    backoff_coefficient: 2.0,
    max_interval: None,
    timeout: None,
};

fn two_in_a_row(replay: &mut Replay) -> Result<Outcome, Stop> {
    for name in ["a", "b"] {
        let task = replay.start(activity(name), None)?;
        if let Err(failure) = replay.wait(task)? {
            return Ok(Err(failure));
        }
    }
    Ok(Ok(Some("both".into())))
}

#[test]
fn a_wait_ends_the_run_and_the_history_goes_on_from_there() {
    check("", "turn 1; started", two_in_a_row, &["0 activity a"]);
    check("turn 1; started; activity 0 a", "turn 2; done 0 x", two_in_a_row, &["1 activity b"]);
    let past = "turn 1; started; activity 0 a; turn 2; done 0 x; activity 1 b";
    check(past, "turn 3; done 1 y", two_in_a_row, &["2 end both"]);
    check("turn 1; started; activity 0 a", "turn 2; failed 0 Bad", two_in_a_row, &["1 failed Bad"]);
}

/// Dapr may deliver twice, and an event of no interest may be among the others.
#[test]
fn what_nobody_waits_for_changes_nothing() {
    let new = "turn 2; raised other 1; done 0 x; done 0 again; done 7 never";
    check("turn 1; started; activity 0 a", new, two_in_a_row, &["1 activity b"]);
}

#[test]
fn code_that_no_longer_fits_its_history_fails_with_place_and_both_sides() {
    for (past, expected, found) in [
        ("turn 1; started; activity 0 old", "the activity `old`", "the activity `a`"),
        ("turn 1; started; timer 0", "a timer", "the activity `a`"),
        ("turn 1; started; child 0 a", "the workflow `a`", "the activity `a`"),
        ("turn 1; started; activity 0 a; activity 1 z", "the activity `z`", "nothing"),
    ] {
        let decision = run(past, "turn 2; done 0 x", two_in_a_row);
        let ActionKind::Complete(Err(failure)) = &decision.actions[0].kind else { panic!("{past}: {decision:?}") };
        assert_eq!(failure.error_type, "NonDeterminismError", "{past}");
        let what = format!("it asked for {expected}, and now for {found}");
        assert!(failure.message.contains(&what), "{past}: {}", failure.message);
    }
}

#[test]
fn code_that_ends_before_its_history_does_fails() {
    fn ends(_: &mut Replay) -> Result<Outcome, Stop> {
        Ok(Ok(None))
    }
    check("turn 1; started; activity 0 a", "turn 2; done 0 x", ends, &["1 failed NonDeterminismError"]);
}

#[test]
fn an_event_counts_whether_it_came_before_the_wait_or_after_it() {
    fn waits(replay: &mut Replay) -> Result<Outcome, Stop> {
        let timer = replay.timer(Duration::from_secs(5))?;
        replay.wait(timer)??;
        let first = replay.event_of("Go", None)?;
        let second = replay.event_of("go", None)?;
        let (first, second) = (replay.wait(first)??, replay.wait(second)??);
        Ok(Ok(Some(format!("{}{}", first.unwrap_or_default(), second.unwrap_or_default()))))
    }
    check("", "turn 1; started", waits, &["0 timer 6"]);
    let past = "turn 1; started; timer 0";
    check(past, "turn 2; raised GO 1; done 0", waits, &[]);
    check(past, "turn 2; raised GO 1; done 0; raised go 2", waits, &["1 end 12"]);
    check(past, "turn 2; raised GO 1; raised gO 2; done 0", waits, &["1 end 12"]);
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}

#[test]
fn an_event_that_is_late_is_a_cancelled_task_and_stays_for_the_next_wait() {
    fn waits(replay: &mut Replay) -> Result<Outcome, Stop> {
        let task = replay.event_of("go", Some(Duration::from_secs(5)))?;
        let first = replay.wait(task)?.map_err(|failure| failure.error_type);
        let next = replay.event_of("go", Some(Duration::ZERO))?;
        let second = replay.wait(next)?.map_err(|failure| failure.error_type);
        Ok(Ok(Some(format!("{first:?}{second:?}"))))
    }
    check("", "turn 1; started", waits, &["0 timer 6"]);
    let past = "turn 1; started; timer 0";
    check(past, "turn 2; done 0", waits, &[r#"1 end Err("TaskCanceled")Err("TaskCanceled")"#]);
    check(past, "turn 2; raised go 1", waits, &[r#"1 end Ok(Some("1"))Err("TaskCanceled")"#]);
    // The timer of an event that came in time is no event.
    check(past, "turn 2; raised go 1; done 0", waits, &[r#"1 end Ok(Some("1"))Err("TaskCanceled")"#]);
}

#[test]
fn tries_are_made_by_timers_whoever_waits_for_them() {
    fn tries(replay: &mut Replay) -> Result<Outcome, Stop> {
        let (task, other) = (replay.start(activity("a"), Some(POLICY))?, replay.event_of("go", None)?);
        let place = replay.wait_any(&[other, task])?;
        Ok(Ok(Some(format!("{place} {:?}", replay.wait([other, task][place as usize])?.is_ok()))))
    }
    let first = "turn 1; started; activity 0 a";
    check(first, "turn 20; failed 0 Bad", tries, &["1 timer 30"]);
    let second = format!("{first}; turn 20; failed 0 Bad; timer 1");
    check(&second, "turn 30; done 1", tries, &["2 activity a"]);
    let third = format!("{second}; turn 30; done 1; activity 2 a");
    check(&third, "turn 31; done 2 ok", tries, &["3 end 1 true"]);
    check(&third, "turn 31; failed 2 Bad", tries, &["3 timer 51"]);
    let last = format!("{third}; turn 31; failed 2 Bad; timer 3; turn 51; done 3; activity 4 a");
    check(&last, "turn 52; failed 4 Bad", tries, &["5 end 1 false"]);
}

#[test]
fn each_try_of_an_activity_has_its_execution_id() {
    let id = |past: &str, new: &str| {
        fn code(replay: &mut Replay) -> Result<Outcome, Stop> {
            let task = replay.start(activity("a"), Some(POLICY))?;
            Ok(Ok(replay.wait(task)??))
        }
        match &run(past, new, code).actions[0].kind {
            ActionKind::Activity { execution_id, .. } => execution_id.clone(),
            other => panic!("{other:?}"),
        }
    };
    let first = id("", "turn 1; started");
    let again = id("turn 1; started; activity 0 a; turn 2; failed 0 Bad; timer 1", "turn 3; done 1");
    assert_eq!(first, again);
    assert_eq!((first.len(), &first[14..15]), (36, "8"));
}

#[test]
fn a_held_instance_asks_for_nothing_and_goes_on_where_it_was() {
    let past = "turn 1; started; activity 0 a";
    check(past, "turn 2; suspended; done 0 x", two_in_a_row, &[]);
    check(&format!("{past}; turn 2; suspended; done 0 x"), "turn 3; resumed", two_in_a_row, &["1 activity b"]);
    check(past, "turn 2; suspended; terminated; done 0 x", two_in_a_row, &["1 terminated"]);
}

#[test]
fn an_end_from_outside_is_all_that_comes_of_a_turn() {
    check("turn 1; started; activity 0 a", "turn 2; terminated; done 0 x", two_in_a_row, &["1 terminated"]);
}

#[test]
fn a_new_beginning_takes_the_events_that_nobody_took() {
    fn again(replay: &mut Replay) -> Result<Outcome, Stop> {
        let task = replay.event_of("go", None)?;
        replay.wait(task)??;
        replay.continue_as_new(Some("2".into()), true)?;
        Ok(Ok(None))
    }
    check("turn 1; started", "turn 2; raised go 1; raised go 2; raised other 3", again, &["0 again 2 with 2"]);
}

#[test]
fn time_is_that_of_the_last_turn_and_code_knows_whether_it_is_replayed() {
    fn looks(replay: &mut Replay) -> Result<Outcome, Stop> {
        let mut seen = String::new();
        let mut look = |replay: &mut Replay| {
            seen += &format!("{} {}; ", replay.clock().millis() / 1000, replay.clock().is_replaying());
        };
        look(replay);
        for _ in 0..2 {
            let task = replay.event_of("go", None)?;
            replay.wait(task)??;
            look(replay);
        }
        Ok(Ok(Some(seen)))
    }
    let past = "turn 1; started; turn 5; raised go 1";
    check(past, "turn 9; raised go 2", looks, &["0 end 1 true; 5 true; 9 false; "]);
}

#[test]
fn numbers_that_code_draws_hang_on_its_beginning_alone() {
    let mut one = Replay::new(turn("", "turn 1; started"), WorkflowBounds::default()).expect("a run");
    let mut later =
        Replay::new(turn("turn 1; started; activity 0 a", "turn 2"), WorkflowBounds::default()).expect("a run");
    assert_eq!(one.seed(), later.seed());
    let first = one.new_uuid();
    assert_eq!(first, later.new_uuid());
    assert_ne!(first, later.new_uuid());
}

#[test]
fn every_bound_ends_the_instance_by_a_word_of_its_key() {
    let failure = |decision: Decision| match decision.actions.into_iter().next_back().map(|action| action.kind) {
        Some(ActionKind::Complete(Err(failure))) => failure,
        other => panic!("{other:?}"),
    };
    fn many(replay: &mut Replay) -> Result<Outcome, Stop> {
        for _ in 0..6 {
            replay.timer(Duration::from_secs(1))?;
        }
        Ok(Ok(None))
    }
    fn large(_: &mut Replay) -> Result<Outcome, Stop> {
        Ok(Ok(Some("x".repeat(101))))
    }
    fn waits(replay: &mut Replay) -> Result<Outcome, Stop> {
        loop {
            replay.event_of("go", None)?;
        }
    }
    for (code, key) in [(many as Code, "workflows.actions"), (large, "workflows.payload"), (waits, "workflows.history")]
    {
        let failure = failure(run("", "turn 1; started", code));
        assert!(failure.message.contains(key), "{}", failure.message);
        assert_eq!(failure.error_type, "PILLION_GUEST_LIMIT");
    }
    let long = "raised go 1; ".repeat(60);
    let refused = Replay::new(turn("started", &long), WorkflowBounds { history: 50, ..WorkflowBounds::default() });
    assert!(refused.err().expect("too long").message.contains("workflows.history"));
}

#[test]
fn a_task_that_the_code_does_not_have_ends_it() {
    fn forged(replay: &mut Replay) -> Result<Outcome, Stop> {
        replay.wait(7)
    }
    fn none(replay: &mut Replay) -> Result<Outcome, Stop> {
        replay.wait_any(&[]).map(|_| Ok(None))
    }
    for code in [forged as Code, none] {
        check("", "turn 1; started", code, &["0 failed PILLION_GUEST_ERROR"]);
    }
}
