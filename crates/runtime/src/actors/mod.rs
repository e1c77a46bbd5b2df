//! Actors of an app: an instance of the guest for each active id, whose memory lives from call to call, one turn at a time.
//!
//! Dapr decides where an id lives and orders its turns. Both hold here on their own account, too: after a trap, or while an actor
//! moves, two of Dapr's calls may be on their way.

mod chain;
mod places;
mod turn;

pub(crate) use chain::{Chain, HEADER as CHAIN, REENTRANCY_ID};

use crate::call::{self, Hosted};
use crate::kind::dapr;
use crate::{ActorType, GuestSpec};
use bytes::Bytes;
use futures_util::StreamExt;
use pillion_api::actors::{Actor, Event, Turn};
use pillion_api::{Code, Error};
use places::{Entered, Places, Stay};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Idle actors that are asked to leave for one that comes; all of them may be called again meanwhile.
const MAX_LEAVING: usize = 4;
/// Actors that leave at the same time at the end of the process.
const LEAVING_AT_ONCE: usize = 16;
/// How often at most, and at least, it is looked for actors that nobody calls.
const SWEEP: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(60));
/// When a caller may come again that found every place taken.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The limit that an app reaches with too many actors, as the manifest calls it.
const ACTIVE: &str = "maxActiveActors";

/// What an app has of active actors.
pub(crate) struct Actors {
    app: Box<str>,
    types: BTreeMap<String, ActorType>,
    places: Arc<Places>,
    closed: AtomicBool,
    swept: AtomicBool,
}

impl Actors {
    /// # Errors
    /// [`Code::GuestInvalid`] for a type that no guest can have.
    pub(crate) fn new(app: &str, types: Vec<ActorType>, most: usize, guests: &[GuestSpec]) -> Result<Arc<Self>, Error> {
        types.iter().try_for_each(|hosted| check(app, hosted, guests))?;
        Ok(Arc::new(Self {
            app: app.into(),
            types: types.into_iter().map(|hosted| (hosted.kind.clone(), hosted)).collect(),
            places: Places::new(most),
            closed: AtomicBool::new(false),
            swept: AtomicBool::new(false),
        }))
    }

    /// The guest of a type.
    ///
    /// # Errors
    /// [`Code::RouteNotFound`] where the app has no such type.
    pub(crate) fn guest(&self, kind: &str) -> Result<&str, Error> {
        let shown = crate::output::printable(kind.as_bytes());
        let none =
            || Error::new(Code::RouteNotFound, format!("app `{}` hosts no actors of the type `{shown}`", self.app));
        self.types.get(kind).map(|hosted| hosted.guest.as_str()).ok_or_else(none)
    }

    /// Checks another guest that is to take the place of one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn check_replaced(&self, guest: &GuestSpec) -> Result<(), Error> {
        let mut types = self.types.values().filter(|hosted| hosted.guest == guest.name);
        types.try_for_each(|hosted| check(&self.app, hosted, std::slice::from_ref(guest)))
    }

    /// Active actors by type.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        self.types.keys().map(|kind| (kind.clone(), self.places.count(kind))).collect()
    }

    /// Gives an actor its turn.
    pub(crate) async fn turn(self: &Arc<Self>, hosted: &Arc<Hosted>, event: Event) -> Result<Bytes, Error> {
        let trigger = turn::trigger(&event.turn);
        if event.turn == Turn::Deactivate {
            self.deactivate(&event.actor).await;
            return Ok(Bytes::new());
        }
        let _started = hosted.counters.start();
        call::judged(hosted, trigger, self.take_turn(hosted, trigger, event).await)
    }

    async fn take_turn(
        self: &Arc<Self>,
        hosted: &Arc<Hosted>,
        trigger: &'static str,
        event: Event,
    ) -> Result<Bytes, Error> {
        let stay = self.enter(&event.actor).await?;
        // After the place is taken: whoever drains sees either the place or that nobody comes any more.
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(Code::ShuttingDown, "the process is ending and gives actors no more turns")
                .retry_after(RETRY_AFTER));
        }
        self.sweep_later(hosted);
        match turn::take(hosted, &stay, trigger, event.clone()).await {
            Err(error) if found_no_room(&error) && !stay.place.is_active() => match self.places.idle() {
                Some(idle) => {
                    turn::end(idle).await;
                    turn::take(hosted, &stay, trigger, event).await
                }
                None => Err(error),
            },
            answer => answer,
        }
    }

    /// A place for an actor; who was called least recently leaves where all are taken.
    async fn enter(&self, actor: &Actor) -> Result<Stay, Error> {
        for _ in 0..MAX_LEAVING {
            match self.places.enter(actor) {
                Entered::In(stay) => return Ok(stay),
                Entered::After(idle) => turn::end(idle).await,
                Entered::Full => break,
            }
        }
        let most = self.places.most();
        Err(Error::new(
            Code::Overloaded,
            format!("app `{}` has {most} active actors, and all of them are called", self.app),
        )
        .hint(format!("raise `{ACTIVE}` of the app, or start it another time: Dapr spreads actors over its instances"))
        .limit(ACTIVE, most as u64)
        .retry_after(RETRY_AFTER))
    }

    /// Ends an actor, after the turns that were asked for before. One that is not active is none.
    pub(crate) async fn deactivate(&self, actor: &Actor) {
        if let Some(stay) = self.places.find(actor) {
            turn::end(stay).await;
        }
    }

    /// Gives no more turns, and ends all actors.
    pub(crate) async fn drain(&self) {
        self.closed.store(true, Ordering::Release);
        let leaving = futures_util::stream::iter(self.places.all()).map(turn::end);
        leaving.buffer_unordered(LEAVING_AT_ONCE).collect::<()>().await;
    }

    /// Lets go of all actors at once, without a word to their guests. A turn that runs comes to its end, and its instance is
    /// not kept.
    pub(crate) fn release(&self) {
        self.places.begin_anew();
        for stay in self.places.all() {
            if let Ok(mut held) = Arc::clone(&stay.place.turn).try_lock_owned() {
                held.take();
                stay.place.set_active(false);
            }
        }
    }

    /// Dapr deactivates who is idle. Who lives on here after Dapr has forgotten it is found by this.
    fn sweep_later(self: &Arc<Self>, hosted: &Hosted) {
        if !self.swept.swap(true, Ordering::Relaxed) {
            let shortest = self.types.values().map(|hosted| hosted.idle).min().unwrap_or(SWEEP.1);
            let pause = (shortest / 2).clamp(SWEEP.0, SWEEP.1);
            hosted.shared.threads.handle().spawn(sweep(Arc::downgrade(self), pause));
        }
    }
}

/// Whether an instance could not be made because all memory, or every place for one, is taken: an idle actor may have it.
/// What a limit of the guest refused is no such thing.
fn found_no_room(error: &Error) -> bool {
    error.code() == Code::Overloaded && error.reached().is_none()
}

/// Ends with the app, or when nobody is left.
async fn sweep(actors: Weak<Actors>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(actors) = actors.upgrade() else { return };
        for stay in actors.places.overdue(&actors.types) {
            turn::end(stay).await;
        }
        // An actor that comes while this ends must find that nobody sweeps.
        actors.swept.store(false, Ordering::Relaxed);
        if actors.places.is_empty() || actors.swept.swap(true, Ordering::Relaxed) {
            return;
        }
    }
}

/// A type of a guest that can't be one would fail at every call, so it fails here.
fn check(app: &str, hosted: &ActorType, guests: &[GuestSpec]) -> Result<(), Error> {
    let ActorType { kind, guest: name, .. } = hosted;
    let Some(guest) = guests.iter().find(|guest| guest.name == *name) else {
        return Err(Error::new(
            Code::GuestInvalid,
            format!("app `{app}` has no guest `{name}` for actors of the type `{kind}`"),
        ));
    };
    match dapr::has(guest.guest.inspection(), dapr::ACTOR_HANDLER) {
        true => Ok(()),
        false => Err(dapr::missing(name, dapr::ACTOR_HANDLER)),
    }
}
