//! One turn of one actor: whoever comes waits for it, the guest runs, and its instance stays for the next one if it may.

use super::chain::{self, Chain};
use super::places::{Active, Stay};
use crate::call::{self, Call, Hosted};
use crate::event;
use crate::kind::dapr::Live;
use crate::limits::key;
use bytes::Bytes;
use http::HeaderMap;
use pillion_api::actors::{Actor, Event, Turn};
use pillion_api::{Code, Error, Metadata, body};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// An actor between two turns, held by the one that has its turn.
type Held = OwnedMutexGuard<Option<Active>>;

/// What started a guest that is to end.
const DEACTIVATE: &str = "actor-deactivate";

/// What started the guest.
pub(super) fn trigger(turn: &Turn) -> &'static str {
    match turn {
        Turn::Invoke { .. } => "actor",
        Turn::Timer { .. } => "actor-timer",
        Turn::Reminder { .. } => "actor-reminder",
        Turn::Deactivate => DEACTIVATE,
    }
}

/// Waits for the actor's turn and takes it. A turn that has begun goes on to its end, or its deadline, even if whoever asked for
/// it goes away: an actor whose memory went with an impatient client would be none.
pub(super) async fn take(
    hosted: &Arc<Hosted>,
    stay: &Stay,
    trigger: &'static str,
    event: Event,
) -> Result<Bytes, Error> {
    check_size(hosted, &event.turn)?;
    let headers = event::of_actor(&event);
    let chain = Chain::of(&headers);
    chain.check(&event.actor)?;
    if chain.id().is_some_and(|id| stay.place.is_in_chain(id)) {
        return Err(chain::reentered(&event.actor));
    }
    let held = wait(hosted, stay).await?;
    let permits = hosted.admit().await?;
    stay.place.set_chain(chain.id());
    let call = Call::of_actor(hosted, &headers, &event.actor);
    let (of_guest, place) = (Arc::clone(&call), Arc::clone(&stay.place));
    // The stay of the caller may end before: the turn has its own.
    let own = stay.again();
    let work = async move {
        let mut held = held;
        let answer = run(&mut held, &own, &of_guest, &event).await;
        place.set_active(held.is_some());
        place.set_chain(None);
        drop((held, permits));
        drop(own);
        answer
    };
    call::to_its_end(&call, trigger, work).await
}

/// An argument comes whole, and is the guest's to bound.
fn check_size(hosted: &Hosted, turn: &Turn) -> Result<(), Error> {
    let limit = hosted.limits().request;
    match turn {
        Turn::Invoke { data, .. } | Turn::Timer { data, .. } | Turn::Reminder { data, .. }
            if data.len() as u64 > limit =>
        {
            Err(body::too_large(limit))
        }
        _ => Ok(()),
    }
}

async fn wait(hosted: &Hosted, stay: &Stay) -> Result<Held, Error> {
    let patience = hosted.limits().queue_wait;
    let waiting = Arc::clone(&stay.place.turn).lock_owned();
    tokio::time::timeout(patience, waiting).await.map_err(|_| {
        let Actor { kind, id } = &stay.actor;
        let shown = crate::output::printable(id.as_bytes());
        Error::new(Code::Overloaded, format!("actor `{kind}/{shown}` had other turns for {patience:?}"))
            .hint("its turns come one after the other: shorten them, or raise `limits.queueWait` of the guest")
            .limit(key::QUEUE_WAIT, u64::try_from(patience.as_millis()).unwrap_or(u64::MAX))
            .retry_after(patience.max(Duration::from_secs(1)))
    })
}

/// The turn, of an instance that is made if there is none.
async fn run(held: &mut Held, stay: &Stay, call: &Arc<Call>, event: &Event) -> Result<Bytes, Error> {
    let time = stay.time();
    // What was let go is dropped here at the latest.
    let mut live = match held.take().filter(|active| active.time == time) {
        Some(Active { live, .. }) if live.is_of(&call.hosted) => live,
        other => {
            // The guest was given other code: the actor begins anew with that.
            if let Some(old) = other {
                leave(old.live, &event.actor).await;
            }
            Box::new(Live::activate(call, &event.actor).await?)
        }
    };
    let (answer, may_stay) = live.turn(call, event).await;
    if may_stay && stay.time() == time {
        live.rest();
        **held = Some(Active { live, time });
    }
    answer
}

/// Ends an actor after the turns that were asked for before.
pub(super) async fn end(stay: Stay) {
    let mut held = Arc::clone(&stay.place.turn).lock_owned().await;
    if let Some(Active { live, time }) = held.take() {
        if time != stay.time() {
            return stay.place.set_active(false);
        }
        let threads = live.hosted().shared.threads.handle().clone();
        // Goes on where its caller goes away: the actor must be gone before the next call makes it anew.
        let leaving = threads.spawn(async move {
            leave(live, &stay.actor).await;
            stay.place.set_active(false);
            drop(held);
            drop(stay);
        });
        let _ = leaving.await;
    }
}

/// The guest's own end; its instance is gone whatever it says, because Dapr may make the actor anew elsewhere.
async fn leave(mut live: Box<Live>, actor: &Actor) {
    let hosted = Arc::clone(live.hosted());
    let left = async {
        let permits = hosted.admit().await?;
        let call = Call::of_actor(&hosted, &HeaderMap::new(), actor);
        let of_guest = Arc::clone(&call);
        let event =
            Event { actor: actor.clone(), turn: Turn::Deactivate, metadata: Metadata::new(), traceparent: None };
        let work = async move {
            let (answer, _) = live.turn(&of_guest, &event).await;
            drop((live, permits));
            answer
        };
        call::to_its_end(&call, DEACTIVATE, work).await
    };
    let _started = hosted.counters.start();
    // A failure is in the log and in the counters.
    let _ = call::judged(&hosted, DEACTIVATE, left.await);
}
