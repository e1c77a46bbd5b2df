//! `limits:`: what one call of a guest may use. What is left out has the runtime's default.

use super::{
    keys::{self, Acts, Key},
    units,
};
use pillion_sidecar::yaml::{Fields, Findings, Node, Unknown, shown};
use std::time::Duration;

/// One row a limit: field, key, how it is read, least value (bytes, milliseconds, count), default, meaning.
macro_rules! limits {
    ($($field:ident: $type:ty, $key:literal, $kind:ident, $least:literal, $default:literal, $about:literal;)*) => {
        /// The limits that a manifest sets.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Limits {
            $(#[doc = $about] pub(crate) $field: Option<$type>,)*
        }

        pub(super) const LIMITS: &[Key] = &[$(
            Key { name: $key, kind: stringify!($kind), default: $default, about: $about, acts: Acts::Now },
        )*];

        impl Limits {
            /// These, and where they are silent, the others.
            #[must_use]
            pub(crate) fn or(self, others: &Self) -> Self {
                Self { $($field: self.$field.or(others.$field),)* }
            }

            fn read(fields: &mut Fields<'_>, findings: &mut Findings) -> Self {
                Self { $($field: fields.parsed($key, |text| $kind(text, $least), findings),)* }
            }
        }
    };
}

limits! {
    memory: u64, "memory", size, 65536, "64Mi", "all memories and tables of an instance together";
    timeout: Duration, "timeout", duration, 1, "5s", "wall clock of one call, from admission to the last byte of the answer";
    concurrency: u64, "concurrency", count, 1, "100", "calls at the same time";
    queue_wait: Duration, "queueWait", duration, 0, "1s", "how long a call may wait for its turn";
    request: u64, "request", size, 0, "4Mi", "a request body";
    response: u64, "response", size, 0, "16Mi", "a response body, or what a command writes to stdout";
    log: u64, "log", size, 0, "1Mi", "log output of one call";
    log_line: u64, "logLine", size, 80, "8Ki", "one line of log output; the rest of a longer one is cut";
    log_rate: u64, "logRate", size, 0, "1Mi", "log output of all calls in one second";
    table_elements: u64, "tableElements", count, 0, "100000", "elements of all tables together";
    memories: u64, "memories", count, 1, "4", "memories of an instance";
    tables: u64, "tables", count, 0, "8", "tables of an instance";
    instances: u64, "instances", count, 1, "50", "core instances of an instance";
    resources: u64, "resources", count, 8, "1000", "open handles: files, streams, headers, bodies";
    hostcall_fuel: u64, "hostcallFuel", size, 4096, "8Mi", "bytes that one host call may take from the guest";
    random: u64, "random", size, 0, "64Ki", "random bytes of one request for them";
    fields: u64, "fields", size, 1024, "64Ki", "the header fields of one message";
    outgoing: u64, "outgoing", count, 0, "16", "outgoing requests at the same time";
    outgoing_body: u64, "outgoingBody", size, 0, "16Mi", "the body of one outgoing request, and of its answer";
    host_calls: u64, "hostCalls", count, 0, "1000", "calls of building blocks, outgoing requests and inferences in one call";
    host_buffers: u64, "hostBuffers", size, 0, "64Mi", "what the host holds for a call: inputs of inference, decoded pictures";
}

/// Reads a `limits:` mapping.
pub(super) fn read(node: &Node, owner: &str, findings: &mut Findings) -> Limits {
    let Some(mut fields) = Fields::open(node, format!("{owner}: `limits`"), findings) else { return Limits::default() };
    let limits = Limits::read(&mut fields, findings);
    keys::close(fields, &[LIMITS], Unknown::Error, findings);
    limits
}

fn size(text: &str, least: u64) -> Result<u64, String> {
    match units::size(text)? {
        bytes if bytes < least => Err(format!("less than {least} bytes is not enough")),
        bytes => Ok(bytes),
    }
}

fn duration(text: &str, least: u64) -> Result<Duration, String> {
    match units::duration(text)? {
        time if time < Duration::from_millis(least) => Err(format!("less than {least} ms is not enough")),
        time => Ok(time),
    }
}

/// A count is one of 32 bits, so that it fits wherever it is used.
fn count(text: &str, least: u64) -> Result<u64, String> {
    match text.parse::<u32>() {
        Ok(count) if u64::from(count) < least => Err(format!("less than {least} is not enough")),
        Ok(count) => Ok(count.into()),
        Err(_) => Err(format!("`{}` is no whole number below 2^32", shown(text))),
    }
}
