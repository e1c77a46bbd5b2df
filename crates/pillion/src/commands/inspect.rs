//! `pillion inspect`: what a guest is, without running it.

use crate::{
    flags::{Global, Inspect, Output},
    launch::read_guest,
    print,
};
use anyhow::{Context, Result};
use pillion_runtime::Inspection;
use std::{fmt::Write, process::ExitCode};

/// Reads a guest's file and says what it is.
pub(crate) fn run(global: &Global, inspect: &Inspect) -> Result<ExitCode> {
    super::start_logs(global)?;
    let bytes = read_guest(&inspect.guest)?;
    let inspection = pillion_runtime::inspect(&bytes).with_context(|| format!("`{}`", inspect.guest.display()))?;
    match global.output {
        Output::Text => print::line(text(&inspection).trim_end()),
        Output::Json => print::json(&inspection)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a fact, several lines where a fact has several parts.
fn text(inspection: &Inspection) -> String {
    let mut out = String::new();
    let kind = match (&inspection.kind, &inspection.problem) {
        (Some(kind), _) => kind.to_string(),
        (None, Some(problem)) => format!("none: {problem}"),
        (None, None) => "none".to_owned(),
    };
    fact(&mut out, "kind", &[kind]);
    fact(&mut out, "calls", &inspection.calls);
    fact(&mut out, "handles", &inspection.handlers);
    fact(&mut out, "imports", &imports(inspection));
    fact(&mut out, "becomes", &inspection.mapping);
    let exports: Vec<String> = inspection.exports.iter().map(|export| export.name.clone()).collect();
    fact(&mut out, "exports", &[exports.join(", ")]);
    fact(&mut out, "uses", &inspection.building_blocks);
    fact(&mut out, "allow", &inspection.allow);
    fact(&mut out, "memory", &[format!("{} bytes at the start", inspection.memory)]);
    fact(&mut out, "digest", std::slice::from_ref(&inspection.digest));
    out
}

fn fact(out: &mut String, name: &str, lines: &[String]) {
    let mut name = name;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        // Writing to a string can't fail.
        let _ = writeln!(out, "{name:<9} {line}");
        name = "";
    }
}

/// The functions of a module in one line, the interfaces of a component one a line.
fn imports(inspection: &Inspection) -> Vec<String> {
    let mut modules: Vec<(String, Vec<String>)> = Vec::new();
    for import in &inspection.imports {
        match modules.iter_mut().find(|(module, _)| *module == import.module) {
            Some((_, names)) => names.push(import.name.clone()),
            None => modules.push((import.module.clone(), vec![import.name.clone()])),
        }
    }
    let line = |(module, names): (String, Vec<String>)| match names.join(", ") {
        names if names.is_empty() => module,
        names => format!("{module}: {names}"),
    };
    modules.into_iter().map(line).collect()
}
