//! `actors:`: the actor types that an app hosts, in the words of Dapr's `/dapr/config`.

use super::{
    keys::{self, ACTOR, REENTRANCY},
    routes::{Names, bounded},
    units,
};
use pillion_api::actors::{HostedType, Reentrancy};
use pillion_runtime::Actors;
use pillion_sidecar::yaml::{Fields, Findings, Node, Place, Unknown, shown};
use std::time::Duration;

/// The longest name of a type.
const MAX_TYPE: usize = 200;
/// Active actors that an app may ask for: each takes a place of the pool of instances.
const MAX_ACTIVE: i64 = 5000;
/// The deepest chain of reentrant calls.
const MAX_DEPTH: i64 = 1000;
/// Types that begin so are those of Dapr's own workflows.
const RESERVED: &str = "dapr.internal";

/// An actor type and its guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// What daprd is told of it.
    pub(crate) hosted: HostedType,
    /// The guest, which exists.
    pub(crate) guest: String,
    /// Where it stands.
    pub(crate) at: Place,
}

/// Reads `actors:`.
pub(super) fn read(fields: &mut Fields<'_>, names: &Names, findings: &mut Findings) -> Vec<Actor> {
    let owner = fields.owner().to_owned();
    let nodes = bounded("actors", fields, findings);
    let actors: Vec<_> = nodes.iter().filter_map(|node| read_actor(node, &owner, names, findings)).collect();
    for (index, actor) in actors.iter().enumerate() {
        let same = |other: &&Actor| other.hosted.kind == actor.hosted.kind;
        if let Some(first) = actors[..index].iter().find(same) {
            let kind = shown(&actor.hosted.kind);
            let message = format!("{owner}: the actor type `{kind}` has a guest already, in line {}", first.at.0);
            findings.error_hint(actor.at, message, "one guest hosts a type: remove one of the two");
        }
    }
    actors
}

/// Reads `maxActiveActors:`.
pub(super) fn read_most(fields: &mut Fields<'_>, findings: &mut Findings) -> usize {
    let most = fields.integer("maxActiveActors", 1..=MAX_ACTIVE, findings);
    most.and_then(|most| usize::try_from(most).ok()).unwrap_or(Actors::MOST_ACTIVE)
}

fn read_actor(node: &Node, owner: &str, names: &Names, findings: &mut Findings) -> Option<Actor> {
    let mut fields = Fields::open(node, format!("{owner}: `actors`"), findings)?;
    let kind = read_type(&mut fields, owner, findings);
    let guest = names.find(&mut fields, findings);
    let time = |text: &str| match units::duration(text)? {
        Duration::ZERO => Err("no time at all is not enough".to_owned()),
        time => Ok(time),
    };
    let idle_timeout = fields.parsed("idleTimeout", time, findings);
    let drain_ongoing_call_timeout = fields.parsed("drainOngoingCallTimeout", time, findings);
    let drain_rebalanced_actors = fields.flag("drainRebalancedActors", findings);
    let reentrancy = read_reentrancy(&mut fields, findings);
    keys::close(fields, &[ACTOR], Unknown::Error, findings);
    let hosted =
        HostedType { kind: kind?, idle_timeout, drain_ongoing_call_timeout, drain_rebalanced_actors, reentrancy };
    Some(Actor { hosted, guest: guest?, at: node.at })
}

/// A type is a part of a path, and of the keys of its state, which Dapr parts by `||`.
fn read_type(fields: &mut Fields<'_>, owner: &str, findings: &mut Findings) -> Option<String> {
    let node = fields.required("type", findings)?;
    let kind = fields.required_text("type", findings)?;
    fields.rename(format!("{owner}: actor type `{}`", shown(kind)));
    if kind.starts_with(RESERVED) {
        let message = format!("{}: types that begin with `{RESERVED}` are Dapr's own", fields.owner());
        findings.error_hint(node.at, message, "give it another name");
        return None;
    }
    let good = |c: char| c.is_ascii_graphic() && !"/\\%?#|\"`".contains(c);
    if kind.len() > MAX_TYPE || !kind.chars().all(good) || kind.chars().all(|c| c == '.') {
        let message = format!("{}: that can't be the name of a type", fields.owner());
        findings.error_hint(node.at, message, "a type has up to 200 letters, digits and signs that a path may hold");
        return None;
    }
    Some(kind.to_owned())
}

fn read_reentrancy(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Reentrancy> {
    let owner = format!("{}: `reentrancy`", fields.owner());
    let mut fields = Fields::open(fields.node("reentrancy")?, owner, findings)?;
    let enabled = fields.flag("enabled", findings).unwrap_or_default();
    let depth = fields.integer("maxStackDepth", 1..=MAX_DEPTH, findings);
    keys::close(fields, &[REENTRANCY], Unknown::Error, findings);
    Some(Reentrancy { enabled, max_stack_depth: depth.and_then(|depth| u32::try_from(depth).ok()) })
}
