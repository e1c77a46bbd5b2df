//! The actors building block: objects by type and id, one call at a time each, with state, timers and reminders.

use crate::Metadata;
use bytes::Bytes;

/// Which actor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// The actor's type.
    pub kind: String,
    /// Its id among those of its type.
    pub id: String,
}

/// A call of an actor's method.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The method's name.
    pub method: String,
    /// Its argument.
    pub data: Bytes,
    /// Headers; `Dapr-Reentrancy-Id` among them where a chain of calls comes back.
    pub metadata: Metadata,
}

/// A step of a transaction over an actor's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a key.
    Upsert {
        /// The key, without Dapr's prefix.
        key: String,
        /// The bytes to store.
        value: Bytes,
        /// `ttlInSeconds`, where the feature is on.
        metadata: Metadata,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: String,
    },
}

/// Calls an actor later, even if the process ends meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reminder {
    /// Unique in the actor.
    pub name: String,
    /// When first: a Go duration, an ISO 8601 duration or RFC 3339; empty is at once.
    pub due_time: String,
    /// How often again: a Go duration, or ISO 8601 with a count (`R5/PT3S`); empty is once.
    pub period: String,
    /// When it ends by itself, as `due_time`; empty is never.
    pub ttl: String,
    /// What the actor gets.
    pub data: Bytes,
}

/// Calls an actor later, as long as it is active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// Unique in the actor.
    pub name: String,
    /// When first, as a reminder's.
    pub due_time: String,
    /// How often again, as a reminder's.
    pub period: String,
    /// When it ends by itself, as a reminder's.
    pub ttl: String,
    /// The method that is called.
    pub callback: String,
    /// What the actor gets.
    pub data: Bytes,
}
