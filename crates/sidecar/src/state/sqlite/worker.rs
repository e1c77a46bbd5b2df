//! A thread with one connection, which does jobs in their order and commits writes that wait together at once.

use super::{connect::Settings, rows};
use crate::{clock::Clock, state::StoreError};
use pillion_api::state::{Item, Operation};
use rusqlite::Connection;
use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};
use tokio::sync::{
    mpsc::{self, Receiver, Sender, WeakSender},
    oneshot,
};

/// How many jobs may wait; more callers wait for room, within their timeout.
const QUEUE: usize = 1024;
/// Bytes of the values of one read of several keys.
const MAX_READ: usize = 64 << 20;
/// How many writes share a commit.
const BATCH: usize = 64;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a thread is asked.
pub(super) enum Job {
    Read { keys: Vec<String>, now: SystemTime, answer: Answer<Vec<Option<Item>>> },
    Write { operations: Vec<Operation>, now: SystemTime, answer: Answer<()> },
    Clean { now: SystemTime },
}

/// A thread that works until the last sender of jobs is gone.
pub(super) struct Worker {
    pub(super) jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(connection: Connection, settings: &Settings) -> Result<Self, String> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let state = State { connection, settings: settings.clone(), queue };
        let thread = std::thread::Builder::new().name("state.sqlite".to_owned()).spawn(move || state.work());
        Ok(Self { jobs, thread: thread.map_err(|error| error.to_string())? })
    }

    /// Waits for the jobs before, then ends the thread.
    pub(super) fn join(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the thread of a state.sqlite component panicked");
        }
    }
}

/// Asks for a cleanup at each interval while the store is open.
pub(super) async fn clean(jobs: WeakSender<Job>, interval: Duration, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        let Some(jobs) = jobs.upgrade() else { return };
        if jobs.send(Job::Clean { now: clock.now() }).await.is_err() {
            return;
        }
    }
}

struct State {
    connection: Connection,
    settings: Settings,
    queue: Receiver<Job>,
}

type Write = (Vec<Operation>, SystemTime, Answer<()>);

impl State {
    fn work(mut self) {
        while let Some(job) = self.queue.blocking_recv() {
            let mut next = Some(job);
            while let Some(job) = next.take() {
                next = self.run(job);
            }
        }
    }

    /// Does a job; of a write and those that wait behind it, all. Answers a job of another kind that it met.
    fn run(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Read { keys, now, answer } => {
                let values = self.read(&keys, now, &answer);
                // Who asked may have given up; so be it.
                let _ = answer.send(values);
                None
            }
            Job::Clean { now } => {
                if let Err(error) = rows::clean(&self.connection, &self.settings, now) {
                    tracing::warn!(%error, "expired rows of a state.sqlite component could not be deleted");
                }
                None
            }
            Job::Write { operations, now, answer } => {
                let mut batch = vec![(operations, now, answer)];
                let met = self.gather(&mut batch);
                self.write(batch);
                met
            }
        }
    }

    /// The values of several keys are bounded together: a key may be asked for again and again.
    fn read(
        &self,
        keys: &[String],
        now: SystemTime,
        answer: &Answer<Vec<Option<Item>>>,
    ) -> Result<Vec<Option<Item>>, StoreError> {
        let mut left = MAX_READ;
        let read = |key: &String| {
            if answer.is_closed() {
                return Err(StoreError::Failed("nobody waits for the values any more".to_owned()));
            }
            let item = rows::get(&self.connection, &self.settings.table, key, now)?;
            let bytes = item.as_ref().map_or(0, |item| item.value.len());
            left = match left.checked_sub(bytes) {
                Some(left) => left,
                // A single value may be as large as it was taken.
                None if keys.len() == 1 => 0,
                None => {
                    let why = format!("one read of several keys has more than {MAX_READ} bytes");
                    return Err(StoreError::Failed(why));
                }
            };
            Ok(item)
        };
        keys.iter().map(read).collect()
    }

    fn gather(&mut self, batch: &mut Vec<Write>) -> Option<Job> {
        while batch.len() < BATCH {
            match self.queue.try_recv() {
                Ok(Job::Write { operations, now, answer }) => batch.push((operations, now, answer)),
                Ok(other) => return Some(other),
                Err(_) => return None,
            }
        }
        None
    }

    /// Commits before anybody is answered. A commit that fails is everybody's failure.
    fn write(&mut self, batch: Vec<Write>) {
        let mut outcomes = Vec::with_capacity(batch.len());
        let committed = self.commit(&batch, &mut outcomes);
        for (at, (_, _, answer)) in batch.into_iter().enumerate() {
            let outcome = match &committed {
                Ok(()) => outcomes.get(at).cloned().unwrap_or(Ok(())),
                Err(error) => Err(error.clone()),
            };
            let _ = answer.send(outcome);
        }
    }

    fn commit(&mut self, batch: &[Write], outcomes: &mut Vec<Result<(), StoreError>>) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(rows::failed)?;
        let done = self.savepoints(batch, outcomes).and_then(|()| self.statement("COMMIT"));
        if done.is_err() && !self.connection.is_autocommit() {
            let _ = self.statement("ROLLBACK");
        }
        done
    }

    fn savepoints(&self, batch: &[Write], outcomes: &mut Vec<Result<(), StoreError>>) -> Result<(), StoreError> {
        for (operations, now, _) in batch {
            self.statement("SAVEPOINT write")?;
            let outcome = operations
                .iter()
                .try_for_each(|operation| rows::apply(&self.connection, &self.settings.table, operation, *now));
            if self.connection.is_autocommit() {
                // SQLite rolled everything back by itself: the disk is full, or failed.
                return Err(outcome.err().unwrap_or(StoreError::Failed("the transaction was rolled back".to_owned())));
            }
            if outcome.is_err() {
                self.statement("ROLLBACK TO write")?;
            }
            self.statement("RELEASE write")?;
            outcomes.push(outcome);
        }
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(rows::failed)
    }
}
