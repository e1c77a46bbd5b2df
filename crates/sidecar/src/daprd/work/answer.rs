//! What the app made of a piece of work, in daprd's words.

use dapr_durabletask_proto as proto;
use pillion_api::workflow::{
    Activity, Decision, Failure, Outcome, Turn,
    turn::{Action, ActionKind, Event, EventKind},
};
use prost_types::Timestamp;
use proto::{
    CompleteWorkflowAction, CreateChildWorkflowAction, CreateTimerAction, EventRaisedEvent, HistoryEvent,
    OrchestrationStatus, ScheduleTaskAction, TaskFailureDetails, TaskRouter, WorkflowAction, WorkflowResponse,
    history_event::EventType, workflow_action::WorkflowActionType,
};
use std::time::SystemTime;

pub(super) fn workflow(instance_id: &str, decision: Decision, token: String) -> WorkflowResponse {
    WorkflowResponse {
        instance_id: instance_id.to_owned(),
        actions: decision.actions.into_iter().map(action).collect(),
        custom_status: decision.custom_status,
        completion_token: token,
        num_events_processed: None,
        version: None,
    }
}

/// The end of an instance whose answer was refused.
pub(super) fn workflow_failed(turn: &Turn, failure: Failure, token: String) -> WorkflowResponse {
    let app_id = turn.started().and_then(|started| started.app_id.clone());
    // Above every number that the history may have.
    let id = turn.events().map(|(event, _)| event.id).max().unwrap_or_default().saturating_add(1);
    let action = Action { id, app_id, kind: ActionKind::Complete(Err(failure)) };
    workflow(&turn.instance_id, Decision { actions: vec![action], custom_status: None }, token)
}

pub(super) fn activity(activity: &Activity, outcome: Outcome, token: String) -> proto::ActivityResponse {
    let (result, failure) = parted(outcome);
    proto::ActivityResponse {
        instance_id: activity.instance_id.clone(),
        task_id: activity.task_id,
        result,
        failure_details: failure,
        completion_token: token,
    }
}

fn parted(outcome: Outcome) -> (Option<String>, Option<TaskFailureDetails>) {
    match outcome {
        Ok(output) => (output, None),
        Err(failure) => (None, Some(details(failure))),
    }
}

fn details(failure: Failure) -> TaskFailureDetails {
    let inner = failure.causes.into_iter().rev().fold(None, |inner, (error_type, error_message)| {
        Some(Box::new(TaskFailureDetails { error_type, error_message, inner_failure: inner, ..Default::default() }))
    });
    TaskFailureDetails {
        error_type: failure.error_type,
        error_message: failure.message,
        stack_trace: failure.stack_trace,
        inner_failure: inner,
        is_non_retriable: failure.non_retriable,
    }
}

fn action(action: Action) -> WorkflowAction {
    let Action { id, app_id, kind } = action;
    let (kind, target) = kind_of(kind);
    let router =
        app_id.map(|app_id| TaskRouter { source_app_id: app_id, target_app_id: target, target_app_namespace: None });
    WorkflowAction { id, router, workflow_action_type: Some(kind) }
}

/// The action, and the app that it is for, where it is another one.
fn kind_of(kind: ActionKind) -> (WorkflowActionType, Option<String>) {
    let end = |status: OrchestrationStatus, result| CompleteWorkflowAction {
        workflow_status: status.into(),
        result,
        ..CompleteWorkflowAction::default()
    };
    let end = match kind {
        ActionKind::Activity { name, input, app_id, execution_id } => {
            let task = ScheduleTaskAction { name, input, task_execution_id: execution_id, ..Default::default() };
            return (WorkflowActionType::ScheduleTask(task), app_id);
        }
        ActionKind::Child { name, input, instance_id, app_id } => {
            let instance_id = instance_id.unwrap_or_default();
            let child = CreateChildWorkflowAction { instance_id, name, input, ..Default::default() };
            return (WorkflowActionType::CreateChildWorkflow(child), app_id);
        }
        ActionKind::Timer { due, name } => {
            let timer = CreateTimerAction { fire_at: Some(whole_second(due)), name, origin: None };
            return (WorkflowActionType::CreateTimer(timer), None);
        }
        ActionKind::Complete(Ok(output)) => end(OrchestrationStatus::Completed, output),
        ActionKind::Complete(Err(failure)) => {
            CompleteWorkflowAction { failure_details: Some(details(failure)), ..end(OrchestrationStatus::Failed, None) }
        }
        ActionKind::Terminate { output } => end(OrchestrationStatus::Terminated, output),
        ActionKind::ContinueAsNew { input, events } => CompleteWorkflowAction {
            carryover_events: events.into_iter().map(carried).collect(),
            ..end(OrchestrationStatus::ContinuedAsNew, input)
        },
    };
    (WorkflowActionType::CompleteWorkflow(end), None)
}

/// daprd cuts the time of its reminders to seconds, and would be early by the rest.
fn whole_second(due: SystemTime) -> Timestamp {
    let due = Timestamp::from(due);
    Timestamp { seconds: due.seconds + i64::from(due.nanos > 0), nanos: 0 }
}

fn carried(event: Event) -> HistoryEvent {
    let raised = match event.kind {
        EventKind::Raised { name, data } => Some(EventType::EventRaised(EventRaisedEvent { name, input: data })),
        _ => None,
    };
    HistoryEvent { event_id: event.id, timestamp: Some(event.at.into()), router: None, event_type: raised }
}
