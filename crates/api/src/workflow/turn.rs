//! A turn of a workflow: what happened so far, and what its code wants next. An activity: one piece of work of it.

use std::time::SystemTime;

/// A turn: the workflow's code runs over the whole history, and on.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The instance.
    pub instance_id: String,
    /// What earlier turns saw.
    pub past: Vec<Event>,
    /// What came since.
    pub new: Vec<Event>,
}

impl Turn {
    /// All events in their order, each with whether an earlier turn saw it.
    pub fn events(&self) -> impl Iterator<Item = (&Event, bool)> {
        self.past.iter().map(|event| (event, true)).chain(self.new.iter().map(|event| (event, false)))
    }

    /// How the instance began, if the history says so.
    pub fn started(&self) -> Option<&Started> {
        self.events().find_map(|(event, _)| match &event.kind {
            EventKind::Started(started) => Some(started),
            _ => None,
        })
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// That of the action that it records; -1 for others.
    pub id: i32,
    /// When.
    pub at: SystemTime,
    /// What.
    pub kind: EventKind,
}

/// How an instance began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// The workflow's name.
    pub name: String,
    /// What it got.
    pub input: Option<String>,
    /// Another one with each beginning of the same instance.
    pub execution_id: Option<String>,
    /// The app that it runs in, where Dapr says so.
    pub app_id: Option<String>,
    /// The caller's trace.
    pub traceparent: Option<String>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A turn began; its time is the workflow's time.
    TurnStarted,
    /// The instance began.
    Started(Started),
    /// An activity was asked for.
    ActivityScheduled {
        /// Its name.
        name: String,
    },
    /// A child workflow was asked for.
    ChildScheduled {
        /// Its name.
        name: String,
    },
    /// A timer was asked for.
    TimerCreated,
    /// What an activity, a child or a timer came to.
    Done {
        /// The id of the action that asked for it.
        action: i32,
        /// Its output; a timer has none.
        outcome: Outcome,
    },
    /// Somebody raised an event.
    Raised {
        /// Its name.
        name: String,
        /// Its data.
        data: Option<String>,
    },
    /// The instance is held.
    Suspended,
    /// It goes on.
    Resumed,
    /// It is ended from outside.
    Terminated {
        /// The output that it is given.
        output: Option<String>,
    },
    /// What asks nothing of the code: an end of a turn, say, or what this version doesn't know.
    Noted,
}

/// What something came to.
pub type Outcome = std::result::Result<Option<String>, Failure>;

/// Why an activity or a workflow failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// A name for programs.
    pub error_type: String,
    /// A sentence for people.
    pub message: String,
    /// Where it happened.
    pub stack_trace: Option<String>,
    /// Whether another try is of no use.
    pub non_retriable: bool,
    /// What it came from: pairs of type and message, the nearest first.
    pub causes: Vec<(String, String)>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into(), ..Self::default() }
    }
}

impl From<&crate::Error> for Failure {
    fn from(error: &crate::Error) -> Self {
        let hint = error.help().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        Self::new(error.code().name(), format!("{}{hint}", error.message()))
    }
}

/// What the code of a workflow wants after a turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// In the order of their ids; an end of the instance is the last one.
    pub actions: Vec<Action>,
    /// What whoever looks at the instance sees beside its state.
    pub custom_status: Option<String>,
}

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its number in the history.
    pub id: i32,
    /// The app that asks, where Dapr names it.
    pub app_id: Option<String>,
    /// What.
    pub kind: ActionKind,
}

/// What can be wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionKind {
    /// An activity.
    Activity {
        /// Its name.
        name: String,
        /// What it gets.
        input: Option<String>,
        /// The app that does it, where it is another one.
        app_id: Option<String>,
        /// The same for each delivery and each try of it.
        execution_id: String,
    },
    /// A child workflow.
    Child {
        /// Its name.
        name: String,
        /// What it gets.
        input: Option<String>,
        /// Its id; none lets Dapr make one.
        instance_id: Option<String>,
        /// The app that runs it, where it is another one.
        app_id: Option<String>,
    },
    /// A timer.
    Timer {
        /// When it is due.
        due: SystemTime,
        /// What for.
        name: Option<String>,
    },
    /// The end of the instance, well or not.
    Complete(Outcome),
    /// The end that was asked for from outside.
    Terminate {
        /// The output.
        output: Option<String>,
    },
    /// A new beginning.
    ContinueAsNew {
        /// What it gets.
        input: Option<String>,
        /// Events that go with it: all are [`EventKind::Raised`].
        events: Vec<Event>,
    },
}

/// An activity that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// What it gets.
    pub input: Option<String>,
    /// The workflow's instance.
    pub instance_id: String,
    /// The id of the action that asked for it.
    pub task_id: i32,
    /// The same for each delivery and each try of it.
    pub execution_id: String,
    /// The workflow's trace.
    pub traceparent: Option<String>,
}
