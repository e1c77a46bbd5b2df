//! Workflows and activities of a guest. A workflow is called with another linker than everything else: what is not in it, its code
//! can't reach.

use super::{DaprPre, Event, Said};
use crate::call::Call;
use crate::host;
use crate::inspect::invalid;
use crate::instance::{self, Host, Wasi, in_time};
use crate::link;
use crate::program::Program;
use crate::runtime::Shared;
use crate::workflow::{Clock, Replay, Returned, Stop, WorkflowBounds};
use crate::{Inspection, code, trap};
use pillion_api::workflow::{Activity, Decision, Failure, Outcome, Turn};
use pillion_api::{Code, Error};
use pillion_wit::workflow::exports::pillion::workflow::workflow_handler as wit;
use std::pin::pin;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

/// The handler, as errors name it.
pub(crate) const HANDLER: &str = "workflow-handler";

/// Where the handler is, and what a workflow's instances are made of.
pub(crate) struct WorkflowPre {
    indices: wit::GuestIndices,
    confined: InstancePre<Host>,
}

/// The export's name.
pub(crate) fn export() -> String {
    format!("{}{HANDLER}@{}", host::workflow::PACKAGE, host::workflow::VERSION)
}

/// Whether a component has workflows or activities.
pub(crate) fn has(inspection: &Inspection) -> bool {
    inspection.exports(&export())
}

impl WorkflowPre {
    /// # Errors
    /// [`Code::GuestInvalid`] where the handler is of another shape.
    pub(super) fn new(shared: &Shared, component: &Component) -> Result<Self, Error> {
        let linked = |error: wasmtime::Error| {
            invalid(format!("exports `{}` in another shape: {error:#}", export()))
                .hint("build it against this version's `wit/`")
        };
        let confined = link::confined(shared.linkers.workflows()?, component).map_err(linked)?;
        let confined = confined.instantiate_pre(component).map_err(linked)?;
        let indices = wit::GuestIndices::new(&confined).map_err(linked)?;
        Ok(Self { indices, confined })
    }

    fn load(&self, store: &mut Store<Host>, instance: &Instance) -> wasmtime::Result<wit::Guest> {
        self.indices.load(store, instance)
    }
}

/// What a guest says that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) workflows: Vec<String>,
    pub(crate) activities: Vec<String>,
}

fn none_such(call: &Call) -> Error {
    missing(&call.hosted.name)
}

/// The error of a guest that has no workflows.
pub(crate) fn missing(guest: &str) -> Error {
    Error::new(Code::GuestInvalid, format!("guest `{guest}` has no workflows"))
        .hint(format!("export `{}` from the guest, or name another one under `workflows.guests`", export()))
}

/// Asks a guest what it has, with no more than a workflow has.
pub(crate) async fn names(call: &Arc<Call>) -> Result<Names, Error> {
    let program = code::program(call).await?;
    let pre = handler_of(call, &program)?;
    let mut store = instance::store_of(call, Wasi::confined(call, &Clock::default(), &[0; 32]));
    let work = async {
        let instance = pre.confined.instantiate_async(&mut store).await?;
        pre.load(&mut store, &instance)?.call_describe(&mut store).await
    };
    let outcome = in_time(call, pin!(work)).await;
    let last_line = store.data_mut().last_line();
    let names = outcome.map_err(|error| trap::error(call, store.data(), &error, &last_line))?;
    Ok(Names { workflows: names.workflows, activities: names.activities })
}

fn handler_of<'a>(call: &Call, program: &'a Program) -> Result<&'a WorkflowPre, Error> {
    match program {
        Program::Dapr(DaprPre { workflow: Some(pre), .. }) => Ok(pre),
        _ => Err(none_such(call)),
    }
}

/// Runs a workflow over its history, on the thread that this runs on.
///
/// # Errors
/// A trap, a limit, the deadline, or whatever kept the guest from running.
pub(crate) async fn turn(call: &Arc<Call>, turn: Arc<Turn>, bounds: WorkflowBounds) -> Result<Decision, Error> {
    call.hosted.spec.guest.0.code.touch(call.hosted.shared.residents.now());
    let program = code::program(call).await?;
    let pre = handler_of(call, &program)?;
    let replay = match Replay::new(turn, bounds) {
        Ok(replay) => replay,
        Err(failure) => return Ok(failed(failure)),
    };
    let (name, input) = replay.call();
    let (name, input) = (name.to_owned(), input.map(str::to_owned));
    let mut store = instance::store_of(call, Wasi::confined(call, replay.clock(), &replay.seed()));
    store.data_mut().replay = Some(Box::new(replay));
    let work = async {
        let instance = pre.confined.instantiate_async(&mut store).await?;
        pre.load(&mut store, &instance)?.call_run(&mut store, &name, input.as_deref()).await
    };
    let outcome = in_time(call, pin!(work)).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = store.data_mut().last_line();
    let returned = match outcome {
        // What a machine without memory made of a run is not what another one would make of it.
        Ok(_) if store.data().limiter.refused_budget() => return Err(trap::short_of_memory(call)),
        Ok(said) => Returned::Completed(said.map_err(host::workflow::of_failure)),
        Err(error) => match error.downcast_ref::<Stop>() {
            Some(Stop::Suspended) => Returned::Suspended,
            Some(Stop::Broken(failure)) => Returned::Broken(failure.clone()),
            None => return Err(trap::error(call, store.data(), &error, &last_line)),
        },
    };
    let replay = store.data_mut().replay.take().ok_or_else(|| none_such(call))?;
    Ok(replay.decide(returned))
}

/// The end of an instance that can't run.
pub(crate) fn failed(failure: Failure) -> Decision {
    use pillion_api::workflow::turn::{Action, ActionKind};
    let action = Action { id: 0, app_id: None, kind: ActionKind::Complete(Err(failure)) };
    Decision { actions: vec![action], custom_status: None }
}

/// An activity that is to be done.
pub(crate) struct Do(pub(crate) Activity);

impl Event for Do {
    type Answer = Outcome;
    const HANDLER: &'static str = HANDLER;

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<Outcome>> {
        let handler = pre.workflow.as_ref()?;
        let Self(Activity { name, input, instance_id, task_id, execution_id, .. }) = self;
        let info = wit::ActivityInfo { instance_id, task_id, execution_id };
        let said = match handler.load(store, instance) {
            Ok(guest) => guest.call_activity(store, &name, input.as_deref(), &info).await,
            Err(error) => Err(error),
        };
        Some(said.map(|said| Ok(said.map_err(host::workflow::of_failure))))
    }
}
