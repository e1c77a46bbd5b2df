//! Standard and vendors' interfaces over Dapr's building blocks: a component that was built for another host finds here
//! what it imports. Functions are defined by name, so that one shape can go by several names.

mod asking;
mod blobstore;
mod bytes;
mod components;
mod config;
mod keyvalue;
mod llm;
mod logging;
mod messaging;
mod nn;
mod otel;
mod secrets;
mod settings;
mod sqlite;
mod table;
#[cfg(test)]
mod tests;
mod variables;

pub(super) use asking::note;
pub(crate) use sqlite::Connections;

use crate::Inspection;
use crate::inspect::invalid;
use crate::instance::Host;
use asking::shown;
use pillion_api::Error;
use std::borrow::Cow;
use table::{INTERFACES, Interface};
use wasmtime::component::{Component, Linker};

/// What handlers of messages and of changes are called with.
pub(crate) mod messages {
    pub(crate) use super::asking::Held;
    pub(crate) use super::keyvalue::Bucket;
    pub(crate) use super::messaging::{BrokerMessage, Disposition, Failure, Message, RedisFailure, StreamMessage};
}

/// How the import of a component was recognised.
pub(crate) enum Found {
    /// By its name and version, or a version that is compatible by semver.
    Named(&'static Interface),
    /// The name is known, the version is not: each shape of the interface can be tried.
    Unknown(Vec<&'static Interface>),
}

/// Finds an import of a component for WASI 0.2, or of a handler of 0.3. None where even its name is unknown.
pub(crate) fn find(import: &str, service: bool) -> Option<Found> {
    let (path, version) = import.split_once('@').unwrap_or((import, ""));
    let shapes: Vec<_> = INTERFACES.iter().filter(|known| known.path == path && (service || !known.is_async)).collect();
    let named = |known: &&&Interface| known.versions.iter().any(|known| is_compatible(known, version));
    match shapes.iter().find(named) {
        Some(interface) => Some(Found::Named(interface)),
        None if shapes.is_empty() => None,
        None => Some(Found::Unknown(shapes)),
    }
}

/// As the linker sees it: 2.0.0 stands for 2.x, 0.2.0 for 0.2.x, and what is before a release for itself alone.
fn is_compatible(known: &str, asked: &str) -> bool {
    known == asked || track(known).is_some_and(|of_known| track(asked) == Some(of_known))
}

fn track(version: &str) -> Option<&str> {
    if version.contains(['-', '+']) || version.split('.').count() != 3 {
        return None;
    }
    match version.split_once('.')? {
        ("0", rest) => version.get(..2 + rest.find('.')?),
        (major, _) => Some(major),
    }
}

/// Defines all of them by all their names.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>, service: bool) -> wasmtime::Result<()> {
    for interface in INTERFACES.iter().filter(|interface| service || !interface.is_async) {
        for version in interface.versions {
            (interface.define)(&mut linker.instance(&name(interface.path, version))?)?;
        }
    }
    Ok(())
}

fn name(path: &str, version: &str) -> String {
    if version.is_empty() { path.to_owned() } else { format!("{path}@{version}") }
}

/// The linker with what a component imports in a version that is not known, if it has one of the shapes that are.
///
/// # Errors
/// [`pillion_api::Code::GuestInvalid`] that names the versions that there are.
pub(crate) fn by_shape<'a>(
    linker: &'a Linker<Host>,
    component: &Component,
    inspection: &Inspection,
) -> Result<Cow<'a, Linker<Host>>, Error> {
    let mut linker = Cow::Borrowed(linker);
    for import in &inspection.imports {
        if let Some(Found::Unknown(shapes)) = find(&import.module, inspection.is_service()) {
            let with = shapes.iter().find_map(|shape| fitting(&linker, component, &import.module, shape));
            linker = Cow::Owned(with.ok_or_else(|| no_shape(&import.module, &shapes))?);
        }
    }
    Ok(linker)
}

/// The linker with the interface by that name, if the component's import is of its shape.
fn fitting(linker: &Linker<Host>, component: &Component, name: &str, shape: &Interface) -> Option<Linker<Host>> {
    let mut with = Linker::clone(linker);
    with.instance(name).and_then(|mut instance| (shape.define)(&mut instance)).ok()?;
    let complaint = with.instantiate_pre(component).err().map(|error| format!("{error:#}"));
    // Another import may be what is missing still.
    complaint.is_none_or(|complaint| !complaint.contains(&format!("`{name}`"))).then_some(with)
}

fn no_shape(name: &str, shapes: &[&Interface]) -> Error {
    invalid(format!("imports `{}`, which has none of the shapes that are known here", shown(name)))
        .hint(format!("build it for one of the versions {}", known_versions(shapes)))
}

/// What each import becomes, one line each: for `inspect`, and for the log at the start.
pub(crate) fn mapping(imports: &[crate::Import], service: bool) -> Vec<String> {
    let lines = imports.iter().filter_map(|import| {
        let line = match find(&import.module, service)? {
            Found::Named(interface) => format!("{} → {}", import.module, interface.becomes),
            Found::Unknown(shapes) => {
                let shape = shapes.first()?;
                format!("{} → {}, if its shape is that of {}", import.module, shape.becomes, known_versions(&shapes))
            }
        };
        Some(line)
    });
    lines.collect()
}

/// The versions that there are of an interface.
pub(crate) fn known_versions(shapes: &[&Interface]) -> String {
    shapes.iter().flat_map(|shape| shape.versions).map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ")
}

/// The building blocks behind a component's imports, and the lines of `allow:`.
pub(crate) fn needs(import: &str) -> Option<(&'static str, &'static str)> {
    let path = import.split_once('@').map_or(import, |(path, _)| path);
    INTERFACES.iter().find(|known| known.path == path).map(|known| known.needs).filter(|(block, _)| !block.is_empty())
}
