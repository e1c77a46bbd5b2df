//! The actors building block: objects by type and id, one call at a time each, with state, timers and reminders.

use crate::Metadata;
use bytes::Bytes;
use std::time::Duration;

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

/// What Dapr asks of the app that hosts an actor.
#[derive(Clone, Debug)]
pub struct Event {
    /// The actor, of a type that the app hosts.
    pub actor: Actor,
    /// What it is to do.
    pub turn: Turn,
    /// Headers of a method's call; `dapr-reentrancy-id` among them where the type is reentrant.
    pub metadata: Metadata,
    /// The span that calls.
    pub traceparent: Option<String>,
}

/// What an actor does in one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// `PUT /actors/<type>/<id>/method/<method>`.
    Invoke {
        /// The method's name.
        method: String,
        /// Its argument.
        data: Bytes,
    },
    /// `PUT /actors/<type>/<id>/method/timer/<name>`.
    Timer {
        /// The timer's name.
        name: String,
        /// The method that it was registered for.
        callback: String,
        /// JSON, or nothing.
        data: Bytes,
    },
    /// `PUT /actors/<type>/<id>/method/remind/<name>`.
    Reminder {
        /// The reminder's name.
        name: String,
        /// JSON, or nothing.
        data: Bytes,
    },
    /// `DELETE /actors/<type>/<id>`: the actor is idle, or lives elsewhere from here on.
    Deactivate,
}

/// An actor type that an app hosts, as it says in its answer to `GET /dapr/config`. What is none is left to Dapr.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostedType {
    /// The type.
    pub kind: String,
    /// `actorIdleTimeout`: an actor that nobody called so long is deactivated.
    pub idle_timeout: Option<Duration>,
    /// How long Dapr lets a call end of an actor that moves.
    pub drain_ongoing_call_timeout: Option<Duration>,
    /// Whether such a call may end at all.
    pub drain_rebalanced_actors: Option<bool>,
    /// Whether calls of one chain pass Dapr's turns.
    pub reentrancy: Option<Reentrancy>,
}

impl HostedType {
    /// What is said of draining for all types together, which is what daprd 1.16 reads: the longest time, and a word of any.
    pub fn draining(hosted: &[Self]) -> (Option<Duration>, Option<bool>) {
        let longest = hosted.iter().filter_map(|hosted| hosted.drain_ongoing_call_timeout).max();
        let any = hosted.iter().any(|hosted| hosted.drain_rebalanced_actors == Some(true));
        (longest, any.then_some(true))
    }
}

/// The media type of what a method answers, which is bytes alone: JSON, text or neither. Nothing has none.
pub fn media_type(answer: &[u8]) -> Option<&'static str> {
    match std::str::from_utf8(answer) {
        _ if answer.is_empty() => None,
        Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => Some("application/json"),
        Ok(_) => Some("text/plain; charset=utf-8"),
        Err(_) => Some("application/octet-stream"),
    }
}

/// `reentrancy` of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reentrancy {
    /// Whether it is on.
    pub enabled: bool,
    /// The most calls of one chain.
    pub max_stack_depth: Option<u32>,
}
