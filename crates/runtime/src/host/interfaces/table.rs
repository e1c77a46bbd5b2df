//! The table of interfaces: who may import what by which names, and what it becomes here.

use super::{blobstore, config, keyvalue, llm, logging, messaging, nn, otel, secrets, sqlite, variables};
use crate::instance::Host;
use wasmtime::component::LinkerInstance;

/// An interface in one shape.
pub(crate) struct Interface {
    /// Package and interface, as a guest imports them, without the version.
    pub(crate) path: &'static str,
    /// The versions that have this shape; an empty one is an import without a version.
    pub(crate) versions: &'static [&'static str],
    /// What it becomes, as `inspect` says it.
    pub(crate) becomes: &'static str,
    /// The building block, and the line of `allow:` that grants it.
    pub(crate) needs: (&'static str, &'static str),
    /// Whether its functions are async, which only guests of WASI 0.3 can call.
    pub(crate) is_async: bool,
    pub(crate) define: fn(&mut LinkerInstance<'_, Host>) -> wasmtime::Result<()>,
}

const STATE: (&str, &str) = ("state", "state: [<store>]");
const CONFIGURATION: (&str, &str) = ("configuration", "configuration: [<component>]");
const SECRETS: (&str, &str) = ("secrets", "secrets: [<store>]");
const PUBLISH: (&str, &str) = ("pub/sub", "publish: [<pubsub>/<topic>]");
const BINDINGS: (&str, &str) = ("bindings", "bindings: [<binding>]");
const CONVERSATION: (&str, &str) = ("conversation", "conversation: [<component>]");
const INFERENCE: (&str, &str) = ("inference", "models: [<model>]");
const DATABASES: (&str, &str) = ("SQL databases", "");
const NOTHING: (&str, &str) = ("", "");

const OPENED: &str = "state components, by the name that the guest opens";
const OF_BUCKET: &str = "state components, those that the guest has opened";
const SETTINGS: &str = "configuration components, then the app's environment";
const VARIABLES: &str = "configuration components, then secret stores, then the app's environment";
const CONNECTED: &str = "pub/sub components, by the name that the guest connects to";
const PUBLISHED: &str = "pub/sub: what is sent is published";
const REFUSED: &str = "nothing: pub/sub has no replies, and every request is refused";
const OF_SUBJECT: &str = "pub/sub: a subject is a topic of the only component, or `component/topic`";
const CONTAINERS: &str = "output bindings that keep objects, by the container's name";
const OBJECTS: &str = "get, create, delete and list of an output binding";
const MODEL: &str = "conversation components: the one that the model is named for, else the only one";
const NAMED: &str = "files of SQLite, by their names under `databases:`";
const RECORDS: &str = "records alone";
const OTEL: &str = "0.2.0-rc.2";
const NN: &str = "0.2.0-rc-2024-10-28";
const HANDLES: &str = "secret stores of the app";

const fn sync(
    path: &'static str,
    versions: &'static [&'static str],
    becomes: &'static str,
    needs: (&'static str, &'static str),
    define: fn(&mut LinkerInstance<'_, Host>) -> wasmtime::Result<()>,
) -> Interface {
    Interface { path, versions, becomes, needs, is_async: false, define }
}

/// One whose functions are async.
const fn concurrent(
    path: &'static str,
    versions: &'static [&'static str],
    becomes: &'static str,
    needs: (&'static str, &'static str),
    define: fn(&mut LinkerInstance<'_, Host>) -> wasmtime::Result<()>,
) -> Interface {
    Interface { is_async: true, ..sync(path, versions, becomes, needs, define) }
}

/// Of each interface the newest shape first: an unknown version is tried in this order.
pub(crate) const INTERFACES: &[Interface] = &[
    sync("wasi:keyvalue/store", &["0.2.0-draft2"], OPENED, STATE, keyvalue::store2),
    sync("wasi:keyvalue/store", &["0.2.0-draft"], OPENED, STATE, keyvalue::store),
    sync("wasi:keyvalue/atomics", &["0.2.0-draft2"], OF_BUCKET, STATE, keyvalue::atomics2),
    sync("wasi:keyvalue/atomics", &["0.2.0-draft"], OF_BUCKET, STATE, keyvalue::atomics),
    sync("wasi:keyvalue/batch", &["0.2.0-draft2"], OF_BUCKET, STATE, keyvalue::batch2),
    sync("wasi:keyvalue/batch", &["0.2.0-draft"], OF_BUCKET, STATE, keyvalue::batch),
    sync("fermyon:spin/key-value", &["2.0.0"], OPENED, STATE, keyvalue::spin),
    concurrent("spin:key-value/key-value", &["3.0.0"], OPENED, STATE, keyvalue::spin_async),
    sync(
        "wasi:config/store",
        &["0.2.0-rc.1", "0.2.0-draft", "0.2.0-draft-2024-09-27"],
        SETTINGS,
        CONFIGURATION,
        config::define,
    ),
    // The name of the same interface before it was called `store`.
    sync("wasi:config/runtime", &["0.2.0-draft"], SETTINGS, CONFIGURATION, config::define),
    sync("fermyon:spin/variables", &["2.0.0"], VARIABLES, CONFIGURATION, variables::define),
    concurrent("wasmcloud:keyvalue/types", &["0.2.0"], OF_BUCKET, STATE, keyvalue::cloud_types),
    concurrent("wasmcloud:keyvalue/store", &["0.2.0"], OPENED, STATE, keyvalue::cloud_store),
    concurrent("wasmcloud:keyvalue/atomics", &["0.2.0"], OF_BUCKET, STATE, keyvalue::cloud_atomics),
    concurrent("wasmcloud:keyvalue/cas", &["0.2.0"], OF_BUCKET, STATE, keyvalue::cloud_cas),
    concurrent("wasmcloud:keyvalue/batch", &["0.2.0"], OF_BUCKET, STATE, keyvalue::cloud_batch),
    concurrent("spin:variables/variables", &["3.0.0"], VARIABLES, CONFIGURATION, variables::define_async),
    concurrent("wasmcloud:secrets/store", &["2.1.0"], HANDLES, SECRETS, secrets::store_async),
    sync("wasmcloud:secrets/store", &["0.1.0-draft"], HANDLES, SECRETS, secrets::store),
    concurrent("wasmcloud:secrets/reveal", &["2.1.0"], HANDLES, SECRETS, secrets::reveal_async),
    sync("wasmcloud:secrets/reveal", &["0.1.0-draft"], HANDLES, SECRETS, secrets::reveal),
    sync("wasi:messaging/types", &["0.2.0-draft"], CONNECTED, PUBLISH, messaging::types),
    sync("wasi:messaging/producer", &["0.2.0-draft"], PUBLISHED, PUBLISH, messaging::producer),
    sync("wasi:messaging/request-reply", &["0.2.0-draft"], REFUSED, PUBLISH, messaging::request_reply),
    // Two packages go by 0.3.0: the types of the newer one are no functions, so that those of the older one do for both.
    sync("wasmcloud:messaging/types", &["0.3.0"], CONNECTED, NOTHING, messaging::types),
    sync("wasmcloud:messaging/producer", &["0.3.0"], PUBLISHED, PUBLISH, messaging::producer),
    sync("wasmcloud:messaging/request-reply", &["0.3.0"], REFUSED, PUBLISH, messaging::request_reply),
    concurrent("wasmcloud:messaging/consumer", &["0.3.0"], OF_SUBJECT, PUBLISH, messaging::streaming_consumer),
    sync("wasmcloud:messaging/types", &["0.2.0"], RECORDS, NOTHING, messaging::broker_types),
    sync("wasmcloud:messaging/consumer", &["0.2.0"], OF_SUBJECT, PUBLISH, messaging::consumer),
    sync("fermyon:spin/redis-types", &[""], RECORDS, NOTHING, messaging::redis_types),
    concurrent("spin:redis/redis", &["3.0.0"], RECORDS, NOTHING, messaging::redis_types),
    sync(
        "wasi:blobstore/types",
        &["0.2.0-draft"],
        "values on their way to or from a binding",
        BINDINGS,
        blobstore::types,
    ),
    sync("wasi:blobstore/container", &["0.2.0-draft"], OBJECTS, BINDINGS, blobstore::container),
    sync("wasi:blobstore/blobstore", &["0.2.0-draft"], CONTAINERS, BINDINGS, blobstore::blobstore),
    sync("fermyon:spin/llm", &["2.0.0"], MODEL, CONVERSATION, llm::define),
    sync("fermyon:spin/sqlite", &["2.0.0"], NAMED, DATABASES, sqlite::define),
    concurrent("spin:sqlite/sqlite", &["3.1.0"], NAMED, DATABASES, sqlite::concurrent::define),
    sync("spin:sqlite/sqlite", &["3.0.0"], NAMED, DATABASES, sqlite::define3),
    sync("wasi:nn/tensor", &[NN], "tensors of a call", INFERENCE, nn::tensor),
    sync("wasi:nn/graph", &[NN], "models of the app, by name or by their bytes", INFERENCE, nn::graph),
    sync("wasi:nn/inference", &[NN], "inference in this process", INFERENCE, nn::inference),
    sync("wasi:nn/errors", &[NN], "failures of inference", INFERENCE, nn::errors),
    sync("wasi:otel/types", &[OTEL], RECORDS, NOTHING, otel::types),
    sync("wasi:otel/tracing", &[OTEL], "spans in the trace of the call", NOTHING, otel::tracing),
    sync("wasi:otel/logs", &[OTEL], "the guest's log, with its levels", NOTHING, otel::logs),
    sync("wasi:otel/metrics", &[OTEL], "nothing: the host counts by itself", NOTHING, otel::metrics),
    sync("wasi:logging/logging", &["0.1.0-draft", ""], "the guest's log, with its levels", NOTHING, logging::define),
];
