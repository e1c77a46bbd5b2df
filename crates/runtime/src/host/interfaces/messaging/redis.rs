//! The types of Spin's Redis trigger: what its handlers answer. Redis itself is no building block of Dapr, and nothing of it is
//! provided.

use crate::instance::Host;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};

/// What a handler of the third version says of a failure.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
#[allow(dead_code)] // Guests make them.
pub(crate) enum RedisFailure {
    #[component(name = "invalid-address")]
    InvalidAddress,
    #[component(name = "too-many-connections")]
    TooManyConnections,
    #[component(name = "type-error")]
    TypeError,
    #[component(name = "other")]
    Other(String),
}

impl std::fmt::Display for RedisFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InvalidAddress => "invalid address",
            Self::TooManyConnections => "too many connections",
            Self::TypeError => "type error",
            Self::Other(why) => why,
        })
    }
}

/// `redis-types`, and what a trigger's guest takes of `redis`: types alone.
pub(in super::super) fn types(_: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    Ok(())
}
