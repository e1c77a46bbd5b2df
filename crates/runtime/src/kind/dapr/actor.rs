//! An actor's instance and its turns.

use super::{failed, none_such};
use crate::call::{Call, Hosted};
use crate::instance::{self, Host, Wasi, in_time};
use crate::output::response_over;
use crate::program::Program;
use crate::{code, trap};
use bytes::Bytes;
use pillion_api::Error;
use pillion_api::actors::{Actor, Event, Turn};
use pillion_wit::exports::pillion::dapr::actor_handler as wit;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::Store;

/// The handler's name.
pub(crate) const ACTOR_HANDLER: &str = "actor-handler";

/// What the headers begin with that hosts say to each other.
const OWN: &str = "pillion-";

/// An active actor.
pub(crate) struct Live {
    store: Store<Host>,
    guest: wit::Guest,
    hosted: Arc<Hosted>,
}

/// A turn's answer, and whether the instance may have another turn.
pub(crate) type Done = (Result<Bytes, Error>, bool);

impl Live {
    /// Makes the instance and has it begin as the actor.
    ///
    /// # Errors
    /// The guest's: then there is no actor.
    pub(crate) async fn activate(call: &Arc<Call>, actor: &Actor) -> Result<Self, Error> {
        call.hosted.spec.guest.0.code.touch(call.hosted.shared.residents.now());
        let program = code::program(call).await?;
        let Program::Dapr(pre) = &*program else { return Err(none_such(call, ACTOR_HANDLER)) };
        let Some(indices) = &pre.handlers.actor else { return Err(none_such(call, ACTOR_HANDLER)) };
        let wasi = Wasi::handler(call).map_err(|error| crate::kind::command::preopen_failed(call, &error))?;
        let mut store = instance::store_of(call, wasi);
        let work = async {
            let instance = pre.pre.instantiate_async(&mut store).await?;
            let guest = indices.load(&mut store, &instance)?;
            let said = guest.call_activate(&mut store, &named(actor)).await?;
            Ok((guest, said))
        };
        let outcome = in_time(call, pin!(work)).await;
        match outcome {
            Ok((guest, Ok(()))) => Ok(Self { store, guest, hosted: Arc::clone(&call.hosted) }),
            Ok((_, Err(why))) => Err(failed(call, ACTOR_HANDLER, &why)),
            Err(error) => {
                let last_line = store.data_mut().last_line();
                Err(trap::error(call, store.data(), &error, &last_line))
            }
        }
    }

    /// Whose instance it is.
    pub(crate) fn hosted(&self) -> &Arc<Hosted> {
        &self.hosted
    }

    /// Whether it is an instance of the guest as it is now.
    pub(crate) fn is_of(&self, hosted: &Arc<Hosted>) -> bool {
        Arc::ptr_eq(&self.hosted, hosted)
    }

    /// One turn.
    pub(crate) async fn turn(&mut self, call: &Arc<Call>, event: &Event) -> Done {
        if !Arc::ptr_eq(&self.store.data().call, call) {
            instance::renew(&mut self.store, call);
        }
        let outcome = {
            let work = hand(&self.guest, &mut self.store, event);
            in_time(call, pin!(work)).await
        };
        call.hosted.counters.memory(self.store.data().limiter.bytes());
        let last_line = self.store.data_mut().last_line();
        match outcome {
            Ok(said) => (self.answer(call, said), self.is_whole(call)),
            Err(error) => (Err(trap::error(call, self.store.data(), &error, &last_line)), false),
        }
    }

    fn answer(&self, call: &Call, said: Result<Vec<u8>, String>) -> Result<Bytes, Error> {
        let limit = call.hosted.limits().response;
        match said {
            Ok(bytes) if bytes.len() as u64 > limit => Err(response_over(&call.hosted.name, limit)),
            Ok(bytes) => Ok(bytes.into()),
            Err(why) => Err(failed(call, ACTOR_HANDLER, &why)),
        }
    }

    /// What was opened in a turn, an answer over HTTP say, is counted for its call and ends with it: an actor that keeps some
    /// of it can't go on.
    fn is_whole(&self, call: &Call) -> bool {
        let host = self.store.data();
        let is_whole = host.quick.is_given_back() && call.held.load(Ordering::Relaxed) == 0;
        if !is_whole {
            let (app, guest, request_id) = call.names();
            tracing::warn!(
                app,
                guest,
                request_id,
                "the actor kept something open at the end of its turn, and begins anew; hint: drop requests, answers and other handles before a turn ends"
            );
        }
        is_whole
    }

    /// The turn is over.
    pub(crate) fn rest(&mut self) {
        self.store.data_mut().rest();
    }
}

async fn hand(guest: &wit::Guest, store: &mut Store<Host>, event: &Event) -> wasmtime::Result<Result<Vec<u8>, String>> {
    let actor = named(&event.actor);
    let nothing = |said: Result<(), String>| said.map(|()| Vec::new());
    match &event.turn {
        Turn::Invoke { method, data } => {
            let own = event.metadata.iter().filter(|(key, _)| !key.starts_with(OWN));
            let metadata: Vec<_> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
            guest.call_invoke(store, &actor, method, data, &metadata).await
        }
        Turn::Timer { name, callback, data } => {
            Ok(nothing(guest.call_timer(store, &actor, name, callback, data).await?))
        }
        Turn::Reminder { name, data } => Ok(nothing(guest.call_reminder(store, &actor, name, data).await?)),
        Turn::Deactivate => Ok(nothing(guest.call_deactivate(store, &actor).await?)),
    }
}

fn named(actor: &Actor) -> wit::Actor {
    wit::Actor { actor_type: actor.kind.clone(), actor_id: actor.id.clone() }
}
