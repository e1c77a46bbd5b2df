//! Files that nobody writes by accident: each a definite answer, soon.

use super::{folder, load, shown};
use crate::manifest::{MAX_APPS, keys};
use std::time::{Duration, Instant};

/// Findings, and no more than a person reads.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let dir = folder();
    let started = Instant::now();
    let found = load(dir.path(), text).expect_err("hostile");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let shown = shown(dir.path(), &found);
    assert!(shown.contains(expected), "{shown}");
    assert!(shown.len() < 64 * 1024 && !shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
}

#[test]
fn too_many_of_anything_is_an_error() {
    let apps = "  - { appDirPath: ., appID: a }\n".repeat(MAX_APPS + 1);
    refused(&format!("version: 1\napps:\n{apps}"), "`apps` has more than 100 entries");
    let wasm = |wasm: String| format!("version: 1\napps:\n  - appDirPath: .\n    appID: a\n    wasm:\n{wasm}");
    let guests: String = (0..101).map(|n| format!("        g{n}: {{ source: guest.wasm }}\n")).collect();
    refused(&wasm(format!("      guests:\n{guests}")), "more than 100 guests");
    let routes: String = (0..1001).map(|n| format!("        - {{ path: /{n} }}\n")).collect();
    refused(&wasm(format!("      source: guest.wasm\n      routes:\n{routes}")), "`routes` has more than 1000 entries");
    let entries = "a,".repeat(1001);
    refused(
        &wasm(format!("      source: guest.wasm\n      allow: {{ state: [{entries}] }}\n")),
        "`state` has more than 1000 entries",
    );
    let models: String = (0..101).map(|n| format!("        m{n}: {{ file: model.tflite }}\n")).collect();
    refused(&wasm(format!("      source: guest.wasm\n      models:\n{models}")), "more than 100 models");
    let databases: String = (0..21).map(|n| format!("        d{n}: {{ file: {n}.db }}\n")).collect();
    refused(&wasm(format!("      source: guest.wasm\n      databases:\n{databases}")), "more than 20 databases");
}

#[test]
fn unknown_keys_without_end_are_cut() {
    let unknown: String = (0..5000).map(|n| format!("      key{n}: 1\n")).collect();
    refused(
        &format!("version: 1\napps:\n  - appDirPath: .\n    appID: a\n    wasm:\n{unknown}"),
        "more findings are left out",
    );
}

#[test]
fn control_characters_are_not_repeated() {
    refused("version: 1\napps: [{ appDirPath: \"\\e[31mred\\0\" }]", "\\u{1b}[31mred");
    refused("version: 1\napps: [{ appDirPath: ., appID: \"\\e[31m\\n\", wasm: 1 }]", "app `\\u{1b}[31m\\n`");
    refused(
        "version: 1\napps: [{ appDirPath: ., appID: a, wasm: { source: \"\\e.wasm\", \"\\e\": 1 } }]",
        "unknown key `\\u{1b}`",
    );
}

#[test]
fn ports_that_are_not_numbers_and_aliases_that_multiply() {
    refused("version: 1\napps: [{ appDirPath: ., appID: a, appPort: .nan }]", "`appPort` must be a whole number");
    let mut text = "version: 1\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..10 {
        let copies = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{copies}]\n"));
    }
    refused(&text, "copies by aliases included");
}

/// Every value that a key may be given by mistake: each read ends with findings or a manifest, never with a panic.
#[test]
fn every_key_bears_every_kind_of_value() {
    let dir = folder();
    let values = [
        "",
        "~",
        "text",
        "''",
        "1",
        "-1",
        "1e99",
        ".nan",
        "true",
        "[]",
        "[1]",
        "[[]]",
        "[~]",
        "{}",
        "{a: 1}",
        "{a: {b: [c]}}",
        "\"\\0\\e\"",
    ];
    let mut read = 0;
    for block in keys::BLOCKS {
        for key in block.keys {
            for value in values {
                let text = at(block.path, &format!("{}: {value}", key.name));
                let answered = match load(dir.path(), &text) {
                    Ok((manifest, _)) => !manifest.apps.is_empty(),
                    Err(found) => {
                        assert!(!shown(dir.path(), &found).contains(['\0', '\u{1b}']), "{text}: {found:?}");
                        !found.is_empty()
                    }
                };
                // The count keeps the loop from being empty by mistake.
                read += usize::from(answered);
            }
        }
    }
    let rows: usize = keys::BLOCKS.iter().map(|block| block.keys.len()).sum();
    assert_eq!(read, rows * values.len());
}

/// A manifest with `entry` in the mapping at `path`.
fn at(path: &str, entry: &str) -> String {
    let wasm = |inner: &str| format!("version: 1\napps: [{{ appDirPath: ., wasm: {{ {inner} }} }}]");
    match path {
        "" => format!("{{ {entry} }}"),
        "common" => format!("version: 1\ncommon: {{ {entry} }}\napps: [{{ appDirPath: . }}]"),
        "apps[]" => format!("version: 1\napps: [{{ {entry} }}]"),
        "apps[].wasm" => wasm(entry),
        "apps[].wasm.guests.<name>" => wasm(&format!("guests: {{ g: {{ {entry} }} }}")),
        "apps[].wasm.routes[]" => wasm(&format!("source: guest.wasm, routes: [{{ {entry} }}]")),
        "apps[].wasm.on[]" => wasm(&format!("source: guest.wasm, on: [{{ {entry} }}]")),
        "apps[].wasm.models.<name>" => wasm(&format!("source: guest.wasm, models: {{ m: {{ {entry} }} }}")),
        "apps[].wasm.databases.<name>" => wasm(&format!("source: guest.wasm, databases: {{ d: {{ {entry} }} }}")),
        "apps[].wasm.models.<name>.labels" => {
            wasm(&format!("source: guest.wasm, models: {{ m: {{ labels: {{ {entry} }} }} }}"))
        }
        _ => {
            let block = path.rsplit('.').next().expect("a name");
            wasm(&format!("source: guest.wasm, {block}: {{ {entry} }}"))
        }
    }
}
