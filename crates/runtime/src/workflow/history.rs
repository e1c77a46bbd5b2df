//! The events of a history, and what each means for a run.

use super::replay::{Replay, Stop, cancelled};
use super::task::Waits;
use pillion_api::workflow::turn::{ActionKind, Event, EventKind};
use pillion_api::workflow::{Failure, Outcome};
use std::sync::Arc;

impl Replay {
    pub(super) fn event(&self, place: usize) -> Option<&Event> {
        let past = &self.turn.past;
        past.get(place).or_else(|| self.turn.new.get(place - past.len()))
    }

    /// Looks at the next event.
    pub(super) fn step(&mut self) -> Result<(), Stop> {
        if self.terminated.is_some() {
            return Err(Stop::Suspended);
        }
        if let Some(place) = self.released.pop_front() {
            return self.take(place);
        }
        let place = self.position;
        let Some(event) = self.event(place) else {
            self.clock.set_replaying(false);
            return Err(Stop::Suspended);
        };
        // Time goes on, and whoever holds an instance can let it go or end it.
        let waits = !matches!(event.kind, EventKind::TurnStarted | EventKind::Resumed | EventKind::Terminated { .. });
        self.position += 1;
        self.clock.set_replaying(place < self.turn.past.len());
        if self.suspended && waits {
            self.held.push_back(place);
            return Ok(());
        }
        self.take(place)
    }

    fn take(&mut self, place: usize) -> Result<(), Stop> {
        let turn = Arc::clone(&self.turn);
        let past = turn.past.len();
        let event = if place < past { &turn.past[place] } else { &turn.new[place - past] };
        match &event.kind {
            EventKind::TurnStarted => self.clock.set(event.at),
            EventKind::Suspended => self.suspended = true,
            EventKind::Resumed => {
                self.suspended = false;
                self.released.append(&mut self.held);
            }
            EventKind::Terminated { output } => self.terminated = Some(output.clone()),
            EventKind::Raised { name, data } => self.raised(event, name, data),
            EventKind::Done { action, outcome } => return self.done(*action, outcome),
            EventKind::ActivityScheduled { .. } | EventKind::ChildScheduled { .. } | EventKind::TimerCreated => {
                return self.retire(event);
            }
            EventKind::Started(_) | EventKind::Noted => {}
        }
        Ok(())
    }

    fn raised(&mut self, event: &Event, name: &str, data: &Option<String>) {
        let wanted = name.to_uppercase();
        let Some(queue) = self.wanted.get_mut(&wanted) else { return self.arrived.push(event.clone()) };
        let first = queue.pop_front();
        if queue.is_empty() {
            self.wanted.remove(&wanted);
        }
        if let Some(task) = first {
            self.tasks[task].outcome = Some(Ok(data.clone()));
        }
    }

    fn done(&mut self, action: i32, outcome: &Outcome) -> Result<(), Stop> {
        // One that nobody waits for was there before, as Dapr may deliver twice.
        match self.waits.remove(&action) {
            Some(Waits::Outcome(task)) => self.came(task, outcome),
            Some(Waits::NextTry(task)) => match &self.tasks[task].tries {
                Some(tries) => self.ask_for(task, tries.call.clone()),
                None => Ok(()),
            },
            Some(Waits::Timeout(task)) => {
                self.time_out(task);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn came(&mut self, task: usize, outcome: &Outcome) -> Result<(), Stop> {
        let now = self.clock.now();
        let again = match (outcome, &mut self.tasks[task].tries) {
            (Err(failure), Some(tries)) if !self.over => {
                let pause = tries.policy.next(tries.count, tries.first, now, failure);
                tries.count += 1;
                pause.map(|pause| (pause, format!("{}-retry", tries.call.name())))
            }
            _ => None,
        };
        let Some((pause, name)) = again else {
            self.tasks[task].outcome = Some(outcome.clone());
            return Ok(());
        };
        let id = self.ask(self.due(pause, Some(name)))?;
        self.waits.insert(id, Waits::NextTry(task));
        Ok(())
    }

    fn time_out(&mut self, task: usize) {
        let waiting = self.wanted.iter_mut().find_map(|(name, queue)| {
            let place = queue.iter().position(|waiting| *waiting == task)?;
            queue.remove(place);
            Some((name.clone(), queue.is_empty()))
        });
        let Some((name, is_empty)) = waiting else { return };
        if is_empty {
            self.wanted.remove(&name);
        }
        self.tasks[task].outcome = Some(Err(cancelled(&name)));
    }

    /// An action of the history must be what the code asks for now.
    fn retire(&mut self, event: &Event) -> Result<(), Stop> {
        let (before, now) = (recorded(&event.kind), self.pending.get(&event.id).map(shown));
        if now.as_ref() == Some(&before) {
            self.pending.remove(&event.id);
            return Ok(());
        }
        let name = &self.started.name;
        let now = now.unwrap_or_else(|| "nothing".to_owned());
        Err(Stop::Broken(Failure::new(
            "NonDeterminismError",
            format!(
                "the workflow `{name}` no longer fits the history of `{}`: at action {} it asked for {before}, and now for {now} (hint: give the changed code another name, and keep the old one until its instances have ended)",
                self.turn.instance_id, event.id
            ),
        )))
    }
}

/// What an event of the history records, in the words of [`shown`].
fn recorded(kind: &EventKind) -> String {
    match kind {
        EventKind::ActivityScheduled { name } => format!("the activity `{name}`"),
        EventKind::ChildScheduled { name } => format!("the workflow `{name}`"),
        _ => "a timer".to_owned(),
    }
}

fn shown(action: &ActionKind) -> String {
    match action {
        ActionKind::Activity { name, .. } => format!("the activity `{name}`"),
        ActionKind::Child { name, .. } => format!("the workflow `{name}`"),
        ActionKind::Timer { .. } => "a timer".to_owned(),
        ActionKind::Complete(_) | ActionKind::Terminate { .. } | ActionKind::ContinueAsNew { .. } => {
            "its end".to_owned()
        }
    }
}
