//! Workflows: one for each thing that a workflow can do, and some that do what none may.

mod activities;
mod hostile;

use pillion_sdk::workflows::context::{self, Task};
use pillion_sdk::workflows::{self, Data, Failure, RetryPolicy};

workflows::export! {
    workflows: {
        "sequence" => sequence,
        "fan" => fan,
        "timer" => timer,
        "event" => event,
        "event-timeout" => event_timeout,
        "late-event" => late_event,
        "any" => any,
        "child" => child,
        "retry" => retry,
        "place" => place,
        "elsewhere" => elsewhere,
        "eternal" => eternal,
        "failing" => failing,
        "changing" => changing,
        "same" => same,
        "ask" => ask,
        "hostile" => hostile::run,
    },
    activities: {
        "upper" => activities::upper,
        "flaky" => activities::flaky,
        "fail" => activities::fail,
        "trap" => activities::trap,
        "spin" => activities::spin,
        "keep" => activities::keep,
        "context" => activities::context,
        "place" => activities::place,
    },
}

fn activity(name: &str, input: &str) -> Result<String, Failure> {
    Ok(context::call_activity(name, input.to_owned()).wait()?.unwrap_or_default())
}

/// Three activities, each with what the one before gave.
fn sequence(input: Data) -> Result<Data, Failure> {
    let mut text = input.unwrap_or_default();
    for step in 1..=3 {
        context::set_custom_status(&format!("step {step}"));
        text = activity("upper", &format!("{text}{step}"))?;
    }
    Ok(Some(text))
}

/// As many activities as the input says, at the same time.
fn fan(input: Data) -> Result<Data, Failure> {
    let count: u32 = input.and_then(|count| count.parse().ok()).unwrap_or(5);
    let tasks: Vec<Task> = (0..count).map(|n| context::call_activity("upper", format!("n{n}"))).collect();
    let all: Vec<String> = context::wait_all(&tasks)?.into_iter().flatten().collect();
    Ok(Some(all.join(",")))
}

/// Waits for as many milliseconds as the input says; answers how many went by.
fn timer(input: Data) -> Result<Data, Failure> {
    let delay = input.and_then(|delay| delay.parse().ok()).unwrap_or(1000);
    let before = context::current_time();
    context::create_timer(delay).wait()?;
    Ok(Some((context::current_time() - before).to_string()))
}

fn event(_: Data) -> Result<Data, Failure> {
    context::wait_for_event("go").wait()
}

fn event_timeout(_: Data) -> Result<Data, Failure> {
    match context::wait_for_event_until("never", 300).wait() {
        Ok(_) => Ok(Some("it came".to_owned())),
        Err(failure) => Ok(Some(failure.error_type)),
    }
}

/// The event may come before the wait for it: an activity is between.
fn late_event(_: Data) -> Result<Data, Failure> {
    context::create_timer(700).wait()?;
    let first = context::wait_for_event("Go").wait()?.unwrap_or_default();
    let second = context::wait_for_event("gO").wait()?.unwrap_or_default();
    Ok(Some(format!("{first} {second}")))
}

/// An event or a timer, whatever comes first.
fn any(input: Data) -> Result<Data, Failure> {
    let delay = input.and_then(|delay| delay.parse().ok()).unwrap_or(500);
    let tasks = [context::wait_for_event("go"), context::create_timer(delay)];
    Ok(Some(["event", "timer"][context::wait_any(&tasks)].to_owned()))
}

fn child(input: Data) -> Result<Data, Failure> {
    let well = context::call_workflow("sequence", input);
    let badly = context::call_workflow("failing", "the child".to_owned());
    let text = well.wait()?.unwrap_or_default();
    let why = badly.wait().expect_err("it fails");
    Ok(Some(format!("{text} {}: {}", why.error_type, why.message)))
}

/// Where this app's activities are done.
fn place(_: Data) -> Result<Data, Failure> {
    context::call_activity("place", None).wait()
}

/// An activity and a child of the app that the input names, and an activity of this one.
fn elsewhere(input: Data) -> Result<Data, Failure> {
    let options = context::WorkflowOptions { retry: None, app_id: input.clone(), instance_id: None };
    let tasks = [
        context::call_activity_with("place", None, None, input),
        context::call_workflow_with("place", None, &options),
        context::call_activity("place", None),
    ];
    let places: Vec<String> = context::wait_all(&tasks)?.into_iter().flatten().collect();
    Ok(Some(places.join(" ")))
}

/// An activity that succeeds at its third try.
fn retry(input: Data) -> Result<Data, Failure> {
    context::retry_activity("flaky", input, RetryPolicy::attempts(4, 50).growing(2.0, 500)).wait()
}

/// Begins anew until it has counted to three, and takes the events along.
fn eternal(input: Data) -> Result<Data, Failure> {
    let round: u32 = input.and_then(|round| round.parse().ok()).unwrap_or(0);
    if round == 3 {
        return context::wait_for_event("go").wait();
    }
    context::create_timer(100).wait()?;
    context::continue_as_new(Some(&(round + 1).to_string()), true);
    Ok(None)
}

fn failing(input: Data) -> Result<Data, Failure> {
    let cause = context::call_activity("fail", input).wait().expect_err("it fails");
    let causes = vec![workflows::Cause { error_type: cause.error_type, message: cause.message }];
    Err(Failure { causes, ..Failure::new("OrderRefused", "no order today") })
}

/// An activity, and then an event; called `changed` in its manifest, the guest is another version, which asks for another activity.
fn changing(_: Data) -> Result<Data, Failure> {
    let changed = std::env::args().next().is_some_and(|name| name == "changed");
    let name = if changed { "keep" } else { "upper" };
    activity(name, "before")?;
    context::wait_for_event("go").wait()
}

/// The activity that the input names.
fn ask(input: Data) -> Result<Data, Failure> {
    context::call_activity(&input.unwrap_or_default(), "text".to_owned()).wait()
}

/// What a workflow may draw and read: the same before and after a wait, and in every replay.
fn same(_: Data) -> Result<Data, Failure> {
    let drawn = hostile::drawn();
    let uuid = context::new_uuid();
    let before = activity("upper", &format!("{drawn} {uuid}"))?;
    let environment = std::env::vars().count();
    context::create_timer(50).wait()?;
    let again = format!("{drawn} {uuid}").to_uppercase();
    Ok(Some(format!("{} {environment} {}", before == again, hostile::time_stands_still())))
}
