//! A run of a workflow's code over its history: what it asked for before is there at once, what it asks for now is written down.
//!
//! Events are looked at one by one, and only when the code waits: so it sees each at the same place in every run.

use super::task::{Task, Tries, Waits};
use super::{Call, Clock, RetryPolicy, WorkflowBounds, key};
use pillion_api::Code;
use pillion_api::workflow::turn::{Action, ActionKind, Event, EventKind, Started};
use pillion_api::workflow::{Decision, Failure, Outcome, Turn};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The last second that the wire's time can say: the end of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Why the code goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It waits for what is not there yet.
    Suspended,
    /// It does not do what it did before, or too much.
    Broken(Failure),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Suspended => f.write_str("the workflow waits"),
            Self::Broken(failure) => f.write_str(&failure.message),
        }
    }
}

impl std::error::Error for Stop {}

/// How a run came to its end.
pub(crate) enum Returned {
    /// By a wait.
    Suspended,
    /// The code returned.
    Completed(Outcome),
    /// It can't go on.
    Broken(Failure),
}

/// A run.
pub(crate) struct Replay {
    pub(super) turn: Arc<Turn>,
    pub(super) bounds: WorkflowBounds,
    pub(super) clock: Clock,
    /// How many events were looked at.
    pub(super) position: usize,
    /// Events that came while the instance was held, and those of them that count again.
    pub(super) held: VecDeque<usize>,
    pub(super) released: VecDeque<usize>,
    pub(super) suspended: bool,
    pub(super) started: Started,
    pub(super) next_id: i32,
    /// Asked for, and not yet found in the history.
    pub(super) pending: BTreeMap<i32, ActionKind>,
    pub(super) waits: HashMap<i32, Waits>,
    pub(super) tasks: Vec<Task>,
    /// Tasks by the event that they wait for.
    pub(super) wanted: HashMap<String, VecDeque<usize>>,
    /// Events that nobody took yet, in the order in which they came.
    pub(super) arrived: Vec<Event>,
    pub(super) uuids: u64,
    pub(super) custom_status: Option<String>,
    pub(super) again: Option<(Option<String>, bool)>,
    pub(super) terminated: Option<Option<String>>,
    /// The code has returned.
    pub(super) over: bool,
}

impl Replay {
    /// A run up to the place where the code begins.
    ///
    /// # Errors
    /// A history without a beginning, or longer than it may be.
    pub(crate) fn new(turn: Arc<Turn>, bounds: WorkflowBounds) -> Result<Self, Failure> {
        let length = turn.past.len() + turn.new.len();
        if length > bounds.history {
            let message = format!(
                "the history of `{}` has {length} events, over the limit of {} (hint: begin anew now and then by continue-as-new, or raise `{}`)",
                turn.instance_id,
                bounds.history,
                key::HISTORY
            );
            return Err(Failure::new(Code::GuestLimit.name(), message));
        }
        let Some(started) = turn.started().cloned() else {
            let message = format!("the history of `{}` does not say how it began", turn.instance_id);
            return Err(Failure::new(Code::Internal.name(), message));
        };
        let mut replay = Self {
            turn,
            bounds,
            started,
            clock: Clock::default(),
            position: 0,
            held: VecDeque::new(),
            released: VecDeque::new(),
            suspended: false,
            next_id: 0,
            pending: BTreeMap::new(),
            waits: HashMap::new(),
            tasks: Vec::new(),
            wanted: HashMap::new(),
            arrived: Vec::new(),
            uuids: 0,
            custom_status: None,
            again: None,
            terminated: None,
            over: false,
        };
        loop {
            let event = replay.event(replay.position);
            let begins = matches!(event.map(|event| &event.kind), Some(EventKind::Started(_)));
            match replay.step() {
                Err(Stop::Broken(failure)) => return Err(failure),
                _ if begins => return Ok(replay),
                Ok(_) | Err(Stop::Suspended) => {}
            }
        }
    }

    /// The workflow's name and what it gets.
    pub(crate) fn call(&self) -> (&str, Option<&str>) {
        (&self.started.name, self.started.input.as_deref())
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn instance_id(&self) -> &str {
        &self.turn.instance_id
    }

    /// The same in every run of the same beginning, whatever has happened since.
    pub(crate) fn seed(&self) -> [u8; 32] {
        self.derive("seed", 0)
    }

    fn derive(&self, what: &str, number: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("pillion workflow 1");
        for part in [&self.turn.instance_id, self.started.execution_id.as_deref().unwrap_or_default(), what] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        *hasher.update(&number.to_le_bytes()).finalize().as_bytes()
    }

    /// Version 8 of RFC 9562: made by a rule of one's own.
    fn uuid(&self, what: &str, number: u64) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.derive(what, number)[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    pub(crate) fn new_uuid(&mut self) -> String {
        self.uuids += 1;
        self.uuid("uuid", self.uuids)
    }

    pub(crate) fn set_custom_status(&mut self, status: String) -> Result<(), Stop> {
        self.check_payload("the custom status", &status)?;
        self.custom_status = Some(status);
        Ok(())
    }

    pub(crate) fn continue_as_new(&mut self, input: Option<String>, keep_events: bool) -> Result<(), Stop> {
        self.check_input("the workflow itself", input.as_deref())?;
        self.again = Some((input, keep_events));
        Ok(())
    }

    /// Asks for an activity or a child.
    pub(crate) fn start(&mut self, call: Call, policy: Option<RetryPolicy>) -> Result<u32, Stop> {
        let (Call::Activity { input, .. } | Call::Child { input, .. }) = &call;
        self.check_payload("a name", call.name())?;
        self.check_input(call.name(), input.as_deref())?;
        let task = self.new_task()?;
        if let Some(policy) = policy {
            self.tasks[task].tries = Some(Tries { policy, call: call.clone(), count: 1, first: self.clock.now() });
        }
        self.ask_for(task, call)?;
        number(task)
    }

    /// A timer that is due after a time.
    pub(crate) fn timer(&mut self, delay: Duration) -> Result<u32, Stop> {
        let task = self.new_task()?;
        let id = self.ask(self.due(delay, None))?;
        self.waits.insert(id, Waits::Outcome(task));
        number(task)
    }

    /// An event of a name, whether it came or comes.
    pub(crate) fn event_of(&mut self, name: &str, timeout: Option<Duration>) -> Result<u32, Stop> {
        self.check_payload("a name", name)?;
        let task = self.new_task()?;
        let wanted = name.to_uppercase();
        let is_it =
            |event: &Event| matches!(&event.kind, EventKind::Raised { name, .. } if name.to_uppercase() == wanted);
        if let Some(place) = self.arrived.iter().position(is_it) {
            if let EventKind::Raised { data, .. } = self.arrived.remove(place).kind {
                self.tasks[task].outcome = Some(Ok(data));
            }
        } else if timeout == Some(Duration::ZERO) {
            self.tasks[task].outcome = Some(Err(cancelled(name)));
        } else {
            self.wanted.entry(wanted).or_default().push_back(task);
            if let Some(timeout) = timeout {
                let id = self.ask(self.due(timeout, Some(name.to_owned())))?;
                self.waits.insert(id, Waits::Timeout(task));
            }
        }
        number(task)
    }

    /// Waits for a task.
    pub(crate) fn wait(&mut self, task: u32) -> Result<Outcome, Stop> {
        let task = self.known(task)?;
        loop {
            if let Some(outcome) = &self.tasks[task].outcome {
                return Ok(outcome.clone());
            }
            self.step()?;
        }
    }

    /// Waits for the first of several tasks.
    pub(crate) fn wait_any(&mut self, tasks: &[u32]) -> Result<u32, Stop> {
        let known = tasks.iter().map(|task| self.known(*task)).collect::<Result<Vec<_>, _>>()?;
        if known.is_empty() {
            return Err(wrong("waits for the first of no tasks, which never comes"));
        }
        loop {
            if let Some(place) = known.iter().position(|task| self.tasks[*task].outcome.is_some()) {
                return number(place);
            }
            self.step()?;
        }
    }

    /// Waits until all tasks are done.
    pub(crate) fn wait_all(&mut self, tasks: &[u32]) -> Result<(), Stop> {
        let mut known = tasks.iter().map(|task| self.known(*task)).collect::<Result<Vec<_>, _>>()?;
        loop {
            while known.pop_if(|task| self.tasks[*task].outcome.is_some()).is_some() {}
            if known.is_empty() {
                return Ok(());
            }
            self.step()?;
        }
    }

    pub(crate) fn is_done(&self, task: u32) -> Result<bool, Stop> {
        Ok(self.tasks[self.known(task)?].outcome.is_some())
    }

    fn known(&self, task: u32) -> Result<usize, Stop> {
        let index = usize::try_from(task).ok().filter(|index| *index < self.tasks.len());
        index.ok_or_else(|| wrong(&format!("waits for the task {task}, which it does not have")))
    }

    fn new_task(&mut self) -> Result<usize, Stop> {
        if self.tasks.len() >= self.bounds.history.saturating_add(self.bounds.actions) {
            return Err(over("tasks", self.tasks.len(), key::HISTORY));
        }
        self.tasks.push(Task::default());
        Ok(self.tasks.len() - 1)
    }

    pub(super) fn ask(&mut self, action: ActionKind) -> Result<i32, Stop> {
        if self.pending.len() >= self.bounds.actions {
            return Err(over("activities, children and timers in a turn", self.bounds.actions, key::ACTIONS));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, action);
        Ok(id)
    }

    pub(super) fn ask_for(&mut self, task: usize, call: Call) -> Result<(), Stop> {
        let action = call.action(self.uuid("task", task as u64));
        let id = self.ask(action)?;
        self.waits.insert(id, Waits::Outcome(task));
        Ok(())
    }

    pub(super) fn due(&self, delay: Duration, name: Option<String>) -> ActionKind {
        let since = self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        ActionKind::Timer { due: SystemTime::UNIX_EPOCH + since.saturating_add(delay).min(LAST), name }
    }

    fn check_input(&self, whose: &str, input: Option<&str>) -> Result<(), Stop> {
        input.map_or(Ok(()), |input| self.check_payload(&format!("the input of `{whose}`"), input))
    }

    fn check_payload(&self, what: &str, text: &str) -> Result<(), Stop> {
        if text.len() <= self.bounds.payload {
            return Ok(());
        }
        Err(Stop::Broken(too_large(what, text.len(), self.bounds)))
    }

    /// What the run comes to.
    pub(crate) fn decide(mut self, returned: Returned) -> Decision {
        let returned = match returned {
            Returned::Completed(outcome) => self.complete(outcome),
            other => other,
        };
        let app_id = self.started.app_id.clone();
        let action = |id, kind| Action { id, app_id: app_id.clone(), kind };
        let actions = match (returned, self.terminated) {
            (_, Some(output)) => vec![action(self.next_id, ActionKind::Terminate { output })],
            (Returned::Broken(failure), None) => vec![action(self.next_id, ActionKind::Complete(Err(failure)))],
            _ if self.suspended => Vec::new(),
            _ => self.pending.into_iter().map(|(id, kind)| action(id, kind)).collect(),
        };
        Decision { actions, custom_status: self.custom_status }
    }

    /// The code has returned: the rest of the history must fit that, too.
    fn complete(&mut self, outcome: Outcome) -> Returned {
        let fits = match &outcome {
            Ok(Some(output)) => self.check_payload("the output of the workflow", output),
            _ => Ok(()),
        };
        if let Err(Stop::Broken(failure)) = fits {
            return Returned::Broken(failure);
        }
        self.over = true;
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, ActionKind::Complete(outcome));
        loop {
            match self.step() {
                Ok(()) => {}
                Err(Stop::Broken(failure)) => return Returned::Broken(failure),
                Err(Stop::Suspended) => break,
            }
        }
        let completed_well = matches!(self.pending.get(&id), Some(ActionKind::Complete(Ok(_))));
        if let Some((input, keep)) = self.again.take().filter(|_| completed_well) {
            let events = if keep { std::mem::take(&mut self.arrived) } else { Vec::new() };
            self.pending.insert(id, ActionKind::ContinueAsNew { input, events });
        }
        Returned::Suspended
    }
}

fn number(index: usize) -> Result<u32, Stop> {
    u32::try_from(index).map_err(|_| wrong("has more tasks than can be numbered"))
}

pub(super) fn cancelled(event: &str) -> Failure {
    Failure::new("TaskCanceled", format!("the event `{event}` did not come in time"))
}

fn wrong(what: &str) -> Stop {
    Stop::Broken(Failure::new(Code::GuestError.name(), format!("the workflow {what}")))
}

fn over(what: &str, most: usize, key: &str) -> Stop {
    let message = format!("the workflow asks for more than {most} {what} (hint: raise `{key}` if that many are meant)");
    Stop::Broken(Failure::new(Code::GuestLimit.name(), message))
}

/// The failure of a text that is larger than it may be.
pub(crate) fn too_large(what: &str, bytes: usize, bounds: WorkflowBounds) -> Failure {
    let message = format!(
        "{what} has {bytes} bytes, over the limit of {} (hint: keep it as state and hand its key on, or raise `{}`)",
        bounds.payload,
        key::PAYLOAD
    );
    Failure::new(Code::GuestLimit.name(), message)
}
