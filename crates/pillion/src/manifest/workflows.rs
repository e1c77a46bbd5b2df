//! `workflows:`: which guests have workflows and activities, and how much of them there may be at a time.

use super::{
    keys::{self, WORKFLOWS},
    routes::Names,
    units,
};
use pillion_runtime::{WorkflowBounds, WorkflowSpec};
use pillion_sidecar::{
    daprd::work::WorkBounds,
    yaml::{Fields, Findings, Node, Unknown},
};

/// Most of what counts at a time, and of a history.
const MAX_AT_ONCE: i64 = 10_000;
const MAX_HISTORY: i64 = 1_000_000;
/// The least of what is measured in bytes.
const LEAST: u64 = 1 << 10;

/// The workflows of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workflows {
    /// For the guests.
    pub(crate) spec: WorkflowSpec,
    /// For the one who takes work from daprd.
    pub(crate) work: WorkBounds,
}

/// Reads a `workflows:` mapping.
pub(super) fn read(node: &Node, owner: &str, names: &Names, findings: &mut Findings) -> Option<Workflows> {
    let mut fields = Fields::open(node, format!("{owner}: `workflows`"), findings)?;
    let guests = names.listed("guests", &mut fields, findings);
    let (bounds, work) = (WorkflowBounds::default(), WorkBounds::default());
    let bounds = WorkflowBounds {
        history: count("history", MAX_HISTORY, bounds.history, &mut fields, findings),
        actions: count("actions", MAX_AT_ONCE, bounds.actions, &mut fields, findings),
        payload: size("payload", bounds.payload, &mut fields, findings),
    };
    let work = WorkBounds {
        turns: count("turns", MAX_AT_ONCE, work.turns, &mut fields, findings),
        activities: count("activities", MAX_AT_ONCE, work.activities, &mut fields, findings),
        item: size("workItem", work.item, &mut fields, findings),
    };
    keys::close(fields, &[WORKFLOWS], Unknown::Error, findings);
    Some(Workflows { spec: WorkflowSpec { guests, bounds }, work })
}

fn count(key: &'static str, most: i64, default: usize, fields: &mut Fields<'_>, findings: &mut Findings) -> usize {
    let given = fields.integer(key, 1..=most, findings);
    given.and_then(|given| usize::try_from(given).ok()).unwrap_or(default)
}

fn size(key: &'static str, default: usize, fields: &mut Fields<'_>, findings: &mut Findings) -> usize {
    let read = |text: &str| match units::size(text)? {
        bytes if bytes < LEAST => Err(format!("less than {LEAST} bytes is not enough")),
        // What one message of gRPC can say.
        bytes if bytes > u64::from(u32::MAX) => Err("more than 4 GiB is no one message".to_owned()),
        bytes => usize::try_from(bytes).map_err(|error| error.to_string()),
    };
    fields.parsed(key, read, findings).unwrap_or(default)
}
