//! The embedded Dapr sidecar: reads resources, opens components, and answers Dapr's building blocks in process.
//!
//! [`resources::Resources`] is what the YAML says; [`run::Run`] is what the apps of one process share;
//! [`embedded::Embedded`] is the sidecar of one app, [`daprd::Daprd`] the client of one in a real daprd; [`policy::Policy`] narrows it to what a Wasm app may use;
//! [`remote_app::RemoteApp`] is an app behind a port. Nothing here prints, reads flags or binds a port.

mod bindings;
mod channel;
pub mod clock;
pub mod components;
pub mod daprd;
pub mod databases;
pub mod embedded;
mod headers;
pub mod hops;
pub mod http_client;
mod json;
mod middleware;
mod piped;
pub mod policy;
mod program;
pub mod pubsub;
pub mod remote_app;
pub mod resources;
pub mod run;
pub mod secrets;
pub mod state;
pub mod yaml;

pub use daprd::{Daprd, DaprdConfig};
pub use databases::{DatabaseFile, Databases};
pub use embedded::{Embedded, EmbeddedConfig};
pub use policy::Policy;
pub use remote_app::RemoteApp;
pub use resources::Resources;
pub use run::Run;
