//! `pillion new`: a folder with a guest that builds, from a template inside the program.

mod sdk;

use crate::{
    flags::{Global, New, Output},
    print,
};
use anyhow::{Context, Result, bail, ensure};
use pillion_api::diagnostic::nearest;
use serde::Serialize;
use std::{fs, path::Path, process::ExitCode};

/// The longest name: an app id of Dapr's that is a package of every language, too.
const MAX_NAME: usize = 40;

/// A path below the new folder, and the text.
type File = (&'static str, &'static str);

/// A template: files in which `{{name}}` and, for Rust's libraries, `{{crate}}` are filled in.
#[derive(Serialize)]
struct Template {
    name: &'static str,
    about: &'static str,
    /// What must be installed.
    needs: &'static str,
    #[serde(skip)]
    files: &'static [File],
    /// Files that are written as they are.
    #[serde(skip)]
    sdk: &'static [File],
}

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $folder, "/", $path)))),+]
    };
}

const TEMPLATES: &[Template] = &[
    Template {
        name: "rust-http",
        about: "Rust: a handler of requests (wasi:http), streams both ways",
        needs: "cargo with the target wasm32-wasip2",
        files: files!("rust-http": "Cargo.toml", "src/lib.rs", "dapr.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::NONE,
    },
    Template {
        name: "rust-command",
        about: "Rust: a program that reads stdin and writes stdout",
        needs: "cargo with the target wasm32-wasip1",
        files: files!("rust-command": "Cargo.toml", "src/main.rs", "dapr.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::NONE,
    },
    Template {
        name: "go-command",
        about: "Go: a program that reads stdin and writes stdout",
        needs: "go 1.21 or later",
        files: files!("go-command": "go.mod", "main.go", "dapr.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::NONE,
    },
    Template {
        name: "c-command",
        about: "C: a program that reads stdin and writes stdout",
        needs: "clang and lld with wasi-libc",
        files: files!("c-command": "main.c", "dapr.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::NONE,
    },
    Template {
        name: "javascript",
        about: "JavaScript or TypeScript: handlers of requests, messages and other events, every building block",
        needs: "node 20 or later with npm",
        files: files!("javascript": "package.json", "index.js", "dapr.yaml", "components/statestore.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::JAVASCRIPT,
    },
    Template {
        name: "python",
        about: "Python: handlers of requests, messages and other events, every building block",
        needs: "python 3.10 or later with venv and pip",
        files: files!("python": "app.py", "dapr.yaml", "components/statestore.yaml", "tests/hello.test.yaml", "README.md", "gitignore"),
        sdk: sdk::PYTHON,
    },
];

/// Lists the templates, or fills one in.
pub(crate) fn run(global: &Global, new: &New) -> Result<ExitCode> {
    let Some(wanted) = &new.template else { return list(global.output) };
    let found = TEMPLATES.iter().find(|template| template.name == wanted);
    let Some(template) = found else { bail!("there is no template `{wanted}`\nhint: {}", hint(wanted)) };
    let name = new.name.as_deref().context("a name is missing\nhint: `pillion new TEMPLATE NAME`")?;
    check_name(name)?;
    let folder = Path::new(name);
    let is_free = !folder.exists() || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(is_free, "`{name}` is there already and not empty\nhint: take another name, or remove it");
    for (path, text) in template.files {
        write(&folder.join(path), &filled(text, name)).with_context(|| format!("`{name}/{path}`"))?;
    }
    for (path, text) in template.sdk {
        write(&folder.join(path), text).with_context(|| format!("`{name}/{path}`"))?;
    }
    print::line(&format!("{name}: {}", template.about));
    print::line(&format!(
        "needs {}; go on with `cd {name}`, `pillion build`, `pillion test`, `pillion up`",
        template.needs
    ));
    Ok(ExitCode::SUCCESS)
}

fn list(output: Output) -> Result<ExitCode> {
    match output {
        Output::Json => print::json(&TEMPLATES)?,
        Output::Text => {
            for Template { name, about, needs, .. } in TEMPLATES {
                print::line(&format!("{name:<14} {about}; needs {needs}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn hint(wanted: &str) -> String {
    let names = || TEMPLATES.iter().map(|template| template.name);
    let near = nearest(wanted, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("{near}there are {}", names().collect::<Vec<_>>().join(", "))
}

fn check_name(name: &str) -> Result<()> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    let good = begins && rest && !name.ends_with('-') && name.len() <= MAX_NAME;
    ensure!(good, "`{name}` can't be a name\nhint: small letters, digits and `-`, a letter first, at most {MAX_NAME}");
    Ok(())
}

fn filled(text: &str, name: &str) -> String {
    text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_"))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // A template's own `.gitignore` would hide its files here.
    let path = if path.ends_with("gitignore") { path.with_file_name(".gitignore") } else { path.to_owned() };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
