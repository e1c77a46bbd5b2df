//! `pillion:workflow/context`: what a workflow asks of its history. An activity has none of it.

use crate::instance::Host;
use crate::workflow::{Call, Replay, RetryPolicy, Stop};
use pillion_api::workflow::Failure;
use pillion_api::{Code, Error};
use pillion_wit::workflow::pillion::workflow::{context as wit, failures};
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};

/// The package's name with what separates it from an interface's.
pub(crate) const PACKAGE: &str = "pillion:workflow/";
/// The version that this host has.
pub(crate) const VERSION: &str = "0.1.0";

/// Whether an interface, named without its version, is one that guests import.
pub(crate) fn provides(interface: &str) -> bool {
    interface.strip_prefix(PACKAGE).is_some_and(|name| matches!(name, "context" | "failures"))
}

/// Defines the package.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    wit::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;
    failures::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)
}

impl Host {
    fn run(&mut self) -> wasmtime::Result<&mut Replay> {
        let no_run = || {
            Error::new(Code::NotAllowed, "`pillion:workflow/context` belongs to workflows, and no workflow runs here")
                .hint("an activity returns what it has to say, and leaves timers and events to its workflow")
        };
        Ok(self.replay.as_deref_mut().ok_or_else(no_run)?)
    }
}

impl failures::Host for Host {}

impl wit::Host for Host {
    fn instance_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.run()?.instance_id().to_owned())
    }

    fn current_time(&mut self) -> wasmtime::Result<u64> {
        Ok(self.run()?.clock().millis())
    }

    fn new_uuid(&mut self) -> wasmtime::Result<String> {
        Ok(self.run()?.new_uuid())
    }

    fn is_replaying(&mut self) -> wasmtime::Result<bool> {
        Ok(self.run()?.clock().is_replaying())
    }

    fn call_activity(
        &mut self,
        name: String,
        input: Option<String>,
        options: wit::ActivityOptions,
    ) -> wasmtime::Result<u32> {
        let wit::ActivityOptions { retry, app_id } = options;
        let policy = retry.map(policy).transpose()?;
        Ok(self.run()?.start(Call::Activity { name, input, app_id }, policy)?)
    }

    fn call_workflow(
        &mut self,
        name: String,
        input: Option<String>,
        options: wit::WorkflowOptions,
    ) -> wasmtime::Result<u32> {
        let wit::WorkflowOptions { retry, app_id, instance_id } = options;
        let policy = retry.map(policy).transpose()?;
        Ok(self.run()?.start(Call::Child { name, input, app_id, instance_id }, policy)?)
    }

    fn create_timer(&mut self, delay: u64) -> wasmtime::Result<u32> {
        Ok(self.run()?.timer(Duration::from_millis(delay))?)
    }

    fn wait_for_event(&mut self, name: String, timeout: Option<u64>) -> wasmtime::Result<u32> {
        Ok(self.run()?.event_of(&name, timeout.map(Duration::from_millis))?)
    }

    fn wait(&mut self, task: u32) -> wasmtime::Result<Result<Option<String>, wit::Failure>> {
        Ok(self.run()?.wait(task)?.map_err(failure))
    }

    fn wait_any(&mut self, tasks: Vec<u32>) -> wasmtime::Result<u32> {
        Ok(self.run()?.wait_any(&tasks)?)
    }

    fn wait_all(&mut self, tasks: Vec<u32>) -> wasmtime::Result<()> {
        Ok(self.run()?.wait_all(&tasks)?)
    }

    fn is_done(&mut self, task: u32) -> wasmtime::Result<bool> {
        Ok(self.run()?.is_done(task)?)
    }

    fn set_custom_status(&mut self, status: String) -> wasmtime::Result<()> {
        Ok(self.run()?.set_custom_status(status)?)
    }

    fn continue_as_new(&mut self, input: Option<String>, keep_events: bool) -> wasmtime::Result<()> {
        Ok(self.run()?.continue_as_new(input, keep_events)?)
    }
}

fn policy(given: wit::RetryPolicy) -> Result<RetryPolicy, Stop> {
    let wit::RetryPolicy { max_attempts, first_interval, backoff_coefficient, max_interval, timeout } = given;
    if max_attempts == 0 || !(1.0..).contains(&backoff_coefficient) {
        let message = "a retry policy has at least one attempt, and a coefficient of at least 1";
        return Err(Stop::Broken(Failure::new(Code::GuestError.name(), message)));
    }
    Ok(RetryPolicy {
        max_attempts,
        first_interval: Duration::from_millis(first_interval),
        backoff_coefficient,
        max_interval: max_interval.map(Duration::from_millis),
        timeout: timeout.map(Duration::from_millis),
    })
}

/// A failure as the guest sees it.
fn failure(failure: Failure) -> failures::Failure {
    let Failure { error_type, message, stack_trace, non_retriable, causes } = failure;
    let causes = causes.into_iter().map(|(error_type, message)| failures::Cause { error_type, message });
    failures::Failure { error_type, message, stack_trace, non_retriable, causes: causes.collect() }
}

/// A failure as the guest says it.
pub(crate) fn of_failure(failure: failures::Failure) -> Failure {
    let failures::Failure { error_type, message, stack_trace, non_retriable, causes } = failure;
    let causes = causes.into_iter().map(|cause| (cause.error_type, cause.message)).collect();
    Failure { error_type, message, stack_trace, non_retriable, causes }
}
