//! The places of an app's active actors: one for each id, so many in all, and who is in which.

use crate::ActorType;
use crate::kind::dapr::Live;
use pillion_api::actors::Actor;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An actor between two turns.
pub(crate) struct Active {
    pub(crate) live: Box<Live>,
    /// When it was activated, as [`Stay::time`] says it.
    pub(crate) time: u64,
}

/// Where one actor lives.
#[derive(Default)]
pub(crate) struct Place {
    /// Held for a turn; fair, so that turns come in the order in which they were asked for. None while nobody is active.
    pub(crate) turn: Arc<tokio::sync::Mutex<Option<Active>>>,
    active: AtomicBool,
    /// What Dapr calls the chain of the turn that runs.
    chain: Mutex<Option<String>>,
}

impl Place {
    /// Whether an instance is in it between turns.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub(crate) fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Release);
    }

    fn chain(&self) -> MutexGuard<'_, Option<String>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the turn that runs belongs to a chain.
    pub(crate) fn is_in_chain(&self, id: &str) -> bool {
        self.chain().as_deref() == Some(id)
    }

    /// Says which chain the turn belongs to that runs from here on.
    pub(crate) fn set_chain(&self, id: Option<&str>) {
        *self.chain() = id.map(str::to_owned);
    }
}

struct Entry {
    place: Arc<Place>,
    /// Calls that are in it or wait for it.
    users: usize,
    /// Since when nobody is.
    since: Instant,
}

/// All places of an app.
pub(crate) struct Places {
    /// The most of them.
    most: usize,
    /// How often all of them were let go.
    time: AtomicU64,
    entries: Mutex<HashMap<Actor, Entry>>,
}

/// Somebody who is in a place, or waits for it.
pub(crate) struct Stay {
    places: Arc<Places>,
    pub(crate) actor: Actor,
    pub(crate) place: Arc<Place>,
}

impl Stay {
    /// The time between two releases in which it is: no actor lives longer.
    pub(crate) fn time(&self) -> u64 {
        self.places.time.load(Ordering::Acquire)
    }

    /// Somebody else in the same place.
    pub(crate) fn again(&self) -> Self {
        let mut entries = self.places.entries();
        if let Some(entry) = entries.get_mut(&self.actor) {
            entry.users += 1;
        }
        Self { places: Arc::clone(&self.places), actor: self.actor.clone(), place: Arc::clone(&self.place) }
    }
}

/// What comes of the wish for a place.
pub(crate) enum Entered {
    In(Stay),
    /// There is room as soon as this one is gone.
    After(Stay),
    /// Everybody is called just now.
    Full,
}

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), time: AtomicU64::new(0), entries: Mutex::default() })
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Whoever is active is no actor any more.
    pub(crate) fn begin_anew(&self) {
        self.time.fetch_add(1, Ordering::AcqRel);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Actor, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stay(self: &Arc<Self>, actor: &Actor, entry: &mut Entry) -> Stay {
        entry.users += 1;
        Stay { places: Arc::clone(self), actor: actor.clone(), place: Arc::clone(&entry.place) }
    }

    /// The place of an actor, a new one if it has none.
    pub(crate) fn enter(self: &Arc<Self>, actor: &Actor) -> Entered {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(actor) {
            return Entered::In(self.stay(actor, entry));
        }
        if entries.len() < self.most {
            let entry = entries.entry(actor.clone()).or_insert_with(|| Entry {
                place: Arc::default(),
                users: 0,
                since: Instant::now(),
            });
            return Entered::In(self.stay(actor, entry));
        }
        self.longest_idle(&mut entries).map_or(Entered::Full, Entered::After)
    }

    /// Who may go to make room.
    pub(crate) fn idle(self: &Arc<Self>) -> Option<Stay> {
        self.longest_idle(&mut self.entries())
    }

    fn longest_idle(self: &Arc<Self>, entries: &mut HashMap<Actor, Entry>) -> Option<Stay> {
        let idle = entries.iter_mut().filter(|(_, entry)| entry.users == 0);
        let (actor, entry) = idle.min_by_key(|(_, entry)| entry.since)?;
        Some(self.stay(&actor.clone(), entry))
    }

    /// The place of an actor that has one.
    pub(crate) fn find(self: &Arc<Self>, actor: &Actor) -> Option<Stay> {
        self.entries().get_mut(actor).map(|entry| self.stay(actor, entry))
    }

    /// Who was not called for as long as its type says.
    pub(crate) fn overdue(self: &Arc<Self>, types: &BTreeMap<String, ActorType>) -> Vec<Stay> {
        let mut entries = self.entries();
        let idle = |kind: &str| types.get(kind).map_or(Duration::ZERO, |of| of.idle);
        let over =
            entries.iter_mut().filter(|(actor, entry)| entry.users == 0 && entry.since.elapsed() >= idle(&actor.kind));
        over.map(|(actor, entry)| self.stay(actor, entry)).collect()
    }

    /// Everybody.
    pub(crate) fn all(self: &Arc<Self>) -> Vec<Stay> {
        self.entries().iter_mut().map(|(actor, entry)| self.stay(actor, entry)).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// How many of each type are active.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.entries().iter().filter(|(actor, entry)| actor.kind == kind && entry.place.is_active()).count()
    }
}

impl Drop for Stay {
    /// A place that nobody is in, and where nobody is active, is none.
    fn drop(&mut self) {
        let mut entries = self.places.entries();
        let Some(entry) = entries.get_mut(&self.actor) else { return };
        entry.users -= 1;
        entry.since = Instant::now();
        if entry.users == 0 && !entry.place.is_active() {
            entries.remove(&self.actor);
        }
    }
}
