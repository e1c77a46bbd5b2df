//! The guests: name, package, kind, and where a manifest expects each.

use std::path::PathBuf;

use crate::run;

/// One Wasm program that is built from source.
pub(crate) struct Guest {
    /// The name of its file in `guests/out/`.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Its folder, from the root.
    pub(crate) folder: &'static str,
    pub(crate) kind: Kind,
    /// A second place, from the root: beside the manifest that names it.
    pub(crate) copy: Option<&'static str>,
    /// Flags of the compiler beside those of every guest.
    pub(crate) flags: &'static str,
}

/// How a guest is built and finished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A preview 1 program with `_start`.
    Command,
    /// A component: the preview 1 adapter fills in what std wants. `proxy` imports least, `reactor` has all of wasi:cli.
    Http { adapter: &'static str },
    /// A library with bytes exports of its own.
    Bindgen,
    /// A library whose bytes exports come from wasm-bindgen's own tool, which goes by the compiler's features.
    Web,
}

impl Kind {
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Web => "wasm32-unknown-unknown",
            _ => "wasm32-wasip1",
        }
    }
}

impl Guest {
    /// Cargo's file name: libraries have underscores, programs keep their name. A guest that shares a package shares this.
    pub(crate) fn artifact(&self) -> String {
        match self.kind {
            Kind::Command => self.name.to_owned(),
            Kind::Web => self.package.replace('-', "_"),
            _ => self.name.replace('-', "_"),
        }
    }

    /// Where the example's manifest expects it.
    pub(crate) fn copy_file(&self) -> Option<PathBuf> {
        self.copy.map(|file| run::root().join(file))
    }
}

const PROXY: Kind = Kind::Http { adapter: "proxy" };
const REACTOR: Kind = Kind::Http { adapter: "reactor" };
/// The form of wasm-bindgen's exports before today's: a result goes to a slot on the guest's stack instead of being two
/// values, and the table of JavaScript's values is no import.
const WEB_SLOT: &str = "-Ctarget-feature=-reference-types,-multivalue";
/// For a guest that computes. The engine looks at its clock at the begin of each function and loop, around which every
/// live value is spilled; compilers take calls for cheaper than that. A grey picture takes 7 % less, for 27 % of size.
const INLINE: &str = "-Cllvm-args=-inline-threshold=700";

/// A guest for the runtime's tests, in `guests/<name>`.
const fn test(name: &'static str, folder: &'static str, kind: Kind) -> Guest {
    Guest { name, package: name, folder, kind, copy: None, flags: "" }
}

/// Every guest. Each must appear in a test: `cargo xtask guests --check`.
pub(crate) const GUESTS: &[Guest] = &[
    Guest {
        name: "grayscale",
        package: "image-api-rs",
        folder: "examples/dapr-wasm/image-api-rs",
        kind: Kind::Command,
        copy: Some("examples/dapr-wasm/image-api-rs/grayscale.wasm"),
        flags: INLINE,
    },
    Guest {
        name: "classify",
        package: "image-api-go",
        folder: "examples/dapr-wasm/image-api-go",
        kind: Kind::Bindgen,
        copy: Some("examples/dapr-wasm/image-api-go/classify.wasm"),
        flags: "",
    },
    Guest {
        name: "hello",
        package: "web-port-hello",
        folder: "examples/dapr-wasm/web-port/hello",
        kind: PROXY,
        copy: Some("examples/dapr-wasm/web-port/hello.wasm"),
        flags: "",
    },
    Guest {
        name: "order-approval",
        package: "order-approval",
        folder: "examples/order-approval/orders",
        kind: REACTOR,
        copy: Some("examples/order-approval/order-approval.wasm"),
        flags: "",
    },
    test("bindgen-classic", "guests/bindgen-classic", Kind::Bindgen),
    test("bindgen-wasmedge", "guests/bindgen-wasmedge", Kind::Bindgen),
    test("bindgen-web", "guests/bindgen-web", Kind::Web),
    Guest { package: "bindgen-web", flags: WEB_SLOT, ..test("bindgen-web-slot", "guests/bindgen-web", Kind::Web) },
    test("dapr-calls", "guests/dapr-calls", REACTOR),
    test("dapr-actor", "guests/dapr-actor", REACTOR),
    test("dapr-cases", "guests/dapr-cases", REACTOR),
    test("dapr-cleaner", "guests/dapr-cleaner", REACTOR),
    test("dapr-counter", "guests/dapr-counter", REACTOR),
    test("dapr-digits", "guests/dapr-digits", REACTOR),
    test("dapr-hello", "guests/dapr-hello", REACTOR),
    test("dapr-orders", "guests/dapr-orders", REACTOR),
    test("dapr-shipping", "guests/dapr-shipping", REACTOR),
    test("echo-command", "guests/echo-command", Kind::Command),
    test("event-recorder", "guests/event-recorder", Kind::Command),
    test("http-call", "guests/http-call", PROXY),
    test("http-candidate", "guests/http-candidate", PROXY),
    test("http-cases", "guests/http-cases", REACTOR),
    test("http-dapr", "guests/http-dapr", REACTOR),
    test("http-echo", "guests/http-echo", REACTOR),
    test("http-grpc", "guests/http-grpc", REACTOR),
    test("http-hello", "guests/http-hello", PROXY),
    test("http-prepared", "guests/http-prepared", PROXY),
    test("http-service", "guests/http-service", PROXY),
    test("message-producer", "guests/message-producer", REACTOR),
    test("message-service", "guests/message-service", REACTOR),
    test("message-spin", "guests/message-spin", REACTOR),
    test("message-spin-async", "guests/message-spin-async", REACTOR),
    test("message-wasi", "guests/message-wasi", REACTOR),
    test("message-wasmcloud", "guests/message-wasmcloud", REACTOR),
    test("message-watcher", "guests/message-watcher", REACTOR),
    test("http-subscriber", "guests/http-subscriber", REACTOR),
    test("http-wasm", "guests/http-wasm", Kind::Bindgen),
    test("tf-first", "guests/tf-first", Kind::Bindgen),
    test("tf-second", "guests/tf-second", Kind::Bindgen),
    test("wasi-cases", "guests/wasi-cases", REACTOR),
    test("workflow-cases", "guests/workflow-cases", REACTOR),
];

/// All names, for a message.
pub(crate) fn names() -> String {
    GUESTS.iter().map(|guest| guest.name).collect::<Vec<_>>().join(", ")
}
