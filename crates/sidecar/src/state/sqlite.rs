//! `state.sqlite`: values in a file, in daprd's own table layout, so that either can open the other's file.
//!
//! SQLite blocks, so each file has a thread that writes, and in WAL mode one that reads. Writes that wait together are
//! committed together: each is still all or nothing, and is on the disk before it is acknowledged.

mod connect;
mod rows;
mod worker;

use super::{StateStore, StoreError};
use crate::{
    clock::Clock,
    components::{Init, Opened, Opening},
};
use async_trait::async_trait;
use connect::Settings;
use pillion_api::state::{Item, Operation};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};
use worker::{Job, Worker};

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    Box::pin(async move {
        let settings = Settings::read(&init)?;
        let store = Sqlite::open(settings, init.clock).await?;
        Ok(Opened::State(Arc::new(store)))
    })
}

struct Sqlite {
    clock: Arc<dyn Clock>,
    timeout: Duration,
    threads: Mutex<Option<Threads>>,
    cleaner: Option<JoinHandle<()>>,
}

/// The reader is the writer where one connection has to do.
struct Threads {
    writer: Worker,
    reader: Option<Worker>,
}

impl Sqlite {
    async fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let (timeout, interval) = (settings.timeout, settings.cleanup_interval);
        let opening = tokio::task::spawn_blocking(move || open_threads(&settings));
        let threads = opening.await.map_err(|error| error.to_string())??;
        let cleaner = (!interval.is_zero())
            .then(|| tokio::spawn(worker::clean(threads.writer.jobs.downgrade(), interval, Arc::clone(&clock))));
        Ok(Self { clock, timeout, threads: Mutex::new(Some(threads)), cleaner })
    }

    async fn ask<T>(
        &self,
        writes: bool,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let jobs = {
            let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            let threads = threads.as_ref().ok_or_else(closed)?;
            let reader = threads.reader.as_ref().filter(|_| !writes);
            reader.unwrap_or(&threads.writer).jobs.clone()
        };
        let (answer, answered) = oneshot::channel();
        let work = async {
            jobs.send(job(answer)).await.map_err(|_| closed())?;
            answered.await.map_err(|_| closed())?
        };
        let late = |_| StoreError::Failed("context deadline exceeded".to_owned());
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }
}

fn closed() -> StoreError {
    StoreError::Failed("the state store is closed".to_owned())
}

fn open_threads(settings: &Settings) -> Result<Threads, String> {
    let mut connection = settings.connect()?;
    rows::migrate(&mut connection, settings).map_err(|error| format!("failed to perform migrations: {error}"))?;
    let writer = Worker::start(connection, settings)?;
    let reader = match settings.one_connection() {
        true => None,
        false => Some(Worker::start(settings.connect()?, settings)?),
    };
    Ok(Threads { writer, reader })
}

#[async_trait]
impl StateStore for Sqlite {
    fn capabilities(&self) -> &'static [&'static str] {
        &["ETAG", "TRANSACTIONAL", "TTL"]
    }

    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError> {
        let now = self.clock.now();
        self.ask(false, |answer| Job::Read { keys, now, answer }).await
    }

    async fn transact(&self, operations: Vec<Operation>) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.ask(true, |answer| Job::Write { operations, now, answer }).await
    }

    async fn close(&self) {
        if let Some(cleaner) = &self.cleaner {
            cleaner.abort();
        }
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread ends when the last sender is gone and the jobs before are done.
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(Threads { writer, reader }) = threads {
                reader.into_iter().for_each(Worker::join);
                writer.join();
            }
        })
        .await;
    }
}
