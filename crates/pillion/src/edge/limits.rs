//! Every bound of the HTTP server, with its default.

use std::time::Duration;

/// File descriptors that stay free for models, components and logs.
const RESERVED_DESCRIPTORS: u64 = 256;
/// Never more connections than this, however many descriptors there are.
const MAX_CONNECTIONS: usize = 10_000;
/// What Go's HTTP server reads past `MaxHeaderBytes`; so daprd takes `--read-buffer-size` and this much more.
const GO_HEADER_SLOP: usize = 4 * 1024;

/// What kind of clients a port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// An app's: problem bodies, and the edge checks paths by [`pillion_api::path::normalise`]; the result is in the
    /// request's extensions.
    App,
    /// Dapr's API: its error bodies, and the service checks paths, which may hold a key or an address with encoded
    /// slashes in one segment.
    DaprApi,
}

/// What one port takes. Sizes are bytes.
#[derive(Clone, Debug)]
pub(crate) struct EdgeLimits {
    /// From the first byte of a head (on a new connection: from its accept) to the head's end.
    pub(crate) header_read: Duration,
    /// Between two pieces of a request body; over it 408.
    pub(crate) body_idle: Duration,
    /// While a client takes nothing of what is written.
    pub(crate) write_idle: Duration,
    /// Between two requests.
    pub(crate) keep_alive_idle: Duration,
    /// Connections at the same time; further ones wait in the kernel's backlog.
    pub(crate) connections: usize,
    /// Request line and headers together; over it 431.
    pub(crate) header_bytes: usize,
    /// Path and query; over it 414.
    pub(crate) uri_bytes: usize,
    /// Request body; over it 413.
    pub(crate) body_bytes: u64,
    /// HTTP/2 streams at the same time on one connection.
    pub(crate) h2_streams: u32,
    /// How refusals look, and who checks paths.
    pub(crate) face: Face,
}

impl EdgeLimits {
    /// The limits of an app's own port.
    pub(crate) fn app() -> Self {
        Self {
            header_read: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            write_idle: Duration::from_secs(30),
            keep_alive_idle: Duration::from_secs(60),
            connections: default_connections(),
            header_bytes: 64 * 1024,
            uri_bytes: 8 * 1024,
            body_bytes: 4 * 1024 * 1024,
            h2_streams: 200,
            face: Face::App,
        }
    }

    /// The limits of a Dapr API port; `read_buffer_size` and `body_bytes` are daprd's flags of those names.
    pub(crate) fn dapr_api(read_buffer_size: usize, body_bytes: u64) -> Self {
        Self { header_bytes: read_buffer_size + GO_HEADER_SLOP, body_bytes, face: Face::DaprApi, ..Self::app() }
    }
}

fn default_connections() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let free = descriptors.unwrap_or(u64::MAX).saturating_sub(RESERVED_DESCRIPTORS);
    // A tiny descriptor limit still has to serve someone.
    usize::try_from(free).unwrap_or(usize::MAX).clamp(16, MAX_CONNECTIONS)
}
