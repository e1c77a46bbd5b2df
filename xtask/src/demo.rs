//! `cargo xtask demo`: builds everything from source and starts the article's three apps.

use crate::{
    Result, guests,
    run::{cargo, check, root, target},
};
use std::process::Command;

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let file = match arguments {
        [] => "examples/dapr-wasm",
        ["--mobilenet"] => "examples/dapr-wasm/dapr.mobilenet.yaml",
        _ => return Err("usage: cargo xtask demo [--mobilenet]".into()),
    };
    println!("building the guests");
    guests::run(&["grayscale", "classify", "hello"])?;
    println!("building pillion; the first time takes some minutes");
    check(Command::new(cargo()).args(["build", "--package", "pillion"]).current_dir(root()))?;
    up(file)
}

/// Ctrl-C reaches the whole group: pillion drains and ends with 0, and so do we.
#[cfg(unix)]
fn up(file: &str) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let program = target().join("debug/pillion");
    let error = Command::new(&program).args(["up", file]).current_dir(root()).exec();
    Err(format!("cannot start `{}`: {error}", program.display()).into())
}
