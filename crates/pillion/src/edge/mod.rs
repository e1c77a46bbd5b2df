//! Our own HTTP server: HTTP/1.1 and h2c on one port, every wait and every size bounded.
//!
//! From the socket inwards:
//!
//! | layer | file | why here |
//! |---|---|---|
//! | accept | `listener` | a permit before the accept: over the limit a client waits in the kernel, and costs nothing |
//! | socket | `socket` | sees raw bytes: slow heads, stuck writes, and what the parser would silently repair |
//! | connection | `connection` | which protocol; graceful end; an owner for each HTTP/2 stream |
//! | request | `stack` | id, trace, metrics, panic, refusal, body limits, then the service |

mod body;
mod connection;
mod head;
mod limits;
mod listener;
mod outbox;
mod refuse;
mod socket;
mod stack;
#[cfg(test)]
mod tests;

pub(crate) use limits::{EdgeLimits, Face};
pub(crate) use listener::{Listener, Server, serve};
pub(crate) use stack::{ConnectionInfo, Observe, Service, service_fn};
