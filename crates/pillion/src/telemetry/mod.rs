//! What an operator sees: logs, metrics, traces, and the admin port that serves them.

pub(crate) mod admin;
mod guest_spans;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod otlp;
pub(crate) mod process;
pub(crate) mod traces;

#[cfg(test)]
mod tests;
