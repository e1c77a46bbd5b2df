//! Apps of guests behind the real daprd: `pillion serve` and daprd with the flags and variables that `dapr run` gives both.
//! `cargo xtask daprd` builds the programs; without them every test here is a counted skip.

#![allow(dead_code, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/greeter.rs"]
mod greeter;
mod harness;

mod actors;
mod bindings;
mod calls;
mod demo;
mod health;
mod hosted;
mod instances;
mod interfaces;
mod invocation;
mod jobs;
mod mtls;
mod namespaces;
mod plane;
mod proxy;
mod pubsub;
mod redis;
mod restarts;
mod shutdown;
mod streaming;
mod token;
mod typed;
mod workflows;
