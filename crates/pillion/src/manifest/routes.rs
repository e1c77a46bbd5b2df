//! `routes:` and `on:`: what reaches which guest.

use super::{
    Actor, Guest, Route, RouteTarget, Trigger, TriggerKind, Workflows,
    keys::{self, BULK, ON, ROUTE},
    paths::{Base, Wanted},
    wasm::is_name,
};
use http::Method;
use pillion_api::{diagnostic::Severity, path, pubsub::Bulk};
use pillion_sidecar::yaml::{Entry, Fields, Findings, Node, Unknown, shown};
use std::collections::BTreeMap;

/// How many routes, and how many triggers, one app may have.
pub(super) const MAX_ROUTES: usize = 1000;

/// How many names a hint lists.
const MAX_HINT: usize = 10;

/// The guests that a route may name, also those whose own entry is wrong: one mistake gives one finding.
pub(super) struct Names {
    names: Vec<String>,
    /// The name of a lone `source` isn't for use in the file.
    lone: Option<String>,
}

impl Names {
    pub(super) fn new(fields: &Fields<'_>, guests: &BTreeMap<String, Guest>) -> Self {
        let declared = fields.mapping().get("guests").and_then(Node::as_mapping);
        let names = declared.map_or_else(
            || guests.keys().cloned().collect(),
            |declared| declared.entries().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(),
        );
        let unread = names.is_empty() && fields.mapping().get("source").is_some();
        let lone = match names.as_slice() {
            [only] => Some(only.clone()),
            _ => unread.then(String::new),
        };
        Self { names, lone }
    }

    /// The guest that `guest:` names, else the only one.
    pub(super) fn find(&self, fields: &mut Fields<'_>, findings: &mut Findings) -> Option<String> {
        let Some(node) = fields.node("guest") else {
            if self.lone.is_none() {
                let message =
                    format!("{}: `guest` is missing, as the app has {} guests", fields.owner(), self.names.len());
                let hint = format!(
                    "add `guest:` with one of `{}`",
                    self.good().take(MAX_HINT).collect::<Vec<_>>().join("`, `")
                );
                findings.error_hint(fields.at(), message, hint);
            }
            return self.lone.clone();
        };
        let name = fields.text("guest", findings)?;
        if self.names.iter().any(|known| known == name) {
            return Some(name.to_owned());
        }
        let message = format!("{}: there is no guest `{}`", fields.owner(), shown(name));
        findings.unknown(Severity::Error, node.at, message, name, self.good());
        None
    }

    /// Guests that a list names.
    pub(super) fn listed(&self, key: &'static str, fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<String> {
        let owner = fields.owner().to_owned();
        let mut listed = Vec::new();
        for (at, name) in fields.texts(key, findings) {
            if listed.iter().any(|known| known == name) {
                findings.error(at, format!("{owner}: the guest `{}` is there twice", shown(name)));
            } else if self.names.iter().any(|known| known == name) {
                listed.push(name.to_owned());
            } else {
                let message = format!("{owner}: there is no guest `{}`", shown(name));
                findings.unknown(Severity::Error, at, message, name, self.good());
            }
        }
        listed
    }

    /// The names that a hint may give.
    fn good(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| is_name(name))
    }
}

/// Reads `routes:`; without it, a lone guest answers everything.
pub(super) fn read(fields: &mut Fields<'_>, names: &Names, base: Base<'_>, findings: &mut Findings) -> Vec<Route> {
    if fields.mapping().get("routes").is_none() {
        fields.node("routes");
        return everything(fields, names);
    }
    let owner = fields.owner().to_owned();
    let nodes = bounded("routes", fields, findings);
    let routes: Vec<_> = nodes.iter().filter_map(|node| read_route(node, &owner, names, base, findings)).collect();
    check_twice(&routes, findings);
    routes
}

fn everything(fields: &Fields<'_>, names: &Names) -> Vec<Route> {
    let route = |(guest, path)| Route { path, methods: Vec::new(), target: RouteTarget::Guest(guest), at: fields.at() };
    names.lone.clone().zip(path::normalise("/").ok()).map(route).into_iter().collect()
}

pub(super) fn bounded<'a>(key: &'static str, fields: &mut Fields<'a>, findings: &mut Findings) -> &'a [Node] {
    let nodes = fields.list(key, findings);
    if let Some(node) = nodes.get(MAX_ROUTES) {
        findings.error(node.at, format!("{}: `{key}` has more than {MAX_ROUTES} entries", fields.owner()));
    }
    &nodes[..nodes.len().min(MAX_ROUTES)]
}

fn read_route(node: &Node, owner: &str, names: &Names, base: Base<'_>, findings: &mut Findings) -> Option<Route> {
    let mut fields = Fields::open(node, format!("{owner}: a route"), findings)?;
    let path = read_path(&mut fields, owner, findings);
    let methods = read_methods(&mut fields, findings);
    let target = read_target(&mut fields, names, base, findings);
    keys::close(fields, &[ROUTE], Unknown::Error, findings);
    Some(Route { path: path?, methods, target: target?, at: node.at })
}

fn read_path(fields: &mut Fields<'_>, owner: &str, findings: &mut Findings) -> Option<path::Path> {
    let node = fields.required("path", findings)?;
    let text = fields.required_text("path", findings)?;
    fields.rename(format!("{owner}: route `{}`", shown(text)));
    if !text.starts_with('/') || text.contains(['?', '#', '*', '{']) {
        let message = format!("{}: the path must begin with `/` and hold no query and no pattern", fields.owner());
        findings.error_hint(node.at, message, "a route takes its path and everything below it");
        return None;
    }
    path::normalise(text).map_err(|wrong| findings.error(node.at, format!("{}: {wrong}", fields.owner()))).ok()
}

fn read_methods(fields: &mut Fields<'_>, findings: &mut Findings) -> Vec<Method> {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut methods = Vec::new();
    for (at, text) in fields.texts("methods", findings) {
        match KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(text)) {
            Some(known) => methods.extend(Method::from_bytes(known.as_bytes()).ok()),
            None => {
                let message = format!("{}: unknown method `{}`", fields.owner(), shown(text));
                findings.unknown(Severity::Error, at, message, text, KNOWN);
            }
        }
    }
    methods
}

fn read_target(fields: &mut Fields<'_>, names: &Names, base: Base<'_>, findings: &mut Findings) -> Option<RouteTarget> {
    let (directory, redirect) = (fields.entry("directory"), fields.entry("redirect"));
    let chosen = [fields.entry("guest"), directory, redirect].into_iter().flatten().collect::<Vec<_>>();
    if let [_, second, ..] = chosen.as_slice() {
        let message = format!("{}: `guest`, `directory` and `redirect` exclude each other", fields.owner());
        findings.error(second.at, message);
        return None;
    }
    match (directory, redirect) {
        (Some(entry), _) => {
            let text = fields.text("directory", findings)?;
            base.existing("directory", entry.value.at, text, Wanted::Folder, findings).map(RouteTarget::Directory)
        }
        (_, Some(entry)) => read_redirect(entry, fields, findings),
        _ => names.find(fields, findings).map(RouteTarget::Guest),
    }
}

fn read_redirect(entry: &Entry, fields: &mut Fields<'_>, findings: &mut Findings) -> Option<RouteTarget> {
    let text = fields.text("redirect", findings)?;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && (text.starts_with('/') || text.starts_with("https://") || text.starts_with("http://")) {
        return Some(RouteTarget::Redirect(text.to_owned()));
    }
    let message = format!("{}: `redirect: {}` is no address", fields.owner(), shown(text));
    findings.error_hint(entry.value.at, message, "write a path that begins with `/`, or a whole URL");
    None
}

fn check_twice(routes: &[Route], findings: &mut Findings) {
    let mut first: BTreeMap<&path::Path, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        let earlier = first.entry(&route.path).or_default();
        if let Some(one) = earlier.iter().find(|earlier| share_a_method(earlier, route)) {
            let message =
                format!("the route `{}` is already taken by that in line {}", shown(route.path.as_str()), one.at.0);
            findings.error_hint(route.at, message, "give the two different paths or different `methods`");
        }
        earlier.push(route);
    }
}

fn share_a_method(one: &Route, other: &Route) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| other.methods.contains(method))
}

/// Reads `on:`.
pub(super) fn read_triggers(fields: &mut Fields<'_>, names: &Names, findings: &mut Findings) -> Vec<Trigger> {
    let owner = fields.owner().to_owned();
    let nodes = bounded("on", fields, findings);
    let triggers: Vec<_> = nodes.iter().filter_map(|node| read_trigger(node, &owner, names, findings)).collect();
    for (index, trigger) in triggers.iter().enumerate() {
        let same = |other: &&Trigger| same_source(&other.kind, &trigger.kind);
        if let Some(one) = triggers[..index].iter().find(same) {
            findings.error(trigger.at, format!("{owner}: what starts a guest here already does in line {}", one.at.0));
        }
    }
    triggers
}

fn same_source(one: &TriggerKind, other: &TriggerKind) -> bool {
    match (one, other) {
        (TriggerKind::Topic { pubsub: a, topic: b, .. }, TriggerKind::Topic { pubsub: c, topic: d, .. }) => {
            (a, b) == (c, d)
        }
        _ => one == other,
    }
}

fn read_trigger(node: &Node, owner: &str, names: &Names, findings: &mut Findings) -> Option<Trigger> {
    let mut fields = Fields::open(node, format!("{owner}: `on`"), findings)?;
    let kind = read_kind(&mut fields, findings);
    let guest = names.find(&mut fields, findings);
    // Asked for whatever the kind: a key of another kind gets its own message.
    for (other, with) in [
        ("topic", "pubsub"),
        ("deadLetterTopic", "pubsub"),
        ("metadata", "pubsub"),
        ("streaming", "pubsub"),
        ("bulkSubscribe", "pubsub"),
        ("keys", "configuration"),
    ] {
        let wrong = kind.as_ref().is_some_and(|kind| key_of(kind) != with);
        if let Some(entry) = fields.entry(other).filter(|_| wrong) {
            findings.error(entry.at, format!("{}: `{other}` goes with `{with}` only", fields.owner()));
        }
    }
    keys::close(fields, &[ON], Unknown::Error, findings);
    Some(Trigger { kind: kind?, guest: guest?, at: node.at })
}

/// The key that says what a trigger is.
fn key_of(kind: &TriggerKind) -> &'static str {
    match kind {
        TriggerKind::Topic { .. } => "pubsub",
        TriggerKind::Binding(_) => "binding",
        TriggerKind::Job(_) => "job",
        TriggerKind::Configuration { .. } => "configuration",
    }
}

fn read_kind(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<TriggerKind> {
    let [pubsub, binding, job, configuration] =
        ["pubsub", "binding", "job", "configuration"].map(|key| fields.entry(key));
    let topic = fields.entry("topic").is_some();
    let dead_letter = fields.text("deadLetterTopic", findings).map(str::to_owned);
    let metadata = fields.text_map("metadata", findings);
    let streaming = fields.flag("streaming", findings).unwrap_or(false);
    let bulk = read_bulk(fields, findings);
    if streaming && bulk.is_some() {
        let message = format!("{}: `streaming` and `bulkSubscribe` exclude each other", fields.owner());
        findings.error_hint(fields.at(), message, "Dapr streams events one by one: leave one of the two out");
    }
    let keys = fields.texts("keys", findings).into_iter().map(|(_, key)| key.to_owned()).collect();
    match [pubsub, binding, job, configuration].into_iter().flatten().collect::<Vec<_>>().as_slice() {
        [] => {
            let message = format!("{}: `pubsub`, `binding`, `job` or `configuration` is missing", fields.owner());
            findings.error_hint(fields.at(), message, "write `{ pubsub: <component>, topic: <topic> }`");
            return None;
        }
        [_] => {}
        [_, second, ..] => {
            let message =
                format!("{}: `pubsub`, `binding`, `job` and `configuration` exclude each other", fields.owner());
            findings.error(second.at, message);
            return None;
        }
    }
    if binding.is_some() {
        return fields.required_text("binding", findings).map(|name| TriggerKind::Binding(name.to_owned()));
    }
    if job.is_some() {
        return fields.required_text("job", findings).map(|name| TriggerKind::Job(name.to_owned()));
    }
    if configuration.is_some() {
        let store = fields.required_text("configuration", findings)?.to_owned();
        return Some(TriggerKind::Configuration { store, keys });
    }
    let pubsub = fields.required_text("pubsub", findings).map(str::to_owned);
    if !topic {
        findings.error(fields.at(), format!("{}: `topic` is missing", fields.owner()));
        return None;
    }
    let topic = fields.required_text("topic", findings).map(str::to_owned);
    Some(TriggerKind::Topic { pubsub: pubsub?, topic: topic?, dead_letter, metadata, streaming, bulk })
}

/// Dapr's words and defaults; what is not enabled is not there.
fn read_bulk(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Bulk> {
    let owner = format!("{}: `bulkSubscribe`", fields.owner());
    let mut bulk = Fields::open(fields.node("bulkSubscribe")?, owner, findings)?;
    let enabled = bulk.flag("enabled", findings).unwrap_or(false);
    let messages = bulk.integer("maxMessagesCount", 1..=i64::from(Bulk::MOST_MESSAGES), findings);
    let wait = bulk.integer("maxAwaitDurationMs", 1..=i64::from(Bulk::LONGEST_AWAIT_MS), findings);
    keys::close(bulk, &[BULK], Unknown::Error, findings);
    enabled.then(|| Bulk::of(messages, wait))
}

/// A guest that nothing reaches is most likely a forgotten route.
pub(super) fn check_reached(
    fields: &Fields<'_>,
    guests: &BTreeMap<String, Guest>,
    routes: &[Route],
    triggers: &[Trigger],
    workflows: Option<&Workflows>,
    actors: &[Actor],
    findings: &mut Findings,
) {
    let works =
        |name: &String| workflows.is_some_and(|found| found.spec.guests.is_empty() || found.spec.guests.contains(name));
    for (name, guest) in guests {
        let routed = routes.iter().any(|route| matches!(&route.target, RouteTarget::Guest(target) if target == name));
        let started = triggers.iter().map(|trigger| &trigger.guest).chain(actors.iter().map(|actor| &actor.guest));
        if !routed && !works(name) && !started.into_iter().any(|guest| guest == name) && !findings.has_errors() {
            findings.warning(guest.at, format!("{}: nothing reaches the guest `{name}`", fields.owner()));
        }
    }
}
