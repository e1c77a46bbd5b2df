//! The bindings building block: calls out to another system, and events that come in from one.

use crate::Metadata;
use bytes::Bytes;

/// Asks an output binding to do something.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What: `create`, `get`, `delete`, `list`, or a word of the component's own.
    pub operation: String,
    /// What to do it with; the component says what it takes.
    pub data: Bytes,
    /// Component-specific extras.
    pub metadata: Metadata,
}

/// What an output binding answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// As the component gave it.
    pub data: Bytes,
    /// Component-specific extras.
    pub metadata: Metadata,
}

/// Something that an input binding saw.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The component.
    pub binding: String,
    /// As the component gave it; empty for `bindings.cron`.
    pub data: Bytes,
    /// Component-specific extras; headers over HTTP.
    pub metadata: Metadata,
}

/// What an app said to the event of an input binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Goes back to the component, and to the bindings of `to`.
    pub data: Bytes,
    /// Output bindings that get `data` with the operation `create`. An app over HTTP can name none.
    pub to: Vec<String>,
    /// Whether those bindings are asked at the same time.
    pub parallel: bool,
}
