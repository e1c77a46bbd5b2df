//! The workflows and activities of an app: which guest has which, and their calls.

use super::App;
use crate::call::{self, Call, Hosted};
use crate::kind::dapr::workflow::{self as kind, Do, Names};
use crate::spec::{GuestSpec, WorkflowSpec};
use crate::workflow::{WorkflowBounds, too_large};
use crate::{Mode, inspect};
use http::{HeaderMap, HeaderValue};
use pillion_api::workflow::{Activity, Decision, Failure, Outcome, Turn};
use pillion_api::{Code, Error, Fault};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a turn is tried that runs past its deadline: a busy machine isn't the workflow's fault.
const TURN_TRIES: u32 = 3;
/// Names that one guest may have.
const MAX_NAMES: usize = 10_000;

/// The workflows of an app.
pub(super) struct Workflows {
    guests: Vec<String>,
    bounds: WorkflowBounds,
    /// What each guest said that it has, until it is replaced.
    said: Mutex<BTreeMap<String, Arc<Names>>>,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum What {
    Workflow,
    Activity,
}

impl Workflows {
    pub(super) fn new(app: &str, spec: WorkflowSpec, guests: &[GuestSpec]) -> Result<Self, Error> {
        let has = |guest: &&GuestSpec| kind::has(guest.guest.inspection());
        let names = if spec.guests.is_empty() {
            guests.iter().filter(has).map(|guest| guest.name.clone()).collect()
        } else {
            spec.guests
        };
        if names.is_empty() {
            let message = format!("app `{app}` has `workflows`, and none of its guests has any");
            return Err(
                Error::new(Code::GuestInvalid, message).hint(format!("export `{}` from a guest", kind::export()))
            );
        }
        for name in &names {
            let guest = guests.iter().find(|guest| guest.name == *name).ok_or_else(|| super::no_guest(app, name))?;
            check(guest)?;
        }
        Ok(Self { guests: names, bounds: spec.bounds, said: Mutex::default() })
    }

    /// Another guest comes in the place of one.
    pub(super) fn replace(&self, guest: &GuestSpec) -> Result<(), Error> {
        if self.guests.contains(&guest.name) {
            check(guest)?;
            self.said().remove(&guest.name);
        }
        Ok(())
    }

    fn said(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Names>>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn names(&self, guest: &Arc<Hosted>) -> Result<Arc<Names>, Error> {
        let known = self.said().get(&*guest.name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let ask = |call: Arc<Call>| async move { kind::names(&call).await };
        let names = Arc::new(call::work(guest, "workflow-names", &HeaderMap::new(), ask).await?);
        if names.workflows.len() + names.activities.len() > MAX_NAMES {
            let message = format!("guest `{}` has more than {MAX_NAMES} workflows and activities", guest.name);
            return Err(Error::new(Code::GuestInvalid, message));
        }
        self.said().insert(guest.name.to_string(), Arc::clone(&names));
        Ok(names)
    }
}

/// A guest that is asked for workflows must have them, and begin the same way each time.
fn check(guest: &GuestSpec) -> Result<(), Error> {
    if !kind::has(guest.guest.inspection()) {
        return Err(kind::missing(&guest.name));
    }
    if matches!(guest.guest.mode(), Mode::Reset { .. }) {
        let what =
            "has workflows and `mode: reset`: what its start drew and read would be another thing in each process";
        return Err(inspect::invalid(format!("`{}` {what}", guest.name)).hint("remove `mode`"));
    }
    Ok(())
}

impl App {
    /// Asks the guests of its workflows what they have. Called once, within a Tokio runtime, before there is work.
    ///
    /// # Errors
    /// A guest that fails to say; two that have the same.
    pub async fn prepare_workflows(&self) -> Result<(), Error> {
        let Some(workflows) = &self.0.workflows else { return Ok(()) };
        let mut seen: BTreeMap<(bool, String), String> = BTreeMap::new();
        for guest in workflows.guests.iter().filter_map(|name| self.guest_of(name)) {
            let names = workflows.names(&guest).await?;
            let all = names
                .workflows
                .iter()
                .map(|name| (true, name))
                .chain(names.activities.iter().map(|name| (false, name)));
            for (is_workflow, name) in all {
                if let Some(other) = seen.insert((is_workflow, name.clone()), guest.name.to_string()) {
                    let what = if is_workflow { "workflow" } else { "activity" };
                    let message = format!("the {what} `{name}` is in guest `{other}`, and again in `{}`", guest.name);
                    return Err(
                        Error::new(Code::GuestInvalid, message).hint("name the guests under `workflows.guests`")
                    );
                }
            }
        }
        Ok(())
    }

    async fn who_has(&self, what: What, name: &str) -> Result<Option<Arc<Hosted>>, Error> {
        let Some(workflows) = &self.0.workflows else { return Ok(None) };
        for guest in workflows.guests.iter().filter_map(|name| self.guest_of(name)) {
            let names = workflows.names(&guest).await?;
            let list = match what {
                What::Workflow => &names.workflows,
                What::Activity => &names.activities,
            };
            if list.iter().any(|known| known == name) {
                return Ok(Some(guest));
            }
        }
        Ok(None)
    }

    fn workflow_bounds(&self) -> WorkflowBounds {
        self.0.workflows.as_ref().map(|workflows| workflows.bounds).unwrap_or_default()
    }

    /// Runs the code of a workflow; a fault of the code ends the instance.
    pub(super) async fn turn(&self, turn: Arc<Turn>) -> Result<Decision, Error> {
        let started = turn.started();
        let name = started.map(|started| started.name.clone()).unwrap_or_default();
        let headers = trace(started.and_then(|started| started.traceparent.as_deref()));
        let Some(guest) = self.who_has(What::Workflow, &name).await? else {
            return Ok(kind::failed(unknown(&self.0.id, "workflow", &name)));
        };
        let bounds = self.workflow_bounds();
        let mut tries = 0;
        loop {
            tries += 1;
            let of_guest = Arc::clone(&turn);
            let run = |call: Arc<Call>| async move { kind::turn(&call, of_guest, bounds).await };
            match call::work(&guest, "workflow", &headers, run).await {
                Err(error) if error.code() == Code::GuestTimeout && tries < TURN_TRIES => {}
                Err(error) if error.fault() != Fault::Host => return Ok(kind::failed(Failure::from(&error))),
                answer => return answer,
            }
        }
    }

    /// Does an activity.
    pub(super) async fn activity(&self, activity: &Activity) -> Result<Outcome, Error> {
        let Some(guest) = self.who_has(What::Activity, &activity.name).await? else {
            return Ok(Err(unknown(&self.0.id, "activity", &activity.name)));
        };
        let headers = trace(activity.traceparent.as_deref());
        let outcome = match call::event(&guest, "activity", &headers, Do(activity.clone())).await {
            Err(error) if error.fault() != Fault::Host => Err(Failure::from(&error)),
            Err(error) => return Err(error),
            Ok(outcome) => self.fitting(&activity.name, outcome),
        };
        if let Err(Failure { error_type, message, .. }) = &outcome {
            let (app, guest, name, instance) = (&*self.0.id, &*guest.name, &*activity.name, &*activity.instance_id);
            let message = crate::output::error_text(message);
            tracing::warn!(
                app,
                guest,
                instance,
                "activity `{name}` failed: {}: {message}",
                crate::output::error_text(error_type)
            );
        }
        Ok(outcome)
    }

    fn fitting(&self, name: &str, outcome: Outcome) -> Outcome {
        let bounds = self.workflow_bounds();
        match outcome? {
            Some(output) if output.len() > bounds.payload => {
                Err(too_large(&format!("the output of the activity `{name}`"), output.len(), bounds))
            }
            output => Ok(output),
        }
    }
}

/// As Dapr's SDKs answer what they don't know.
fn unknown(app: &str, what: &str, name: &str) -> Failure {
    let name = crate::output::error_text(name);
    let message = format!(
        "app `{app}` has no {what} `{name}` (hint: a name is kept until the last instance that uses it has ended)"
    );
    Failure { non_retriable: true, ..Failure::new(Code::RouteNotFound.name(), message) }
}

fn trace(traceparent: Option<&str>) -> HeaderMap {
    let value = traceparent.and_then(|parent| HeaderValue::from_str(parent).ok());
    value.into_iter().map(|value| (http::HeaderName::from_static("traceparent"), value)).collect()
}
