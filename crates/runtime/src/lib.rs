//! Runs guests: one engine, one maker of `Store`, one place for admission, one for the cache of compiled code.
//!
//! A [`Runtime`] loads files into [`Guest`]s and makes [`App`]s of them. An app answers as Dapr's app channel
//! ([`pillion_api::AppChannel`]); its guests reach out by the [`pillion_api::Sidecar`] that it was made with. Guests run
//! on threads of their own; everything that this crate does for them on the caller's side only waits.

mod actors;
mod address;
mod admission;
mod ahead;
mod app;
mod artefact;
mod cache;
mod call;
mod candidate;
mod code;
mod dial;
mod engine;
mod event;
mod files;
mod guest;
mod host;
mod hosts;
mod incoming;
mod inspect;
mod instance;
mod kept;
mod kind;
mod limiter;
pub mod limits;
mod line;
mod link;
mod load;
mod options;
mod outgoing;
mod output;
mod program;
mod programs;
mod residents;
mod room;
mod route;
mod runtime;
mod services;
mod snapshot;
mod spec;
mod stats;
mod strict;
mod threads;
mod ticker;
mod trap;
pub mod turn;
pub mod workflow;

pub use app::App;
pub use cache::CacheError;
pub use guest::{Guest, GuestKind, Mode};
pub use inspect::{Export, Format, Import, Inspection, inspect};
pub use limits::Limits;
pub use options::Options;
pub use residents::CodeStats;
pub use runtime::{LoadOptions, Runtime, StartError};
pub use spec::{
    ActorType, Actors, AppSpec, DaprHttp, GuestSpec, On, Preopen, Route, RouteTarget, Trigger, WorkflowSpec,
};
pub use stats::{DURATION_BUCKETS_MS, GuestStats};
pub use workflow::WorkflowBounds;
