//! Test cases of guests: what comes in, what the fakes answer, what is expected to come out and to be asked of Dapr.
//!
//! [`files`] finds the files of a run file's apps, [`read()`] reads one wholly, [`run()`] runs a case: its app as `up` would make
//! it, with its limits and its `allow`, over a sidecar that lives in memory and writes down what it is asked.

mod answer;
mod call;
mod compare;
mod content;
mod expect;
mod fake;
mod files;
mod given;
mod input;
mod read;
mod run;

pub(crate) use files::{find, is_test_file};
pub(crate) use read::{Case, read};
pub(crate) use run::{Outcome, run};

/// The largest file that a case names as a body.
const MAX_BODY_FILE: u64 = 16 << 20;
/// The largest answer of a guest that is compared.
const MAX_ANSWER: u64 = 64 << 20;
/// Calls that are written down of one case.
const MAX_CALLS: usize = 10_000;
/// Bytes of values that are written down of one case; what comes behind them is not compared.
const MAX_RECORDED: usize = 64 << 20;
/// Characters of a value that a report repeats.
const MAX_SHOWN: usize = 300;
/// Differences of one JSON value that are shown.
const MAX_JSON_DIFFERENCES: usize = 10;
