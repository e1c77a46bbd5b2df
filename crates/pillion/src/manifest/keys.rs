//! Every key that the manifest may have: what the readers are held to and what the reference page is made from.

use super::limits::LIMITS;
use pillion_sidecar::yaml::{Fields, Findings, Node, Unknown, Value};
use std::fmt::Write;

/// Whether a key changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acts {
    /// It does.
    Now,
    /// It is read and checked, and a warning says that nothing follows from it.
    NotYet,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As it is written.
    pub(crate) name: &'static str,
    /// What stands behind it.
    pub(crate) kind: &'static str,
    /// What holds without it; empty where nothing does.
    pub(crate) default: &'static str,
    /// What it says.
    #[allow(dead_code, reason = "for the reference page")]
    pub(crate) about: &'static str,
    /// Whether it changes anything.
    pub(crate) acts: Acts,
}

/// The keys of one mapping.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "for the reference page")]
pub(crate) struct Block {
    /// Where the mapping stands.
    pub(crate) path: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

const fn key(name: &'static str, kind: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, kind, default, about, acts: Acts::Now }
}

const fn not_yet(name: &'static str, kind: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { acts: Acts::NotYet, ..key(name, kind, default, about) }
}

/// All mappings of the file.
#[allow(dead_code, reason = "for the reference page")]
pub(crate) const BLOCKS: &[Block] = &[
    Block { path: "", keys: FILE },
    Block { path: "common", keys: SHARED },
    Block { path: "apps[]", keys: APP },
    Block { path: "apps[]", keys: SHARED },
    Block { path: "apps[].wasm", keys: WASM },
    Block { path: "apps[].wasm.guests.<name>", keys: GUEST },
    Block { path: "apps[].wasm.routes[]", keys: ROUTE },
    Block { path: "apps[].wasm.on[]", keys: ON },
    Block { path: "apps[].wasm.on[].bulkSubscribe", keys: BULK },
    Block { path: "apps[].wasm.workflows", keys: WORKFLOWS },
    Block { path: "apps[].wasm.actors[]", keys: ACTOR },
    Block { path: "apps[].wasm.actors[].reentrancy", keys: REENTRANCY },
    Block { path: "apps[].wasm.build", keys: BUILD },
    Block { path: "apps[].wasm.limits", keys: LIMITS },
    Block { path: "apps[].wasm.models.<name>", keys: MODEL },
    Block { path: "apps[].wasm.models.<name>.labels", keys: LABELS },
    Block { path: "apps[].wasm.databases.<name>", keys: DATABASE },
    Block { path: "apps[].wasm.allow", keys: ALLOW },
];

pub(super) const FILE: &[Key] = &[
    key("version", "number", "", "version of the format; required, 1"),
    key("name", "text", "", "name of the run"),
    key("common", "mapping", "", "what holds for every app that doesn't say otherwise"),
    key("apps", "list", "", "the apps; required"),
];

pub(super) const APP: &[Key] = &[
    key("appID", "text", "base name of appDirPath", "the app's Dapr id"),
    key("appDirPath", "path", "", "the app's folder, relative to the file; required"),
    key("appPort", "port", "0: chosen at start", "port of the app channel"),
    not_yet("appChannelAddress", "text", "127.0.0.1", "address of the app channel"),
    key("daprHTTPPort", "port", "0: chosen at start", "port of the sidecar's HTTP API"),
    not_yet("daprGRPCPort", "port", "0: chosen at start", "port of the sidecar's gRPC API"),
    not_yet("daprInternalGRPCPort", "port", "0: chosen at start", "port for other sidecars"),
    not_yet("profilePort", "port", "0: chosen at start", "port of the sidecar's profiles"),
    not_yet("metricsPort", "port", "0: chosen at start", "port of the sidecar's metrics"),
    not_yet("unixDomainSocket", "path", "", "folder for sockets instead of ports"),
    key("command", "list of texts", "", "program and arguments of a native app; used by `dapr run -f` for a Wasm app"),
    not_yet("containerImage", "text", "", "image for `dapr run -k`"),
    not_yet("containerImagePullPolicy", "text", "", "pull policy for `dapr run -k`"),
    not_yet("createService", "true or false", "false", "whether `dapr run -k` makes a Service"),
    key("wasm", "mapping", "", "makes the app one of guests"),
];

pub(super) const SHARED: &[Key] = &[
    key("configFilePath", "path", ".dapr/config.yaml", "the Configuration"),
    not_yet("appProtocol", "http, https, grpc, grpcs or h2c", "http", "protocol of a native app"),
    not_yet("apiListenAddresses", "text", "127.0.0.1", "addresses of the sidecar's API"),
    not_yet("enableProfiling", "true or false", "false", "whether the sidecar serves profiles"),
    not_yet("logLevel", "debug, info, warn, error or fatal", "info", "least severe records that are logged"),
    key("appMaxConcurrency", "number", "no bound", "calls of the app at a time"),
    not_yet("placementHostAddress", "text", "", "the placement service"),
    not_yet("schedulerHostAddress", "text", "", "the scheduler service"),
    key("resourcesPath", "path", "", "a folder of resources; deprecated by Dapr, use resourcesPaths"),
    key("resourcesPaths", "list of paths", ".dapr/resources", "folders of resources"),
    not_yet("appSSL", "true or false", "false", "whether a native app speaks TLS"),
    key("maxBodySize", "size", "4Mi", "largest request body of the sidecar"),
    not_yet("readBufferSize", "size", "4Ki", "largest request head of the sidecar"),
    not_yet("enableAppHealthCheck", "true or false", "false", "whether the app is asked for its health"),
    not_yet("appHealthCheckPath", "text", "/healthz", "path of the health check"),
    not_yet("appHealthProbeInterval", "number", "5", "seconds between health checks"),
    not_yet("appHealthProbeTimeout", "number", "500", "milliseconds that a health check may take"),
    not_yet("appHealthThreshold", "number", "3", "failed health checks until the app counts as ill"),
    not_yet("enableApiLogging", "true or false", "false", "whether each call of the sidecar is logged"),
    key("runtimePath", "path", "home", "folder that holds .dapr"),
    key("env", "mapping of texts", "", "environment of the app; an app's own wins"),
    not_yet("daprdLogDestination", "file, console or fileAndConsole", "console", "where the sidecar's log goes"),
    not_yet("appLogDestination", "file, console or fileAndConsole", "console", "where the app's output goes"),
];

/// How a guest's instances are kept: of all guests of an app, or of one.
const MODE: Key = key(
    "mode",
    "fresh, reset, reuse or concurrent",
    "fresh",
    "what a call finds of earlier ones: nothing, the state right after the guest's start, or all they left",
);
const INIT: Key = key(
    "init",
    "text",
    "wizer-initialize, wizer.initialize or _initialize",
    "the function that is the start of a guest with `mode: reset`",
);
const REUSE: Key = key(
    "reuse",
    "number",
    "1000",
    "calls that one instance of a guest serves: one at a time with `mode: reuse`, several with `mode: concurrent`",
);
const AT_ONCE: Key = key(
    "atOnce",
    "number",
    "16",
    "calls at the same time in one instance of a guest with `mode: concurrent`, which is for wasi:http 0.3 alone",
);

pub(super) const WASM: &[Key] = &[
    key("source", "path", "", "the only guest; either this or guests"),
    key("guests", "mapping", "", "several guests by name; either this or source"),
    key("call", "text", "found by its shape", "the export to call, where a guest has several"),
    key("routes", "list", "everything to the only guest", "who answers which path"),
    key("on", "list", "", "what starts a guest beside requests"),
    key("workflows", "mapping", "", "makes the app one with workflows; `{}` has every bound as it is by default"),
    key("actors", "list", "", "actor types that the app hosts beside a daprd"),
    key("maxActiveActors", "number", "500", "actors that are active at the same time; at most 5000"),
    key("env", "mapping of texts", "", "environment of every guest, beside the app's"),
    key("args", "list of texts", "", "arguments of every guest"),
    key("build", "mapping", "", "how the guests are built"),
    key("limits", "mapping", "", "what one call may use"),
    key("models", "mapping", "", "models by the name that the guests use"),
    key("databases", "mapping", "", "databases of SQLite by the name that the guests open; no others are had"),
    key("allow", "mapping", "", "what the guests may touch; nothing else is"),
    MODE,
    INIT,
    REUSE,
    AT_ONCE,
];

pub(super) const GUEST: &[Key] = &[
    key("source", "path", "", "the guest's file, relative to appDirPath; required"),
    key("call", "text", "wasm.call", "the export to call"),
    key("env", "mapping of texts", "", "environment of this guest; wins over wasm.env"),
    key("args", "list of texts", "wasm.args", "arguments of this guest"),
    key("build", "mapping", "wasm.build", "how this guest is built"),
    key("limits", "mapping", "wasm.limits", "what one call of this guest may use"),
    MODE,
    INIT,
    REUSE,
    AT_ONCE,
];

pub(super) const ROUTE: &[Key] = &[
    key("path", "text", "", "the path, with everything below it; required"),
    key("methods", "list of texts", "all", "HTTP methods that are taken"),
    key("guest", "text", "the only guest", "the guest that answers"),
    key("directory", "path", "", "the folder whose files answer"),
    key("redirect", "text", "", "the address that answers instead"),
];

pub(super) const ON: &[Key] = &[
    key("pubsub", "text", "", "a pub/sub component"),
    key("topic", "text", "", "a topic of it"),
    key("deadLetterTopic", "text", "", "where events go that could not be handled"),
    key("metadata", "mapping of texts", "", "metadata of the subscription"),
    key(
        "streaming",
        "true or false",
        "false",
        "whether a daprd streams them to the app, which needs no port for that then",
    ),
    key("bulkSubscribe", "mapping", "", "how many messages come at once; a dapr guest has a bulk-topic-handler then"),
    key("binding", "text", "", "an input binding"),
    key("job", "text", "", "a job"),
    key("configuration", "text", "", "a configuration store, followed from the start"),
    key("keys", "list of texts", "all", "the keys of it"),
    key("guest", "text", "the only guest", "the guest that is started"),
];

pub(super) const BULK: &[Key] = &[
    key("enabled", "true or false", "false", "whether messages come several at once"),
    key("maxMessagesCount", "number", "100", "at most so many, and at most 10000"),
    key(
        "maxAwaitDurationMs",
        "number",
        "1000",
        "milliseconds that the first of them waits for the others, at most 60000",
    ),
];

pub(super) const WORKFLOWS: &[Key] = &[
    key("guests", "list of texts", "all that have some", "the guests with workflows or activities"),
    key("turns", "number", "100", "turns of workflows at the same time"),
    key("activities", "number", "100", "activities at the same time"),
    key("history", "number", "100000", "events of one instance's history; a longer one ends it"),
    key("actions", "number", "1000", "activities, children and timers that a workflow may ask for in one turn"),
    key("payload", "size", "1Mi", "one input or output"),
    key("workItem", "size", "64Mi", "what daprd may hand out at once: a whole history"),
];

pub(super) const ACTOR: &[Key] = &[
    key("type", "text", "", "the actor type; required"),
    key("guest", "text", "the only guest", "the guest that is its actors; it has an actor-handler"),
    key("idleTimeout", "duration", "1h", "an actor that nobody called so long is deactivated"),
    key("drainOngoingCallTimeout", "duration", "Dapr's, 60s", "how long a call may go on of an actor that moves"),
    key("drainRebalancedActors", "true or false", "false", "whether such a call may go on at all"),
    key("reentrancy", "mapping", "", "whether Dapr lets calls of one chain in together"),
];

pub(super) const REENTRANCY: &[Key] = &[
    key(
        "enabled",
        "true or false",
        "false",
        "whether it does: then a chain that comes back gets its error at once, whoever called",
    ),
    key("maxStackDepth", "number", "32", "the most calls of one chain"),
];

pub(super) const BUILD: &[Key] = &[
    key("command", "text", "", "the shell command that builds; required"),
    key("watch", "list of texts", "", "patterns of the files that it reads"),
    key("directory", "path", "appDirPath", "where it runs"),
];

pub(super) const MODEL: &[Key] = &[
    key("file", "path", "", "the model's file; either this or url"),
    key("url", "text", "", "where the model is fetched once; either this or file"),
    key("sha256", "text", "", "digest of the model; required with url, checked with file"),
    key("labels", "path or mapping", "", "a text file that the guests read as /models/<name>/labels.txt"),
];

pub(super) const LABELS: &[Key] = &[
    key("file", "path", "", "the labels' file; either this or url"),
    key("url", "text", "", "where the labels are fetched once; either this or file"),
    key("sha256", "text", "", "digest of the labels; required with url, checked with file"),
];

pub(super) const DATABASE: &[Key] = &[
    key("file", "path", "", "the database's file, made if it is not there; its folder is; required"),
    key("size", "size", "256Mi", "what it may hold; at least 64Ki"),
];

pub(super) const ALLOW: &[Key] = &[
    key("state", "list of texts", "", "`store` or `store/key-prefix*`"),
    key("publish", "list of texts", "", "`pubsub/topic`, or `pubsub` for every topic of it"),
    key("invoke", "list of texts", "", "an app id, or `app/path-prefix*`"),
    key("bindings", "list of texts", "", "`binding` or `binding/operation`"),
    key("secrets", "list of texts", "", "`store` or `store/secret`"),
    key("configuration", "list of texts", "", "`store` or `store/key-prefix*`"),
    key("locks", "list of texts", "", "`store` or `store/resource`"),
    key("crypto", "list of texts", "", "`component` or `component/key`"),
    key("conversation", "list of texts", "", "a conversation component"),
    key("jobs", "list of texts", "", "a job's name, or `*` for every one"),
    key("actors", "list of texts", "", "an actor type, or `type/id-prefix*`"),
    key(
        "workflows",
        "list of texts",
        "",
        "a workflow's name to start it, an instance's id to steer it; `*` for every one",
    ),
    key("hosts", "list of texts", "", "`host`, `host:port`, `*.domain`, a scheme before it if neither http nor https"),
    key("files", "list of texts", "", "`host-folder:guest-folder[:ro]`"),
    key("models", "list of texts", "", "a model of this app; declaring one allows it"),
];

/// Ends the reading of a mapping: unknown keys are reported, and those known that nothing follows from.
pub(super) fn close(fields: Fields<'_>, tables: &[&[Key]], unknown: Unknown, findings: &mut Findings) {
    let keys = || tables.iter().copied().flatten();
    debug_assert!(fields.asked().iter().all(|asked| keys().any(|key| key.name == *asked)), "a key without a row");
    debug_assert!(keys().all(|key| fields.asked().contains(&key.name)), "a row that nobody reads: {}", fields.owner());
    for entry in fields.mapping().entries() {
        let key = keys().find(|key| key.acts == Acts::NotYet && key.name == entry.key);
        if key.is_some_and(|key| asks_for_more(&entry.value, key.default)) {
            findings.warning(entry.at, format!("{}: `{}` is not yet acted on", fields.owner(), entry.key));
        }
    }
    fields.close(unknown, findings);
}

/// Whether a value asks for something that doesn't happen anyway.
fn asks_for_more(value: &Node, default: &str) -> bool {
    match &value.value {
        // Dapr writes 0 and -1 for a port or a bound that is left open.
        Value::Scalar(scalar) => {
            let open =
                scalar.is_null() || scalar.as_bool() == Some(false) || matches!(scalar.as_integer(), Some(-1 | 0));
            !open && !scalar.text.eq_ignore_ascii_case(default)
        }
        Value::Sequence(items) => !items.is_empty(),
        Value::Mapping(mapping) => !mapping.entries().is_empty(),
    }
}

/// All keys as a Markdown table for the reference page.
#[allow(dead_code, reason = "for the reference page")]
pub(crate) fn table() -> String {
    let mut out = String::from("| key | value | default | meaning |\n|---|---|---|---|\n");
    for block in BLOCKS {
        for key in block.keys {
            let dot = if block.path.is_empty() { "" } else { "." };
            let later = if key.acts == Acts::NotYet { " (not yet acted on)" } else { "" };
            let Key { name, kind, default, about, .. } = key;
            // Writing to a string can't fail.
            let _ = writeln!(out, "| `{}{dot}{name}` | {kind} | {default} | {about}{later} |", block.path);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// `UPDATE_EXPECT=1` writes the page anew.
    #[test]
    fn the_reference_page_is_made_of_this_table() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/manifest.md");
        let text = format!(
            "# The manifest\n\nDapr's multi-app run file, `dapr.yaml`, with a `wasm:` key for each app of guests. Dapr's own command line ignores\nthat key. Made from `crates/pillion/src/manifest/keys.rs`. Sizes are written as `64Mi`, durations as `1m30s`.\n\n{}",
            table()
        );
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&page, &text).expect("written");
        }
        assert_eq!(fs::read_to_string(&page).unwrap_or_default(), text, "stale: run the tests with UPDATE_EXPECT=1");
    }
}
