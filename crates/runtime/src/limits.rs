//! What one call of a guest may use, each bound with its default and the key of the manifest that raises it.

use std::time::Duration;

/// Bounds of one guest. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All memories and tables of an instance together.
    pub memory: u64,
    /// Wall clock of one call, from admission to the last byte of the answer.
    pub timeout: Duration,
    /// Calls at the same time.
    pub concurrency: usize,
    /// How long a call may wait for its turn.
    pub queue_wait: Duration,
    /// A request body.
    pub request: u64,
    /// A response body, or what a command writes to stdout.
    pub response: u64,
    /// Log output (stderr, and stdout of an http guest) of one call.
    pub log: u64,
    /// One line of log output; the rest of a longer one is cut.
    pub log_line: usize,
    /// Log output of all calls of the guest in one second.
    pub log_rate: u64,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Memories of an instance.
    pub memories: usize,
    /// Tables of an instance.
    pub tables: usize,
    /// Core instances of an instance: one for a core module, a handful for a component.
    pub instances: usize,
    /// Open handles: files, streams, headers, bodies.
    pub resources: usize,
    /// Bytes that one host call may take from the guest. A call may always carry a whole response: a program that writes
    /// its output at once does.
    pub hostcall_fuel: usize,
    /// Random bytes of one request for them.
    pub random: u64,
    /// The header fields of one message, with their bookkeeping.
    pub fields: usize,
    /// Outgoing requests at the same time, over all calls of the guest.
    pub outgoing: usize,
    /// The body of one outgoing request, and of its answer.
    pub outgoing_body: u64,
    /// Calls of building blocks, outgoing requests and inferences in one call.
    pub host_calls: u64,
    /// What the host holds on behalf of a call: inputs of inference sessions, decoded pictures.
    pub host_buffers: u64,
}

impl Limits {
    /// Bytes of one host call, the largest output that is allowed included.
    pub(crate) fn hostcall_bytes(&self) -> usize {
        self.hostcall_fuel.max(usize::try_from(self.response).unwrap_or(usize::MAX))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            timeout: Duration::from_secs(5),
            concurrency: 100,
            queue_wait: Duration::from_secs(1),
            request: 4 << 20,
            response: 16 << 20,
            log: 1 << 20,
            log_line: 8 << 10,
            log_rate: 1 << 20,
            table_elements: 100_000,
            memories: 4,
            tables: 8,
            instances: 50,
            resources: 1000,
            hostcall_fuel: 8 << 20,
            random: 64 << 10,
            fields: 64 << 10,
            outgoing: 16,
            outgoing_body: 16 << 20,
            host_calls: 1000,
            host_buffers: 64 << 20,
        }
    }
}

/// The keys of the manifest, as errors name them.
pub mod key {
    /// [`Limits::memory`](super::Limits::memory).
    pub const MEMORY: &str = "limits.memory";
    /// [`Limits::timeout`](super::Limits::timeout), in milliseconds.
    pub const TIMEOUT: &str = "limits.timeout";
    /// [`Limits::concurrency`](super::Limits::concurrency).
    pub const CONCURRENCY: &str = "limits.concurrency";
    /// [`Limits::request`](super::Limits::request).
    pub const REQUEST: &str = "limits.request";
    /// [`Limits::queue_wait`](super::Limits::queue_wait), in milliseconds.
    pub const QUEUE_WAIT: &str = "limits.queueWait";
    /// [`Limits::response`](super::Limits::response).
    pub const RESPONSE: &str = "limits.response";
    /// [`Limits::table_elements`](super::Limits::table_elements).
    pub const TABLE_ELEMENTS: &str = "limits.tableElements";
    /// [`Limits::memories`](super::Limits::memories).
    pub const MEMORIES: &str = "limits.memories";
    /// [`Limits::tables`](super::Limits::tables).
    pub const TABLES: &str = "limits.tables";
    /// [`Limits::instances`](super::Limits::instances).
    pub const INSTANCES: &str = "limits.instances";
    /// [`Limits::resources`](super::Limits::resources).
    pub const RESOURCES: &str = "limits.resources";
    /// [`Limits::hostcall_fuel`](super::Limits::hostcall_fuel).
    pub const HOSTCALL_FUEL: &str = "limits.hostcallFuel";
    /// [`Limits::fields`](super::Limits::fields).
    pub const FIELDS: &str = "limits.fields";
    /// [`Limits::outgoing_body`](super::Limits::outgoing_body).
    pub const OUTGOING_BODY: &str = "limits.outgoingBody";
    /// [`Limits::host_calls`](super::Limits::host_calls).
    pub const HOST_CALLS: &str = "limits.hostCalls";
    /// [`Limits::host_buffers`](super::Limits::host_buffers).
    pub const HOST_BUFFERS: &str = "limits.hostBuffers";
}
