//! What daprd hands out, in this project's words.

use dapr_durabletask_proto as proto;
use pillion_api::workflow::{
    Activity, Failure, Turn,
    turn::{Event, EventKind, Started},
};
use prost_types::Timestamp;
use proto::{HistoryEvent, TaskFailureDetails, TaskRouter, history_event::EventType};
use std::time::SystemTime;

/// Causes of a failure that are taken over.
const MAX_CAUSES: usize = 16;

pub(super) fn turn(request: proto::WorkflowRequest) -> Turn {
    let events = |events: Vec<HistoryEvent>| events.into_iter().map(event).collect();
    Turn { instance_id: request.instance_id, past: events(request.past_events), new: events(request.new_events) }
}

pub(super) fn activity(request: proto::ActivityRequest) -> Activity {
    Activity {
        name: request.name,
        input: request.input,
        instance_id: request.workflow_instance.map(|instance| instance.instance_id).unwrap_or_default(),
        task_id: request.task_id,
        execution_id: request.task_execution_id,
        traceparent: traceparent(request.parent_trace_context),
    }
}

fn traceparent(context: Option<proto::TraceContext>) -> Option<String> {
    context.map(|context| context.trace_parent).filter(|parent| !parent.is_empty())
}

fn event(event: HistoryEvent) -> Event {
    let at = event.timestamp.map_or(SystemTime::UNIX_EPOCH, time);
    Event { id: event.event_id, at, kind: kind(event.event_type, event.router) }
}

/// What can't be a time is the beginning of all.
fn time(stamp: Timestamp) -> SystemTime {
    SystemTime::try_from(stamp).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn kind(event: Option<EventType>, router: Option<TaskRouter>) -> EventKind {
    let done = |action, outcome| EventKind::Done { action, outcome };
    match event {
        Some(EventType::WorkflowStarted(_)) => EventKind::TurnStarted,
        Some(EventType::ExecutionStarted(started)) => EventKind::Started(begun(started, router)),
        Some(EventType::TaskScheduled(task)) => EventKind::ActivityScheduled { name: task.name },
        Some(EventType::ChildWorkflowInstanceCreated(child)) => EventKind::ChildScheduled { name: child.name },
        Some(EventType::TimerCreated(_)) => EventKind::TimerCreated,
        Some(EventType::TaskCompleted(task)) => done(task.task_scheduled_id, Ok(task.result)),
        Some(EventType::ChildWorkflowInstanceCompleted(child)) => done(child.task_scheduled_id, Ok(child.result)),
        Some(EventType::TimerFired(timer)) => done(timer.timer_id, Ok(None)),
        Some(EventType::TaskFailed(task)) => done(task.task_scheduled_id, Err(failure(task.failure_details))),
        Some(EventType::ChildWorkflowInstanceFailed(child)) => {
            done(child.task_scheduled_id, Err(failure(child.failure_details)))
        }
        Some(EventType::EventRaised(raised)) => EventKind::Raised { name: raised.name, data: raised.input },
        Some(EventType::ExecutionSuspended(_)) => EventKind::Suspended,
        Some(EventType::ExecutionResumed(_)) => EventKind::Resumed,
        Some(EventType::ExecutionTerminated(ended)) => EventKind::Terminated { output: ended.input },
        Some(
            EventType::ExecutionCompleted(_)
            | EventType::WorkflowCompleted(_)
            | EventType::EventSent(_)
            | EventType::ContinueAsNew(_)
            | EventType::ExecutionStalled(_)
            | EventType::DetachedWorkflowInstanceCreated(_),
        )
        | None => EventKind::Noted,
    }
}

/// The target is where a workflow of another app's runs: here.
fn begun(started: proto::ExecutionStartedEvent, router: Option<TaskRouter>) -> Started {
    let app_id = router.map(|router| router.target_app_id.unwrap_or(router.source_app_id));
    Started {
        name: started.name,
        input: started.input,
        execution_id: started.workflow_instance.and_then(|instance| instance.execution_id),
        app_id: app_id.filter(|app| !app.is_empty()),
        traceparent: traceparent(started.parent_trace_context),
    }
}

/// A failure with what stands behind it.
fn failure(details: Option<TaskFailureDetails>) -> Failure {
    let Some(details) = details else { return Failure::new("Unknown", "it failed and did not say why") };
    let TaskFailureDetails { error_type, error_message, stack_trace, mut inner_failure, is_non_retriable } = details;
    let mut causes = Vec::new();
    while let Some(cause) = inner_failure.filter(|_| causes.len() < MAX_CAUSES) {
        causes.push((cause.error_type, cause.error_message));
        inner_failure = cause.inner_failure;
    }
    Failure { error_type, message: error_message, stack_trace, non_retriable: is_non_retriable, causes }
}
