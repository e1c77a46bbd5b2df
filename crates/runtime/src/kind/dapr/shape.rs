//! The types of a handler, held against those that this host calls when the guest is loaded.

use super::{ACTOR_HANDLER, PACKAGE, VERSION};
use crate::inspect::invalid;
use pillion_api::Error;
use std::fmt::{self, Write};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};

/// Letters of a function's type that are written out. A component's types may share parts: written out, a small file's would
/// have no end.
const MAX_SHAPE: usize = 2000;
/// How much of another shape an error repeats.
const MAX_SHOWN: usize = 200;

const EVENT: &str = "record { id: string, source: string, event-type: string, spec-version: string, data-content-type: string, subject: option<string>, time: option<string>, pubsub: string, topic: string, data: list<u8>, extensions: list<tuple<string, string>>, metadata: list<tuple<string, string>> }";
const ACTOR: &str = "record { actor-type: string, actor-id: string }";
const STATUS: &str = "enum { success, retry, drop }";

/// The functions of a handler as `wit/dapr` has them, their types written out.
fn expected(handler: &str) -> Vec<(&'static str, String)> {
    let takes = match handler {
        "invocation-handler" => "func(request: record { method: string, path: string, headers: list<tuple<string, list<u8>>>, body: list<u8> }) -> result<record { status: u16, headers: list<tuple<string, list<u8>>>, body: list<u8> }, string>".to_owned(),
        "topic-handler" => format!("func(event: {EVENT}) -> result<{STATUS}, string>"),
        "bulk-topic-handler" => format!("func(entries: list<record {{ entry-id: string, event: {EVENT} }}>) -> result<list<record {{ entry-id: string, status: {STATUS} }}>, string>"),
        "binding-handler" => "func(event: record { binding: string, data: list<u8>, metadata: list<tuple<string, string>> }) -> result<option<record { data: list<u8>, to: list<string>, parallel: bool }>, string>".to_owned(),
        "job-handler" => "func(event: record { name: string, data: list<u8>, content-type: option<string> }) -> result<_, string>".to_owned(),
        ACTOR_HANDLER => return actor(),
        _ => "func(update: record { store: string, id: string, items: list<tuple<string, record { value: string, version: string, metadata: list<tuple<string, string>> }>> }) -> result<_, string>".to_owned(),
    };
    vec![("handle", takes)]
}

fn actor() -> Vec<(&'static str, String)> {
    [
        ("activate", "", "_"),
        ("invoke", ", method: string, data: list<u8>, metadata: list<tuple<string, string>>", "list<u8>"),
        ("timer", ", name: string, callback: string, data: list<u8>", "_"),
        ("reminder", ", name: string, data: list<u8>", "_"),
        ("deactivate", "", "_"),
    ]
    .map(|(name, more, answer)| (name, format!("func(actor: {ACTOR}{more}) -> result<{answer}, string>")))
    .into()
}

/// Whether a handler has the functions that this host calls.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] that says what it has instead.
pub(super) fn check(component: &Component, handler: &str) -> Result<(), Error> {
    let interface = component.get_export_index(None, format!("{PACKAGE}{handler}@{VERSION}"));
    for (name, expected) in expected(handler) {
        let function = interface.as_ref().and_then(|interface| component.get_export(Some(interface), name));
        let found = match function {
            Some((ComponentItem::ComponentFunc(function), _)) => written(&function),
            _ => "nothing of that name".to_owned(),
        };
        if found != expected {
            return Err(of_another_shape(handler, name, &found, &expected));
        }
    }
    Ok(())
}

fn of_another_shape(handler: &str, name: &str, found: &str, expected: &str) -> Error {
    let shown: String = found.chars().take(MAX_SHOWN).collect();
    let more = if shown.len() < found.len() { "…" } else { "" };
    invalid(format!("exports a {handler} of another shape: `{name}` is `{shown}{more}`, and must be `{expected}`"))
        .hint("build it against this version's `wit/dapr`")
}

/// A function's type as WIT has it, cut where it is too long.
fn written(function: &ComponentFunc) -> String {
    let mut shape = Shape(String::new());
    // Only what is too long ends it.
    let _ = shape.function(function);
    shape.0
}

struct Shape(String);

impl Write for Shape {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() > MAX_SHAPE { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Shape {
    fn function(&mut self, function: &ComponentFunc) -> fmt::Result {
        self.write_str(if function.async_() { "async func(" } else { "func(" })?;
        self.fields(function.params())?;
        self.write_str(")")?;
        for result in function.results() {
            self.write_str(" -> ")?;
            self.ty(&result)?;
        }
        Ok(())
    }

    fn fields<'a>(&mut self, fields: impl Iterator<Item = (&'a str, Type)>) -> fmt::Result {
        for (place, (name, ty)) in fields.enumerate() {
            write!(self, "{}{name}: ", if place > 0 { ", " } else { "" })?;
            self.ty(&ty)?;
        }
        Ok(())
    }

    fn of(&mut self, name: &str, parts: impl Iterator<Item = Option<Type>>) -> fmt::Result {
        write!(self, "{name}<")?;
        for (place, part) in parts.enumerate() {
            self.write_str(if place > 0 { ", " } else { "" })?;
            match part {
                Some(ty) => self.ty(&ty)?,
                None => self.write_str("_")?,
            }
        }
        self.write_str(">")
    }

    fn names<'a>(&mut self, kind: &str, names: impl Iterator<Item = &'a str>) -> fmt::Result {
        write!(self, "{kind} {{ {} }}", names.collect::<Vec<_>>().join(", "))
    }

    fn ty(&mut self, ty: &Type) -> fmt::Result {
        match ty {
            Type::List(list) => self.of("list", [Some(list.ty())].into_iter()),
            Type::Tuple(tuple) => self.of("tuple", tuple.types().map(Some)),
            Type::Option(option) => self.of("option", [Some(option.ty())].into_iter()),
            Type::Result(result) => match (result.ok(), result.err()) {
                (None, None) => self.write_str("result"),
                (ok, None) => self.of("result", [ok].into_iter()),
                (ok, err) => self.of("result", [ok, err].into_iter()),
            },
            Type::Record(record) => {
                self.write_str("record { ")?;
                self.fields(record.fields().map(|field| (field.name, field.ty)))?;
                self.write_str(" }")
            }
            Type::Enum(cases) => self.names("enum", cases.names()),
            Type::Flags(flags) => self.names("flags", flags.names()),
            Type::Variant(variant) => self.names("variant", variant.cases().map(|case| case.name)),
            Type::Bool => self.write_str("bool"),
            Type::Char => self.write_str("char"),
            Type::String => self.write_str("string"),
            Type::S8 => self.write_str("s8"),
            Type::U8 => self.write_str("u8"),
            Type::S16 => self.write_str("s16"),
            Type::U16 => self.write_str("u16"),
            Type::S32 => self.write_str("s32"),
            Type::U32 => self.write_str("u32"),
            Type::S64 => self.write_str("s64"),
            Type::U64 => self.write_str("u64"),
            Type::Float32 => self.write_str("f32"),
            Type::Float64 => self.write_str("f64"),
            Type::Own(_) | Type::Borrow(_) => self.write_str("a handle"),
            // No handler has any of them.
            _ => self.write_str("a type of a later standard"),
        }
    }
}
