//! The management side of workflows.

use super::status::Call;
use dapr::dapr::proto::runtime::v1::{GetWorkflowResponse, StartWorkflowRequest};
use pillion_api::{
    Code, Error, Result,
    workflow::{Instance, Start, Steer},
};
use std::time::SystemTime;

/// The only engine of Dapr; the API still names it.
pub(super) const COMPONENT: &str = "dapr";

macro_rules! calls {
    ($($name:ident = $failed:ident;)*) => {
        $(pub(super) const $name: Call = Call { name: "workflows", rows: &[], failed: Code::$failed };)*
    };
}

calls! {
    START = WorkflowStart;
    GET = WorkflowGet;
    TERMINATE = WorkflowTerminate;
    PAUSE = WorkflowPause;
    RESUME = WorkflowResume;
    PURGE = WorkflowPurge;
    RAISE = WorkflowRaiseEvent;
}

pub(super) fn of_steer(steer: Steer) -> &'static Call {
    match steer {
        Steer::Terminate => &TERMINATE,
        Steer::Pause => &PAUSE,
        Steer::Resume => &RESUME,
        Steer::Purge => &PURGE,
    }
}

pub(super) fn start(start: Start) -> StartWorkflowRequest {
    StartWorkflowRequest {
        instance_id: start.instance_id.unwrap_or_default(),
        workflow_component: COMPONENT.to_owned(),
        workflow_name: start.name,
        options: Default::default(),
        input: start.input.into(),
    }
}

/// An instance; over gRPC daprd answers one without a status where there is none.
pub(super) fn instance(asked: &str, answer: GetWorkflowResponse) -> Result<Instance> {
    if answer.runtime_status.is_empty() {
        let message = format!("unable to find workflow with the provided instance ID: {asked}");
        return Err(Error::new(Code::WorkflowNotFound, message));
    }
    let time = |stamp: Option<prost_types::Timestamp>| stamp.and_then(|stamp| SystemTime::try_from(stamp).ok());
    Ok(Instance {
        id: answer.instance_id,
        name: answer.workflow_name,
        created: time(answer.created_at),
        updated: time(answer.last_updated_at),
        status: answer.runtime_status,
        properties: answer.properties.into_iter().collect(),
    })
}

/// A request that management of one instance makes, in the fields that all have.
macro_rules! of_instance {
    ($request:ident, $id:expr) => {
        dapr::dapr::proto::runtime::v1::$request {
            instance_id: $id.to_owned(),
            workflow_component: crate::daprd::workflow::COMPONENT.to_owned(),
        }
    };
}
pub(super) use of_instance;
