//! Dapr's building blocks and handlers for guests in Rust.
//!
//! A guest calls the functions of [`state`], [`pubsub`] and the other modules, and implements the `Handler` of those events
//! that it takes:
//!
//! ```ignore
//! use pillion_sdk::{state::Store, topic::{self, TopicEvent, TopicStatus}};
//!
//! struct Orders;
//! topic::export!(Orders);
//!
//! impl topic::Handler for Orders {
//!     fn handle(event: TopicEvent) -> Result<TopicStatus, String> {
//!         Store::open("statestore").set(&event.id, event.data).map_err(pillion_sdk::text)?;
//!         Ok(TopicStatus::Success)
//!     }
//! }
//! ```
//!
//! What is not wrapped here is in [`bindings`], which is made from `wit/dapr` and documents every function.

#[allow(clippy::all, clippy::unwrap_used, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn, dead_code)]
#[rustfmt::skip]
pub mod bindings {
    //! The package `pillion:dapr` as it is: functions and types of [`service`](self::service), a trait for each handler.
    pub mod actor_handler;
    pub mod binding_handler;
    pub mod bulk_topic_handler;
    pub mod configuration_handler;
    pub mod invocation_handler;
    pub mod job_handler;
    pub mod service;
    pub mod topic_handler;
    pub mod workflow_handler;
}
pub mod actor;
mod handlers;
pub mod http;
pub mod pubsub;
pub mod secrets;
pub mod state;
pub mod streams;
pub mod workflows;

pub use bindings::service::pillion::dapr::types::{Error, Metadata};
pub use bindings::service::pillion::dapr::{
    actors, bindings as output, configuration, conversation, crypto, invocation, jobs, lock, sidecar_metadata, workflow,
};
pub use handlers::{binding, bulk_topic, configuration_update, job, topic};

/// What a building block answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error as one line: what a handler answers with it.
#[must_use]
pub fn text(error: Error) -> String {
    let Error { code, message, hint, .. } = error;
    match hint {
        Some(hint) => format!("{code}: {message} (hint: {hint})"),
        None => format!("{code}: {message}"),
    }
}
