//! The world of a module of a language whose linker writes none: read from the interfaces that it imports and exports.

use std::collections::BTreeSet;
use std::path::Path;

use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::Result;

/// Interfaces that the world is made of; WASI's come with the adapter.
const NAMESPACE: &str = "pillion:dapr/";

pub(crate) fn embed(wit: &Path, module: &mut Vec<u8>) -> Result<()> {
    let text = text(module)?;
    let mut resolve = Resolve::default();
    resolve.push_dir(wit)?;
    let package = resolve.push_str("guest.wit", &text)?;
    let world = resolve.select_world(&[package], None)?;
    Ok(embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)?)
}

fn text(module: &[u8]) -> Result<String> {
    let mut lines = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let module = import?.module;
                    lines.extend(module.starts_with(NAMESPACE).then(|| format!("import {module};")));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let interface = export?.name.split_once('#').map_or("", |(interface, _)| interface);
                    lines.extend(interface.starts_with(NAMESPACE).then(|| format!("export {interface};")));
                }
            }
            _ => {}
        }
    }
    let lines: Vec<String> = lines.into_iter().collect();
    Ok(format!("package pillion:guest;\nworld guest {{\n{}\n}}\n", lines.join("\n")))
}
