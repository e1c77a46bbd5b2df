//! Workflows and activities. A workflow is a function that is run again from its beginning whenever something happened that it
//! waits for; all that it asks of the world it asks by [`context`], and activities do the rest.
//!
//! ```ignore
//! use pillion_sdk::workflows::{self, Data, Failure, context};
//!
//! workflows::export! {
//!     workflows: { "order" => order },
//!     activities: { "reserve" => reserve },
//! }
//!
//! fn order(input: Data) -> Result<Data, Failure> {
//!     context::call_activity("reserve", input).wait()
//! }
//!
//! fn reserve(call: workflows::Activity) -> Result<Data, Failure> {
//!     // ... everything that `allow` of the manifest grants.
//!     Ok(None)
//! }
//! ```

pub use crate::__export_workflows as export;
pub use crate::bindings::workflow_handler::exports::pillion::workflow::workflow_handler::{
    ActivityInfo, Guest as Handler, Names,
};
pub use crate::bindings::workflow_handler::pillion::workflow::context::RetryPolicy;
pub use crate::bindings::workflow_handler::pillion::workflow::failures::{Cause, Failure};

/// An input or an output: text, JSON by convention.
pub type Data = Option<String>;

/// An activity that is to be done.
#[derive(Clone, Debug)]
pub struct Activity {
    pub input: Data,
    /// Which piece of work it is.
    pub info: ActivityInfo,
}

impl Failure {
    /// A failure with a name for programs and a sentence for people.
    #[must_use]
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            error_type: error_type.into(),
            message: message.into(),
            stack_trace: None,
            non_retriable: false,
            causes: Vec::new(),
        }
    }

    /// One that no retry policy tries again.
    #[must_use]
    pub fn non_retriable(mut self) -> Self {
        self.non_retriable = true;
        self
    }
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        let retryable = error.retryable;
        let failure = Self::new(error.code.clone(), crate::text(error));
        if retryable { failure } else { failure.non_retriable() }
    }
}

impl RetryPolicy {
    /// So many tries altogether, with a pause of so many milliseconds that stays the same.
    #[must_use]
    pub fn attempts(max_attempts: u32, first_interval: u64) -> Self {
        Self { max_attempts, first_interval, backoff_coefficient: 1.0, max_interval: None, timeout: None }
    }

    /// With pauses that are multiplied, up to the longest.
    #[must_use]
    pub fn growing(mut self, coefficient: f64, max_interval: u64) -> Self {
        self.backoff_coefficient = coefficient;
        self.max_interval = Some(max_interval);
        self
    }
}

/// What a workflow works with.
pub mod context {
    use super::{Data, Failure, RetryPolicy};
    use crate::bindings::workflow_handler::pillion::workflow::context as host;

    pub use host::{continue_as_new, current_time, instance_id, is_replaying, new_uuid, set_custom_status};

    /// Something that comes later.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Task(u32);

    impl Task {
        /// Waits for it.
        ///
        /// # Errors
        /// Why it failed.
        pub fn wait(self) -> Result<Data, Failure> {
            host::wait(self.0)
        }

        /// Whether it is done.
        #[must_use]
        pub fn is_done(self) -> bool {
            host::is_done(self.0)
        }
    }

    /// Asks for an activity.
    pub fn call_activity(name: &str, input: impl Into<Data>) -> Task {
        call_activity_with(name, input, None, None)
    }

    /// Asks for an activity, again after a failure.
    pub fn retry_activity(name: &str, input: impl Into<Data>, retry: RetryPolicy) -> Task {
        call_activity_with(name, input, Some(retry), None)
    }

    /// Asks for an activity, of another app if one is named.
    pub fn call_activity_with(
        name: &str,
        input: impl Into<Data>,
        retry: Option<RetryPolicy>,
        app_id: Option<String>,
    ) -> Task {
        Task(host::call_activity(name, input.into().as_deref(), &host::ActivityOptions { retry, app_id }))
    }

    /// Starts a child workflow.
    pub fn call_workflow(name: &str, input: impl Into<Data>) -> Task {
        call_workflow_with(name, input, &WorkflowOptions { retry: None, app_id: None, instance_id: None })
    }

    pub use host::WorkflowOptions;

    /// Starts a child workflow with an id, tries or an app of its own.
    pub fn call_workflow_with(name: &str, input: impl Into<Data>, options: &WorkflowOptions) -> Task {
        Task(host::call_workflow(name, input.into().as_deref(), options))
    }

    /// A timer of so many milliseconds.
    pub fn create_timer(delay: u64) -> Task {
        Task(host::create_timer(delay))
    }

    /// An event that came or comes.
    pub fn wait_for_event(name: &str) -> Task {
        Task(host::wait_for_event(name, None))
    }

    /// An event, waited for so many milliseconds; then the task fails with `TaskCanceled`.
    pub fn wait_for_event_until(name: &str, timeout: u64) -> Task {
        Task(host::wait_for_event(name, Some(timeout)))
    }

    /// Waits for the first of several; answers its place.
    #[must_use]
    pub fn wait_any(tasks: &[Task]) -> usize {
        host::wait_any(&numbers(tasks)) as usize
    }

    /// Waits for all of them.
    ///
    /// # Errors
    /// The first failure in their order; all are done by then.
    pub fn wait_all(tasks: &[Task]) -> Result<Vec<Data>, Failure> {
        host::wait_all(&numbers(tasks));
        tasks.iter().map(|task| task.wait()).collect()
    }

    fn numbers(tasks: &[Task]) -> Vec<u32> {
        tasks.iter().map(|task| task.0).collect()
    }
}

/// Exports functions by their names.
#[macro_export]
#[doc(hidden)]
macro_rules! __export_workflows {
    (
        workflows: { $($workflow:literal => $run:path),* $(,)? },
        activities: { $($activity:literal => $do:path),* $(,)? } $(,)?
    ) => {
        struct __Workflows;

        impl $crate::workflows::Handler for __Workflows {
            fn describe() -> $crate::workflows::Names {
                $crate::workflows::Names {
                    workflows: [$($workflow),*].map(|name: &str| name.to_owned()).into(),
                    activities: [$($activity),*].map(|name: &str| name.to_owned()).into(),
                }
            }

            fn run(name: String, input: Option<String>) -> Result<Option<String>, $crate::workflows::Failure> {
                match name.as_str() {
                    $($workflow => $run(input),)*
                    _ => Err($crate::workflows::unknown("workflow", &name)),
                }
            }

            fn activity(
                name: String,
                input: Option<String>,
                info: $crate::workflows::ActivityInfo,
            ) -> Result<Option<String>, $crate::workflows::Failure> {
                let _call = $crate::workflows::Activity { input, info };
                match name.as_str() {
                    $($activity => $do(_call),)*
                    _ => Err($crate::workflows::unknown("activity", &name)),
                }
            }
        }

        $crate::bindings::workflow_handler::export_workflow_handler!(__Workflows);
    };
}

#[doc(hidden)]
#[must_use]
pub fn unknown(what: &str, name: &str) -> Failure {
    Failure::new("NotRegistered", format!("there is no {what} `{name}`")).non_retriable()
}
