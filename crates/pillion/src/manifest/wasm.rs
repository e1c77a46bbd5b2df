//! `wasm:`: an app of guests.

use super::{
    Actor, Limits, Model, actors, allow, databases,
    keys::{self, BUILD, GUEST, WASM},
    limits, models, modes,
    paths::{Base, Wanted, named},
    routes, settings,
    workflows::{self, Workflows},
};
use http::Method;
use pillion_api::{Metadata, path, policy::Allow, pubsub::Bulk};
use pillion_runtime::Mode;
use pillion_sidecar::{
    DatabaseFile,
    yaml::{Entry, Fields, Findings, Node, Place, Unknown, shown},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How many guests one app may have.
pub(super) const MAX_GUESTS: usize = 100;
/// The longest name of a guest or model.
const MAX_NAME: usize = 63;

/// An app of guests.
#[derive(Clone, Debug, Default)]
pub(crate) struct WasmApp {
    /// At least one guest by name, or routes that need none.
    pub(crate) guests: BTreeMap<String, Guest>,
    /// Who answers which path; a lone guest without routes answers `/`.
    pub(crate) routes: Vec<Route>,
    /// What starts guests beside requests.
    pub(crate) triggers: Vec<Trigger>,
    /// Its workflows, if it has some.
    pub(crate) workflows: Option<Workflows>,
    /// Actor types, each of a guest.
    pub(crate) actors: Vec<Actor>,
    /// Actors that may be active at the same time.
    pub(crate) max_active_actors: usize,
    /// How all guests are built, for those that don't say it themselves.
    #[allow(dead_code, reason = "each guest has it, too")]
    pub(crate) build: Option<Build>,
    /// Models by the name that the guests use.
    pub(crate) models: BTreeMap<String, Model>,
    /// Databases by the name that the guests open.
    pub(crate) databases: BTreeMap<String, DatabaseFile>,
    /// What the guests may touch.
    pub(crate) allow: Allow,
    /// `allow.files`, read.
    pub(crate) directories: Vec<Directory>,
}

/// One guest.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// Its file, which exists.
    pub(crate) source: PathBuf,
    /// Where the file names its source.
    pub(crate) at: Place,
    /// The export to call.
    pub(crate) call: Option<String>,
    /// Its environment, the app's not included.
    pub(crate) env: BTreeMap<String, String>,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// What one call may use.
    pub(crate) limits: Limits,
    /// What its calls find of earlier ones.
    pub(crate) mode: Mode,
    /// How it is built.
    pub(crate) build: Option<Build>,
}

/// How guests are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Build {
    /// The shell command.
    pub(crate) command: String,
    /// Patterns of the files that it reads, relative to `directory`.
    pub(crate) watch: Vec<String>,
    /// Where it runs.
    pub(crate) directory: PathBuf,
}

/// A path with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The path in its normal form.
    pub(crate) path: path::Path,
    /// Methods that are taken; none takes all.
    pub(crate) methods: Vec<Method>,
    /// Who answers.
    pub(crate) target: RouteTarget,
    /// Where the route stands.
    pub(crate) at: Place,
}

/// Who answers a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteTarget {
    /// A guest of the app, which exists.
    Guest(String),
    /// The files of a folder, which exists.
    Directory(PathBuf),
    /// Another address.
    Redirect(String),
}

/// What starts a guest beside requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// What it is.
    pub(crate) kind: TriggerKind,
    /// The guest, which exists.
    pub(crate) guest: String,
    /// Where the trigger stands.
    pub(crate) at: Place,
}

/// Kinds of triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TriggerKind {
    /// Events of a topic.
    Topic {
        /// The pub/sub component.
        pubsub: String,
        /// The topic.
        topic: String,
        /// Where events go that could not be handled.
        dead_letter: Option<String>,
        /// Metadata of the subscription.
        metadata: Metadata,
        /// Whether daprd streams them, rather than post them to the app's port.
        streaming: bool,
        /// Present where several come at once.
        bulk: Option<Bulk>,
    },
    /// Events of an input binding.
    Binding(String),
    /// A job.
    Job(String),
    /// Changes of configuration.
    Configuration {
        /// The component.
        store: String,
        /// The keys; none is all.
        keys: Vec<String>,
    },
}

/// A folder that the guests see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    /// On this machine; it exists.
    pub(crate) host: PathBuf,
    /// Its name in the guest.
    pub(crate) guest: String,
    /// Whether it can't be changed.
    pub(crate) read_only: bool,
}

/// What `wasm:` says of every guest.
struct Defaults {
    call: Option<String>,
    env: BTreeMap<String, String>,
    args: Vec<String>,
    limits: Limits,
    mode: Option<Mode>,
    build: Option<Build>,
}

/// Reads a `wasm:` mapping of the app `owner`.
pub(super) fn read(node: &Node, owner: &str, base: Base<'_>, findings: &mut Findings) -> Option<WasmApp> {
    let mut fields = Fields::open(node, format!("{owner}: `wasm`"), findings)?;
    let owner = fields.owner().to_owned();
    let defaults = read_defaults(&mut fields, base, findings);
    let guests = read_guests(&mut fields, &defaults, base, findings);
    let names = routes::Names::new(&fields, &guests);
    let routes = routes::read(&mut fields, &names, base, findings);
    let triggers = routes::read_triggers(&mut fields, &names, findings);
    let workflows = fields.node("workflows").and_then(|node| workflows::read(node, &owner, &names, findings));
    let actors = actors::read(&mut fields, &names, findings);
    let max_active_actors = actors::read_most(&mut fields, findings);
    routes::check_reached(&fields, &guests, &routes, &triggers, workflows.as_ref(), &actors, findings);
    let models = models::read(fields.entries("models", findings), &owner, base, findings);
    let databases = databases::read(fields.entries("databases", findings), &owner, base, findings);
    let allow = fields.node("allow").map(|node| allow::read(node, &owner, base, findings));
    let (allow, directories) = allow.unwrap_or_default();
    keys::close(fields, &[WASM], Unknown::Error, findings);
    let build = defaults.build;
    Some(WasmApp {
        guests,
        routes,
        triggers,
        workflows,
        actors,
        max_active_actors,
        build,
        models,
        databases,
        allow,
        directories,
    })
}

fn read_defaults(fields: &mut Fields<'_>, base: Base<'_>, findings: &mut Findings) -> Defaults {
    let owner = fields.owner().to_owned();
    Defaults {
        mode: modes::read(fields, findings),
        call: fields.text("call", findings).map(str::to_owned),
        env: settings::read_env(fields, "env", findings),
        args: fields.texts("args", findings).into_iter().map(|(_, text)| text.to_owned()).collect(),
        limits: fields.node("limits").map(|node| limits::read(node, &owner, findings)).unwrap_or_default(),
        build: fields.node("build").and_then(|node| read_build(node, &owner, base, findings)),
    }
}

/// The guests by name: those of `guests`, or that of `source` under its file's name.
fn read_guests(
    fields: &mut Fields<'_>,
    defaults: &Defaults,
    base: Base<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, Guest> {
    let source = fields.entry("source");
    let entries = fields.entries("guests", findings);
    let given = fields.mapping().get("guests");
    match (source, given) {
        (Some(source), Some(_)) => {
            let message = format!("{}: `source` and `guests` exclude each other", fields.owner());
            findings.error_hint(source.at, message, "move the source into `guests: { name: { source: … } }`");
        }
        (Some(source), None) => {
            return read_source(&source.value, fields.owner(), defaults, base, findings).into_iter().collect();
        }
        (None, Some(_)) => {}
        // Routes to folders and redirects need no guest.
        (None, None) if fields.mapping().get("routes").is_some() => {}
        (None, None) => {
            let message = format!("{}: `source` is missing", fields.owner());
            findings.error_hint(fields.at(), message, "add `source: guest.wasm`, or `guests:` for several");
        }
    }
    if let Some(first_too_many) = entries.get(MAX_GUESTS) {
        findings.error(first_too_many.at, format!("{}: more than {MAX_GUESTS} guests", fields.owner()));
    }
    let owner = fields.owner().to_owned();
    let guest = |entry| read_guest(entry, &owner, defaults, base, findings);
    entries.iter().take(MAX_GUESTS).filter_map(guest).collect()
}

fn read_source(
    node: &Node,
    owner: &str,
    defaults: &Defaults,
    base: Base<'_>,
    findings: &mut Findings,
) -> Option<(String, Guest)> {
    let source = check_source(node, owner, defaults.build.as_ref(), base, findings)?;
    let name = guest_name(&source);
    let Defaults { call, env, args, limits, mode, build } = defaults;
    let (call, env, args, limits, build) = (call.clone(), env.clone(), args.clone(), limits.clone(), build.clone());
    let mode = mode.clone().unwrap_or_default();
    Some((name, Guest { source, at: node.at, call, env, args, limits, mode, build }))
}

/// What a lone guest is called: its file's name without the ending and without what a name may not have.
pub(super) fn guest_name(source: &Path) -> String {
    let stem = source.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let name: String = stem.chars().take(MAX_NAME).map(|c| if is_name_char(c) { c } else { '-' }).collect();
    if is_name(&name) { name } else { "guest".to_owned() }
}

fn read_guest(
    entry: &Entry,
    owner: &str,
    defaults: &Defaults,
    base: Base<'_>,
    findings: &mut Findings,
) -> Option<(String, Guest)> {
    let owner = format!("{owner}: guest `{}`", shown(&entry.key));
    check_name(&entry.key, "a guest", entry.at, findings);
    let mut fields = Fields::open(&entry.value, &owner, findings)?;
    let own = read_defaults(&mut fields, base, findings);
    let build = own.build.or_else(|| defaults.build.clone());
    let node = fields.required("source", findings);
    let source = node.and_then(|node| check_source(node, &owner, build.as_ref(), base, findings));
    let has_args = fields.mapping().get("args").is_some();
    keys::close(fields, &[GUEST], Unknown::Error, findings);
    let mut env = defaults.env.clone();
    env.extend(own.env);
    let guest = Guest {
        source: source?,
        at: node.map_or(entry.at, |node| node.at),
        call: own.call.or_else(|| defaults.call.clone()),
        env,
        args: if has_args { own.args } else { defaults.args.clone() },
        limits: own.limits.or(&defaults.limits),
        mode: own.mode.or_else(|| defaults.mode.clone()).unwrap_or_default(),
        build,
    };
    Some((entry.key.clone(), guest))
}

fn check_source(
    node: &Node,
    owner: &str,
    build: Option<&Build>,
    base: Base<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let Some(text) = node.text() else {
        findings.error(node.at, format!("{owner}: `source` must be a path, but is {}", node.kind()));
        return None;
    };
    if let Some((scheme, _)) = text.split_once("://") {
        let message = format!("{owner}: `source: {}`: sources of `{scheme}://` are not yet read", shown(text));
        findings.error_hint(node.at, message, "fetch the guest into a file and name that");
        return None;
    }
    let path = match base.resolve(text) {
        Ok(path) => path,
        Err(wrong) => {
            findings.error(node.at, format!("{owner}: `source: {}`: {wrong}", shown(text)));
            return None;
        }
    };
    let may_come = base.places.unbuilt && build.is_some() && !path.exists();
    if base.folder.is_none() || path.is_file() || may_come {
        return Some(path);
    }
    let wrong = if path.exists() { "is not a file" } else { "does not exist" };
    let message = format!("{owner}: the guest `{}` {wrong}", named(&path));
    match build {
        Some(build) => findings.error_hint(
            node.at,
            message,
            format!("build it first, by `pillion build` or `{}`", shown(&build.command)),
        ),
        None => findings.error_hint(
            node.at,
            message,
            "the path is relative to `appDirPath`; if it is built, say how with `build:`",
        ),
    }
    None
}

fn read_build(node: &Node, owner: &str, base: Base<'_>, findings: &mut Findings) -> Option<Build> {
    let mut fields = Fields::open(node, format!("{owner}: `build`"), findings)?;
    let command = fields.required_text("command", findings).map(str::to_owned);
    let watch = fields.texts("watch", findings).into_iter().map(|(_, text)| text.to_owned()).collect();
    let directory = match fields.node("directory") {
        Some(node) => {
            let text = fields.text("directory", findings);
            text.and_then(|text| base.existing("directory", node.at, text, Wanted::Folder, findings))
        }
        None => Some(base.folder.map_or_else(PathBuf::new, PathBuf::from)),
    };
    keys::close(fields, &[BUILD], Unknown::Error, findings);
    Some(Build { command: command?, watch, directory: directory? })
}

/// Names of guests and models become parts of paths and metrics.
pub(super) fn check_name(name: &str, what: &str, at: Place, findings: &mut Findings) {
    if !is_name(name) {
        let message = format!("`{}` can't be the name of {what}", shown(name));
        findings.error_hint(at, message, "a name has up to 63 letters, digits, `-`, `_` and `.`");
    }
}

/// Whether something may be called so.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME && name.chars().all(is_name_char) && !name.chars().all(|c| c == '.')
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}
