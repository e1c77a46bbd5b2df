//! Dapr's building blocks as two traits and plain data: no I/O, no runtime, no wire format but HTTP's own types.
//!
//! [`Sidecar`] is what a guest may ask of Dapr; [`AppChannel`] is what Dapr may ask of an app. Each has an answer in
//! process and one over the wire, and everything else in Pillion is written against these two.

pub mod actors;
pub mod bindings;
pub mod body;
pub mod callback;
pub mod channel;
pub mod configuration;
pub mod conversation;
pub mod crypto;
pub mod diagnostic;
pub mod error;
pub mod jobs;
pub mod lock;
pub mod metadata;
pub mod middleware;
pub mod path;
pub mod policy;
pub mod programs;
pub mod pubsub;
pub mod scope;
pub mod secrets;
pub mod sidecar;
pub mod spans;
pub mod sql;
pub mod state;
pub mod subscribe;
pub mod trace;
pub mod workflow;

pub use body::Body;
pub use channel::AppChannel;
pub use diagnostic::Diagnostic;
pub use error::{Code, Error, Fault, Result};
pub use middleware::{Middleware, Pipeline};
pub use programs::Programs;
pub use sidecar::{Invocation, Sidecar, Target};

/// Free-form string pairs that go with a request: Dapr's `metadata.*` query parameters and gRPC metadata maps.
pub type Metadata = std::collections::BTreeMap<String, String>;

/// Headers of a request itself, not of the event that it carries.
const OF_REQUESTS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "dapr-api-token",
    "dapr-app-id",
    "host",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "x-request-id",
];

/// Whether a header, by its name in lower case, is metadata of the event which its request carries: daprd sends that as
/// headers of the same names.
pub fn is_metadata(header: &str) -> bool {
    !OF_REQUESTS.contains(&header) && !header.starts_with("grpc-")
}
