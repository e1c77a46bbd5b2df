//! `mode:`: what a call of a guest finds of earlier ones.

use pillion_api::diagnostic::Severity;
use pillion_runtime::Mode;
use pillion_sidecar::yaml::{Fields, Findings, Node, shown};

/// Calls that one instance of `mode: reuse` serves at most, and if nothing is said.
const MAX_REUSE: u32 = 1_000_000;
const DEFAULT_REUSE: u32 = 1000;
/// Calls at the same time that one instance of `mode: concurrent` serves, if nothing is said, and at most.
const DEFAULT_AT_ONCE: u32 = 16;
const MAX_AT_ONCE: u32 = 1000;

/// Reads `mode:` and what goes with one.
pub(super) fn read(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Mode> {
    let init = fields.text("init", findings).map(str::to_owned);
    let calls = fields.integer("reuse", 1..=i64::from(MAX_REUSE), findings);
    let calls = calls.and_then(|calls| u32::try_from(calls).ok());
    let at_once = fields.integer("atOnce", 1..=i64::from(MAX_AT_ONCE), findings);
    let at_once = at_once.and_then(|at_once| u32::try_from(at_once).ok());
    let node = fields.node("mode");
    let mode = node.and_then(|node| mode_of(node, fields.owner(), findings));
    let given = |key: &str| fields.mapping().get(key).is_some();
    for (key, wanted) in [("init", &["reset"][..]), ("reuse", &["reuse", "concurrent"]), ("atOnce", &["concurrent"])] {
        let at_work = node.and_then(Node::text).is_some_and(|mode| wanted.contains(&mode));
        let wanted = wanted[0];
        if given(key) && !at_work {
            let message = format!("{}: `{key}` says nothing without `mode: {wanted}`", fields.owner());
            findings.error_hint(fields.at(), message, format!("add `mode: {wanted}`, or remove `{key}`"));
        }
    }
    match mode? {
        "reset" => Some(Mode::Reset { init }),
        "reuse" => Some(Mode::Reuse { calls: calls.unwrap_or(DEFAULT_REUSE) }),
        "concurrent" => Some(Mode::Concurrent {
            calls: calls.unwrap_or(DEFAULT_REUSE),
            at_once: at_once.unwrap_or(DEFAULT_AT_ONCE),
        }),
        _ => Some(Mode::Fresh),
    }
}

fn mode_of<'a>(node: &'a Node, owner: &str, findings: &mut Findings) -> Option<&'a str> {
    const MODES: [&str; 4] = ["fresh", "reset", "reuse", "concurrent"];
    match node.text() {
        Some(mode) if MODES.contains(&mode) => return Some(mode),
        Some(mode @ "actor") => {
            let message = format!("{owner}: `mode: {mode}` is what `actors:` makes of a guest");
            findings.error_hint(
                node.at,
                message,
                "leave `mode` out, and name the type: `actors: [{ type: …, guest: … }]`",
            );
        }
        Some(mode) => {
            let message = format!("{owner}: unknown mode `{}`", shown(mode));
            findings.unknown(Severity::Error, node.at, message, mode, MODES);
        }
        None => findings.error(node.at, format!("{owner}: `mode` must be text, but is {}", node.kind())),
    }
    None
}
