//! From a manifest to running apps, and back: everything is loaded first, then every port is bound, then apps start.

pub(crate) mod actors;
mod behind_daprd;
mod code;
mod collect;
pub(crate) mod databases;
mod guests;
pub(crate) mod models;
mod native;
mod plan;
mod ports;
mod running;
mod services;
mod sidecar;
mod signals;
mod start;
mod traced;
pub(crate) mod wasm;

pub(crate) use code::read_guest;
pub(crate) use plan::{Plan, PlannedApp, Work};
pub(crate) use running::{Changes, Settings, run_until_ended};
pub(crate) use start::Launched;
