//! The types of an export, written out and held against those that this host calls, when the guest is loaded.

use crate::inspect::invalid;
use pillion_api::Error;
use std::fmt::{self, Write};
use wasmtime::component::types::{Case, ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};

/// Letters of a function's type that are written out. A component's types may share parts: written out, a small file's would
/// have no end.
const MAX_SHAPE: usize = 2000;
/// How much of another shape an error repeats.
const MAX_SHOWN: usize = 200;

/// Whether an interface that a component exports has the functions that this host calls, with those types; errors call it
/// `called`.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] that says what it has instead.
pub(super) fn check(
    component: &Component,
    interface: &str,
    called: &str,
    functions: &[(&str, String)],
) -> Result<(), Error> {
    let interface = component.get_export_index(None, interface);
    let resources = imported_resources(component);
    for (name, expected) in functions {
        let function = interface.as_ref().and_then(|interface| component.get_export(Some(interface), *name));
        let found = match function {
            Some((ComponentItem::ComponentFunc(function), _)) => written(&function, &resources),
            _ => "nothing of that name".to_owned(),
        };
        if found != *expected {
            return Err(of_another_shape(called, name, &found, expected));
        }
    }
    Ok(())
}

fn of_another_shape(called: &str, name: &str, found: &str, expected: &str) -> Error {
    let shown: String = found.chars().take(MAX_SHOWN).collect();
    let more = if shown.len() < found.len() { "…" } else { "" };
    invalid(format!("exports a {called} of another shape: `{name}` is `{shown}{more}`, and must be `{expected}`"))
}

/// A resource's name, with the interface before it.
type Named = (String, ResourceType);

/// The resources that a component imports: one of its own is no handle of the host's, whatever its name.
fn imported_resources(component: &Component) -> Vec<Named> {
    let (ty, engine) = (component.component_type(), component.engine());
    let mut resources = Vec::new();
    for (interface, import) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let path = interface.split_once('@').map_or(interface, |(path, _)| path);
        for (name, export) in instance.exports(engine) {
            if let ComponentItem::Resource(resource) = export.ty {
                resources.push((format!("{path}.{name}"), resource));
            }
        }
    }
    resources
}

/// A function's type as WIT has it, cut where it is too long.
fn written(function: &ComponentFunc, resources: &[Named]) -> String {
    let mut shape = Shape { text: String::new(), resources };
    // Only what is too long ends it.
    let _ = shape.function(function);
    shape.text
}

struct Shape<'a> {
    text: String,
    resources: &'a [Named],
}

impl Write for Shape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        if self.text.len() > MAX_SHAPE { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Shape<'_> {
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

    fn cases(&mut self, cases: &[Case<'_>]) -> fmt::Result {
        self.write_str("variant { ")?;
        for (place, case) in cases.iter().enumerate() {
            write!(self, "{}{}", if place > 0 { ", " } else { "" }, case.name)?;
            if let Some(ty) = &case.ty {
                self.write_str("(")?;
                self.ty(ty)?;
                self.write_str(")")?;
            }
        }
        self.write_str(" }")
    }

    fn handle(&mut self, kind: &str, resource: &ResourceType) -> fmt::Result {
        let known = self.resources.iter().find(|(_, known)| known == resource);
        write!(self, "{kind}<{}>", known.map_or("a resource of its own", |(name, _)| name))
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
            Type::Variant(variant) => {
                let cases: Vec<_> = variant.cases().collect();
                self.cases(&cases)
            }
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
            Type::Own(resource) => self.handle("own", resource),
            Type::Borrow(resource) => self.handle("borrow", resource),
            Type::Stream(stream) => self.of("stream", [stream.ty()].into_iter()),
            // No handler has any of them.
            _ => self.write_str("a type of a later standard"),
        }
    }
}
