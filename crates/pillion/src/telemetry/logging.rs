//! Logs: one record a line, as text on a terminal and as JSON elsewhere.
//!
//! A record takes `app`, `guest`, `request_id`, `trace_id` and `span_id` from the call that the thread works for. What a guest says
//! is somebody else's text, so whatever could begin a new line or move a terminal's cursor is written as an escape.

use chrono::{SecondsFormat, Utc};
use pillion_api::scope::Scope;
use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{
    Layer, filter::Targets, layer::Context, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

/// A longer field is cut.
const MAX_FIELD: usize = 8 * 1024;
/// Fields of one record or span; more are dropped.
const MAX_FIELDS: usize = 64;
/// What every record says first, where it is known.
const FIRST: [&str; 5] = ["app", "guest", "request_id", "trace_id", "span_id"];

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people; coloured where `colour` says so.
    Text {
        /// Whether the level is coloured.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Where records go: standard error, unless a test wants to see them.
pub(crate) type Sink = Box<dyn io::Write + Send>;

/// Why logs could not be set up.
#[derive(Debug)]
pub(crate) enum LogError {
    /// No such level.
    Level(String),
    /// They were set up already.
    Twice,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "unknown log level `{level}`: one of debug, info, warn, error"),
            Self::Twice => f.write_str("logs were set up already"),
        }
    }
}

impl std::error::Error for LogError {}

/// Sets up the logs of the process, once, on standard error. Where `as_json` doesn't say, a terminal gets text.
///
/// # Errors
/// [`LogError`], before anything is logged.
pub(crate) fn start(level: &str, as_json: Option<bool>) -> Result<(), LogError> {
    let level = parse_level(level)?;
    let terminal = io::stderr().is_terminal();
    let format = if as_json.unwrap_or(!terminal) { Format::Json } else { Format::Text { colour: terminal } };
    let layer = layer(level, format, Box::new(io::stderr()));
    tracing_subscriber::registry().with(layer).try_init().map_err(|_| LogError::Twice)
}

/// Reads `--log-level` in daprd's words.
///
/// # Errors
/// [`LogError::Level`] for another word.
pub(crate) fn parse_level(text: &str) -> Result<LevelFilter, LogError> {
    match text.to_ascii_lowercase().as_str() {
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "error" | "fatal" => Ok(LevelFilter::ERROR),
        "trace" => Ok(LevelFilter::TRACE),
        "off" => Ok(LevelFilter::OFF),
        _ => Err(LogError::Level(text.to_owned())),
    }
}

/// The layer that writes; ours at `level`, libraries never below a warning unless everything is asked for.
pub(crate) fn layer<S>(level: LevelFilter, format: Format, sink: Sink) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let libraries = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    let targets = Targets::new().with_default(libraries).with_target("pillion", level).with_target("guest", level);
    Logger { format, sink: Mutex::new(sink) }.with_filter(targets)
}

struct Logger {
    format: Format,
    sink: Mutex<Sink>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Logger {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, record: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = pillion_api::scope::current().map(|scope| Fields::of(&scope)).unwrap_or_default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                of_span.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = match self.format {
            Format::Text { colour } => text(*metadata.level(), &fields, colour),
            Format::Json => json(*metadata.level(), metadata.target(), &fields),
        };
        // One write, so that records of several threads never mix. A closed pipe is nobody's to report to.
        let _ = self.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    /// A number or boolean, as JSON writes it.
    Plain(String),
}

/// Fields in their order; one set again keeps its place.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn of(scope: &Scope) -> Self {
        let mut fields = Self::default();
        let mut text = |name, text: &str| fields.set(name, Value::Text(text.to_owned()));
        text("app", &scope.app);
        scope.guest.iter().for_each(|guest| text("guest", guest));
        text("request_id", &scope.request_id);
        text("trace_id", &format!("{:032x}", scope.trace.trace_id));
        text("span_id", &format!("{:016x}", scope.trace.span_id));
        scope.trigger.iter().for_each(|trigger| text("trigger", trigger));
        fields
    }

    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter().position(|(other, _)| *other == name) {
            Some(at) => self.0[at].1 = value,
            None if self.0.len() < MAX_FIELDS => self.0.push((name, value)),
            None => {}
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// What is neither the message nor among the first.
    fn rest(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter().filter(|(name, _)| *name != "message" && !FIRST.contains(name))
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        let _ = write!(text, "{value:?}");
        self.set(field.name(), Value::Text(text.0));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = Bounded(String::new());
        let _ = text.write_str(value);
        self.set(field.name(), Value::Text(text.0));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what isn't finite.
        let value = if value.is_finite() { Value::Plain(value.to_string()) } else { Value::Text(value.to_string()) };
        self.set(field.name(), value);
    }
}

/// A text that stops growing at [`MAX_FIELD`].
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_FIELD.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

fn json(level: Level, target: &str, fields: &Fields) -> String {
    let mut out = format!(r#"{{"time":"{}","level":"{}""#, now(), name(level));
    let mut add = |name: &str, value: &Value| {
        let _ = match value {
            Value::Text(text) => write!(out, ",{}:{}", quoted(name), quoted(text)),
            Value::Plain(plain) => write!(out, ",{}:{plain}", quoted(name)),
        };
    };
    for first in FIRST {
        if let Some(value) = fields.get(first) {
            add(first, value);
        }
    }
    add("message", fields.get("message").unwrap_or(&Value::Text(String::new())));
    add("scope", &Value::Text(target.to_owned()));
    fields.rest().for_each(|(name, value)| add(name, value));
    out.push_str("}\n");
    out
}

fn text(level: Level, fields: &Fields, colour: bool) -> String {
    let mut out = now();
    let name = name(level).to_ascii_uppercase();
    let _ = match (colour, shade(level)) {
        (true, shade) => write!(out, " \x1b[{shade}m{name:<5}\x1b[0m"),
        (false, _) => write!(out, " {name:<5}"),
    };
    let origin: Vec<&Value> = ["app", "guest"].iter().filter_map(|name| fields.get(name)).collect();
    for (at, value) in origin.iter().enumerate() {
        out.push(if at == 0 { ' ' } else { '/' });
        push_safe(&mut out, value);
    }
    if let Some(message) = fields.get("message") {
        out.push(' ');
        push_safe(&mut out, message);
    }
    let ids = FIRST[2..].iter().filter_map(|name| Some((*name, fields.get(name)?)));
    // Ids are long, and on a terminal only one of them is ever looked for.
    let ids = ids.filter(|(name, _)| *name == "request_id");
    for (name, value) in fields.rest().map(|(name, value)| (*name, value)).chain(ids) {
        let _ = write!(out, " {name}=");
        push_safe(&mut out, value);
    }
    out.push('\n');
    out
}

fn push_safe(out: &mut String, value: &Value) {
    let (Value::Text(text) | Value::Plain(text)) = value;
    for character in text.chars() {
        if is_unsafe(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
}

/// Control characters, and those of Unicode that begin a line or turn the direction of a terminal's text.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// daprd's names.
fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn shade(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 90,
    }
}
