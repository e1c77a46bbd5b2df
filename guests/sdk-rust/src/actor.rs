//! Actors: a type whose value is one actor, from its activation to its end.
//!
//! ```ignore
//! use pillion_sdk::actor::{self, Actor, Context};
//!
//! struct Counter { context: Context, count: u64 }
//! actor::export!(Counter);
//!
//! impl Actor for Counter {
//!     fn activate(context: Context) -> Result<Self, String> {
//!         let saved = context.get("count").map_err(pillion_sdk::text)?;
//!         let count = saved.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()).unwrap_or(0);
//!         Ok(Self { context, count })
//!     }
//!
//!     fn invoke(&mut self, _method: &str, _data: Vec<u8>, _metadata: Metadata) -> Result<Vec<u8>, String> {
//!         let count = self.count + 1;
//!         self.context.set("count", count.to_string()).map_err(pillion_sdk::text)?;
//!         self.count = count;
//!         Ok(count.to_string().into())
//!     }
//! }
//! ```

pub use crate::bindings::service::pillion::dapr::actors::{
    Operation, Reminder, Timer, Upsert, get_reminder, get_state, invoke, register_reminder, register_timer,
    transact_state, unregister_reminder, unregister_timer,
};
pub use crate::bindings::service::pillion::dapr::types::{Actor as Id, Metadata};
pub use crate::export_actor as export;

use crate::Result;

/// One actor. The host keeps its instance, and this value in it, from turn to turn; turns come one after the other.
pub trait Actor: Sized + 'static {
    /// The actor gets its first turn: reads what it saved. An error fails the turn, and the next one tries again.
    ///
    /// # Errors
    /// For the log and the caller.
    fn activate(context: Context) -> Result<Self, String>;

    /// A method is called.
    ///
    /// # Errors
    /// For the log and the caller; the actor stays as it is then.
    fn invoke(&mut self, method: &str, data: Vec<u8>, metadata: Metadata) -> Result<Vec<u8>, String>;

    /// A timer is due; its data is JSON.
    ///
    /// # Errors
    /// For the log.
    fn timer(&mut self, name: &str, callback: &str, data: Vec<u8>) -> Result<(), String> {
        let _ = (callback, data);
        Err(format!("the actor takes no timer `{name}`"))
    }

    /// A reminder is due; its data is JSON.
    ///
    /// # Errors
    /// For the log, and a failed try of the reminder.
    fn reminder(&mut self, name: &str, data: Vec<u8>) -> Result<(), String> {
        let _ = data;
        Err(format!("the actor takes no reminder `{name}`"))
    }

    /// The actor was idle for long, moves, or the app ends. Save in the turns, not here: an actor that traps, or whose
    /// process dies, never comes here, and while Dapr moves actors it answers no call of state.
    ///
    /// # Errors
    /// For the log.
    fn deactivate(self) -> Result<(), String> {
        Ok(())
    }
}

/// Who an actor is, and what Dapr keeps for it.
#[derive(Clone, Debug)]
pub struct Context(Id);

impl Context {
    /// Of an actor of this app.
    #[must_use]
    pub fn new(id: Id) -> Self {
        Self(id)
    }

    /// Its id among those of its type.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.actor_id
    }

    /// Its type.
    #[must_use]
    pub fn actor_type(&self) -> &str {
        &self.0.actor_type
    }

    /// Reads a key of the actor's state.
    ///
    /// # Errors
    /// The store's, or what `allow.actors` doesn't grant.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        get_state(&self.0, key)
    }

    /// Writes a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn set(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<()> {
        self.transact(&[Operation::Upsert(Upsert { key: key.to_owned(), value: value.into(), metadata: Vec::new() })])
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, key: &str) -> Result<()> {
        self.transact(&[Operation::Delete(key.to_owned())])
    }

    /// Changes several keys, all or none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn transact(&self, operations: &[Operation]) -> Result<()> {
        transact_state(&self.0, operations)
    }

    /// Has [`Actor::reminder`] called, even if the process ends meanwhile. The data is JSON.
    ///
    /// # Errors
    /// Dapr's, or what `allow.actors` doesn't grant.
    pub fn remind(&self, reminder: &Reminder) -> Result<()> {
        register_reminder(&self.0, reminder)
    }

    /// Ends a reminder.
    ///
    /// # Errors
    /// As [`remind`](Self::remind).
    pub fn end_reminder(&self, name: &str) -> Result<()> {
        unregister_reminder(&self.0, name)
    }

    /// Has [`Actor::timer`] called while the actor is active. The data is JSON.
    ///
    /// # Errors
    /// As [`remind`](Self::remind).
    pub fn start_timer(&self, timer: &Timer) -> Result<()> {
        register_timer(&self.0, timer)
    }

    /// Ends a timer.
    ///
    /// # Errors
    /// As [`remind`](Self::remind).
    pub fn end_timer(&self, name: &str) -> Result<()> {
        unregister_timer(&self.0, name)
    }

    /// Calls a method of another actor.
    ///
    /// # Errors
    /// Dapr's, or what `allow.actors` doesn't grant; `PILLION_ACTOR_REENTERED` for one that waits for this very turn.
    pub fn call(&self, actor_type: &str, actor_id: &str, method: &str, data: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let actor = Id { actor_type: actor_type.to_owned(), actor_id: actor_id.to_owned() };
        invoke(&actor, method, data.as_ref(), &[])
    }
}

/// Makes a type the guest's actors: `actor::export!(Counter)`. A guest that hosts several types has one type of Rust that asks
/// its [`Context`] which it is.
#[macro_export]
#[doc(hidden)]
macro_rules! export_actor {
    ($actor:ty) => {
        const _: () = {
            use $crate::actor::{Actor as _, Context, Id, Metadata};
            use $crate::bindings::actor_handler::exports::pillion::dapr::actor_handler::Guest;

            thread_local! {
                static ACTOR: ::std::cell::RefCell<Option<$actor>> = const { ::std::cell::RefCell::new(None) };
            }

            fn turn<T>(take: impl FnOnce(&mut $actor) -> Result<T, String>) -> Result<T, String> {
                ACTOR.with_borrow_mut(|actor| take(actor.as_mut().ok_or("the actor is not active")?))
            }

            struct Exported;

            impl Guest for Exported {
                fn activate(actor: Id) -> Result<(), String> {
                    let actor = <$actor>::activate(Context::new(actor))?;
                    ACTOR.set(Some(actor));
                    Ok(())
                }

                fn invoke(_: Id, method: String, data: Vec<u8>, metadata: Metadata) -> Result<Vec<u8>, String> {
                    turn(|actor| actor.invoke(&method, data, metadata))
                }

                fn timer(_: Id, name: String, callback: String, data: Vec<u8>) -> Result<(), String> {
                    turn(|actor| actor.timer(&name, &callback, data))
                }

                fn reminder(_: Id, name: String, data: Vec<u8>) -> Result<(), String> {
                    turn(|actor| actor.reminder(&name, data))
                }

                fn deactivate(_: Id) -> Result<(), String> {
                    ACTOR.take().map_or(Ok(()), |actor| actor.deactivate())
                }
            }

            $crate::bindings::actor_handler::export_actor_handler!(Exported with_types_in $crate::bindings::actor_handler);
        };
    };
}
