//! What Dapr components run here: middleware of http-wasm and WASI commands. They belong to no app, and have the limits that
//! a guest has by default.

use crate::call::Hosted;
use crate::inspect::invalid;
use crate::{GuestKind, GuestSpec, GuestStats, LoadOptions, Runtime, kind};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use pillion_api::middleware::{Middleware, Next};
use pillion_api::programs::{Command, Program, Programs};
use pillion_api::{Body, Code, Error, Result};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError, Weak};

#[async_trait]
impl Programs for Runtime {
    async fn middleware(&self, program: Program, config: Bytes) -> Result<Arc<dyn Middleware>> {
        let hosted = self
            .host(program, GuestKind::Middleware, "middleware of http-wasm, which exports `handle_request`")
            .await?;
        Ok(Arc::new(Handler { hosted, config }))
    }

    async fn command(&self, program: Program) -> Result<Arc<dyn Command>> {
        let hosted = self.host(program, GuestKind::Command, "a WASI command, which exports `_start`").await?;
        Ok(Arc::new(Executable(hosted)))
    }
}

impl Runtime {
    /// Loads a program, which blocks, off the threads that answer.
    async fn host(&self, program: Program, wanted: GuestKind, what: &'static str) -> Result<Arc<Hosted>> {
        let runtime = self.clone();
        let load = tokio::task::spawn_blocking(move || {
            let Program { name, bytes, source, strict } = program;
            let guest = runtime.load_with(&name, bytes, None, &LoadOptions { source, ..LoadOptions::default() })?;
            if guest.kind() != wanted {
                return Err(invalid(format!("is of the kind {}, and must be {what}", guest.kind())));
            }
            let spec = GuestSpec { strict, ..GuestSpec::new(name, guest) };
            let hosted = Arc::new(Hosted::new(&runtime.0, &"".into(), spec, None));
            runtime.0.programs.add(&hosted);
            Ok(hosted)
        });
        load.await.map_err(|_| Error::new(Code::Internal, "the program could not be loaded by the host"))?
    }
}

/// The programs that were loaded and are not gone.
#[derive(Default)]
pub(crate) struct Loaded(Mutex<Vec<Weak<Hosted>>>);

impl Loaded {
    fn add(&self, hosted: &Arc<Hosted>) {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|program| program.strong_count() > 0);
        loaded.push(Arc::downgrade(hosted));
    }

    fn stats(&self) -> Vec<GuestStats> {
        let loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_name = BTreeMap::<String, GuestStats>::new();
        for hosted in loaded.iter().filter_map(Weak::upgrade) {
            let stats = hosted.counters.snapshot(&hosted.app, &hosted.name);
            match by_name.entry(stats.guest.clone()) {
                Entry::Vacant(first) => drop(first.insert(stats)),
                Entry::Occupied(mut sum) => sum.get_mut().add(stats),
            }
        }
        by_name.into_values().collect()
    }
}

impl Runtime {
    /// Counters of what Dapr components run here, by its name in the log; it is of no app.
    pub fn program_stats(&self) -> Vec<GuestStats> {
        self.0.programs.stats()
    }
}

/// Middleware.
struct Handler {
    hosted: Arc<Hosted>,
    config: Bytes,
}

#[async_trait]
impl Middleware for Handler {
    async fn handle(&self, request: Request<Body>, next: Next) -> Result<Response<Body>> {
        kind::middleware::handle(&self.hosted, self.config.clone(), request, next).await
    }
}

/// A command.
struct Executable(Arc<Hosted>);

#[async_trait]
impl Command for Executable {
    async fn run(&self, args: Vec<String>, input: Bytes) -> Result<Bytes> {
        kind::command::execute(&self.0, args, input).await
    }
}
