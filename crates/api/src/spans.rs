//! Spans that guests make themselves, on their way to whoever exports those of the process.

use crate::trace::TraceContext;
use std::time::SystemTime;

/// Takes spans that have ended. What takes them bounds what waits.
pub trait Spans: Send + Sync {
    /// A span of a guest has ended.
    fn ended(&self, app: &str, guest: &str, span: Span);
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its trace and its id.
    pub context: TraceContext,
    /// The span that it is part of; none for 0.
    pub parent: u64,
    /// What it stands for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Names with their values as JSON.
    pub attributes: Vec<Attribute>,
    /// What happened meanwhile.
    pub events: Vec<Event>,
    /// Spans that it has to do with.
    pub links: Vec<(TraceContext, Vec<Attribute>)>,
    /// How it went.
    pub status: Status,
    /// The library that made it.
    pub library: String,
    /// Attributes, events and links that are left out.
    pub dropped: [u32; 3],
}

/// A name, and its value as JSON.
pub type Attribute = (String, String);

/// Something at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// When it was.
    pub time: SystemTime,
    /// Names with their values as JSON.
    pub attributes: Vec<Attribute>,
}

/// What a span stands for, in OpenTelemetry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Client,
    Server,
    Producer,
    Consumer,
    Internal,
}

/// How a span went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody says.
    Unset,
    /// Well.
    Ok,
    /// Not well, and why.
    Error(String),
}
