//! The C bindings: one header and one source for every building block and every handler. A guest says by macros which handlers
//! it has, such as `-DPILLION_TOPIC_HANDLER`: only those are exported.

use std::fs;
use std::path::Path;

use wit_bindgen_core::Files;

use crate::Result;

/// Begins the last part of the generated source.
const OBJECT: &str = "// Ensure that the *_component_type.o";

pub(crate) fn write(wit: &Path, out: &Path) -> Result<()> {
    let (mut resolve, _) = crate::load(wit)?;
    let package = resolve.push_str("c.wit", "package pillion:c;\nworld dapr { include pillion:dapr/host@0.1.0; }")?;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(out)?;
    for (name, bytes) in files.iter() {
        // The world of a guest is read from its exports and imports: the object with that of all is not wanted.
        let source = match name.rsplit_once('.') {
            Some((_, "c")) => exports_by_choice(std::str::from_utf8(bytes)?)?,
            Some((_, "h")) => std::str::from_utf8(bytes)?.to_owned(),
            _ => continue,
        };
        let head = "// Generated from `wit/dapr`. Not to be edited: `cargo xtask guests --bindings`.\n";
        fs::write(out.join(name), head.to_owned() + &source)?;
    }
    Ok(())
}

/// An export is a function behind a line that names it, to its closing brace.
fn exports_by_choice(source: &str) -> Result<String> {
    // What follows would make a linker ask for the object.
    let (source, _) = source.split_once(OBJECT).ok_or("the end of the generated source is another")?;
    let mut chosen = String::with_capacity(source.len());
    let mut inside = false;
    for line in source.split_inclusive('\n') {
        if let Some(handler) = exported(line) {
            chosen.push_str(&format!("#ifdef PILLION_{handler}\n"));
            inside = true;
        }
        chosen.push_str(line);
        if inside && line.starts_with('}') {
            chosen.push_str("#endif\n");
            inside = false;
        }
    }
    if inside { Err("an export has no end".into()) } else { Ok(chosen) }
}

/// `TOPIC_HANDLER` for a line that exports `pillion:dapr/topic-handler@…#handle`, or what frees its answer.
fn exported(line: &str) -> Option<String> {
    let name = line.split_once("__export_name__(\"")?.1;
    let handler = name.split(['/', '@']).find(|word| word.ends_with("-handler"))?;
    Some(handler.to_uppercase().replace('-', "_"))
}
