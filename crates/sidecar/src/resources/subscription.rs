//! The Subscription resource, in both of its versions, and the routes that programmatic subscriptions write the same way.

use super::{Origin, load::Head};
use crate::yaml::{Fields, Findings, Node, Unknown, shown};
use pillion_api::pubsub::{Bulk, Destination, Rule, Source, Subscription};

/// How many rules one subscription may have.
const MAX_RULES: usize = 100;

/// A subscription that a file declares for some apps.
#[derive(Clone, Debug)]
pub struct DeclaredSubscription {
    /// `metadata.name`.
    pub name: String,
    /// The namespace that it is for.
    pub namespace: Option<String>,
    /// What is subscribed to.
    pub subscription: Subscription,
    /// The apps that it is for; empty is all.
    pub scopes: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

impl DeclaredSubscription {
    pub(super) fn read(fields: &mut Fields<'_>, head: Head, v2: bool, findings: &mut Findings) -> Option<Self> {
        let node = fields.required("spec", findings)?;
        let mut spec = Fields::open(node, format!("`spec` of subscription `{}`", head.name), findings)?;
        let pubsub = spec.required_text("pubsubname", findings);
        let topic = spec.required_text("topic", findings);
        let (rules, default) = match v2 {
            true => read_routes(&mut spec, findings),
            false => (Vec::new(), spec.required_text("route", findings).map(str::to_owned)),
        };
        let subscription = Subscription {
            pubsub: pubsub?.to_owned(),
            topic: topic?.to_owned(),
            rules,
            default: default.map(Destination::Path),
            metadata: spec.text_map("metadata", findings),
            dead_letter_topic: spec.text("deadLetterTopic", findings).map(str::to_owned),
            bulk: spec.node("bulkSubscribe").and_then(|node| read_bulk(node, findings)),
            source: Source::Declarative,
        };
        spec.close(Unknown::Warning, findings);
        // Why was found already.
        if subscription.rules.is_empty() && subscription.default.is_none() {
            return None;
        }
        Some(Self {
            name: head.name,
            namespace: head.namespace,
            subscription,
            scopes: head.scopes,
            origin: head.origin,
        })
    }
}

fn read_routes(spec: &mut Fields<'_>, findings: &mut Findings) -> (Vec<Rule>, Option<String>) {
    let Some(node) = spec.required("routes", findings) else { return Default::default() };
    let Some(mut routes) = Fields::open(node, "`routes`", findings) else { return Default::default() };
    let default = routes.text("default", findings).map(str::to_owned);
    let nodes = routes.list("rules", findings);
    if nodes.is_empty() && default.is_none() {
        findings.error_hint(node.at, "`routes` has no route", "add `default: /path`");
    }
    if nodes.len() > MAX_RULES {
        findings.error(node.at, format!("more than {MAX_RULES} rules in one subscription"));
    }
    let rules = nodes.iter().take(MAX_RULES).filter_map(|node| read_rule(node, findings)).collect();
    routes.close(Unknown::Warning, findings);
    (rules, default)
}

fn read_rule(node: &Node, findings: &mut Findings) -> Option<Rule> {
    let mut rule = Fields::open(node, "a rule", findings)?;
    let matches = rule.text("match", findings).unwrap_or_default().trim().to_owned();
    let path = rule.required_text("path", findings)?.to_owned();
    if let Err(wrong) = crate::pubsub::Expression::compile(&matches) {
        let at = node.get("match").map_or(node.at, |node| node.at);
        findings.error(at, format!("`match: {}` is no CEL expression: {wrong}", shown(&matches)));
        return None;
    }
    rule.close(Unknown::Warning, findings);
    Some(Rule { matches, path })
}

fn read_bulk(node: &Node, findings: &mut Findings) -> Option<Bulk> {
    let mut bulk = Fields::open(node, "`bulkSubscribe`", findings)?;
    let enabled = bulk.flag("enabled", findings).unwrap_or(false);
    let messages = bulk.integer("maxMessagesCount", 0..=i64::from(i32::MAX), findings);
    let wait = bulk.integer("maxAwaitDurationMs", 0..=i64::from(i32::MAX), findings);
    bulk.close(Unknown::Warning, findings);
    enabled.then(|| Bulk::of(messages, wait))
}
