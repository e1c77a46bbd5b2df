//! What handlers of WASI 0.3 run on: an engine whose stores can run several calls at the same time. It is made when the
//! first such guest is loaded: all others start and run without it.

use crate::cache::Target;
use crate::code::Code;
use crate::engine::{self, Idle};
use crate::instance::Host;
use crate::limiter::{Budget, Share};
use crate::runtime::Shared;
use crate::ticker::Ticker;
use crate::{Inspection, Options, link};
use pillion_api::{Code as Kind, Error};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::Engine;
use wasmtime::component::Linker;

/// The engine of 0.3 with what belongs to it.
pub(crate) struct Services {
    pub(crate) target: Target,
    pub(crate) linker: Linker<Host>,
    ticker: Ticker,
    /// What its idle memories keep mapped.
    _kept: Share,
}

impl Services {
    fn make(options: &Options, idle: Idle, budget: &Arc<Budget>) -> wasmtime::Result<Self> {
        let kept = Share::new(budget);
        let keeps = kept.grow(idle.bytes());
        let engine = engine::of_services(options, idle, keeps)?;
        Ok(Self {
            linker: link::service(&engine)?,
            ticker: Ticker::start(&engine)?,
            target: Target::new(engine),
            _kept: kept,
        })
    }
}

/// None until somebody asks.
#[derive(Default)]
pub(crate) struct Later {
    made: OnceLock<Services>,
    making: Mutex<()>,
}

impl Shared {
    /// # Errors
    /// [`Kind::Internal`]: this machine has no room for another engine.
    pub(crate) fn services(&self) -> Result<&Services, Error> {
        // Guests are loaded at the same time, and an engine reserves much address space: only one is made.
        let _making = self.later.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(services) = self.later.made.get() {
            return Ok(services);
        }
        let failed =
            |error| Error::new(Kind::Internal, format!("the engine for guests of WASI 0.3 can't start: {error:#}"));
        let services = Services::make(&self.options, self.idle, &self.budget).map_err(failed)?;
        Ok(self.later.made.get_or_init(|| services))
    }

    /// What a guest is compiled for.
    ///
    /// # Errors
    /// As [`services`](Self::services).
    pub(crate) fn target_of(&self, inspection: &Inspection) -> Result<&Target, Error> {
        if inspection.is_service() { self.services().map(|services| &services.target) } else { Ok(&self.target) }
    }

    /// The engine that linked code belongs to, and its clock.
    pub(crate) fn machine(&self, code: &Code) -> (&Engine, &Ticker) {
        match self.later.made.get() {
            Some(services) if code.is_service => (&services.target.engine, &services.ticker),
            _ => (&self.target.engine, &self.ticker),
        }
    }
}
