//! What every component, and the sidecar around them, must do: tables through one `check` each.

mod durability;
mod harness;
mod invocation;
mod metadata;
mod policy;
mod programs;
mod pubsub;
mod remote_app;
mod resources;
mod secrets;
mod state;
