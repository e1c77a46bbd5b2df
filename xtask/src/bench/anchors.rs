//! The servers that take part: this program in its modes, and what it is measured against.

use super::{
    places::{Places, free_port, wasmtime},
    process::Server,
};
use crate::{
    Result,
    run::{cargo, check, find, root, target},
};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A server and where to ask it.
pub(super) type Started = (Server, String);

/// One that takes part.
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) server: Server,
    pub(super) url: String,
}

/// A server that prints `listening on ADDRESS`.
pub(super) fn printing(command: &[String]) -> Result<Started> {
    let address = |line: &str| line.strip_prefix("listening on ").map(|address| format!("http://{address}/"));
    let server = Server::start(command, root(), address)?;
    let url = server.address.clone();
    Ok((server, url))
}

/// Built apart: see its `Cargo.toml`.
pub(super) fn axum() -> Result<Started> {
    let (folder, out) = (root().join("benches/axum"), target().join("bench/axum"));
    let mut build = Command::new(cargo());
    build.args(["build", "--release", "--quiet", "--locked"]).current_dir(folder).env("CARGO_TARGET_DIR", &out);
    check(&mut build)?;
    printing(&[out.join("release/native-axum").display().to_string()])
}

/// This program with one guest, all defaults.
pub(super) fn pillion(places: &Places, guest: &str) -> Result<Started> {
    let port = free_port()?;
    let command = places.pillion_run(guest, port, "");
    Ok((Server::start_at(&command, root(), port)?, format!("http://127.0.0.1:{port}/")))
}

/// This program with a mode of the manifest, where it knows the mode.
pub(super) fn pillion_mode(places: &Places, guest: &str, mode: &str) -> Result<Started> {
    let port = free_port()?;
    let wasm = format!("      guests: {{ hello: {{ source: {guest}, mode: {mode} }} }}\n");
    let name = Path::new(guest).file_stem().and_then(|stem| stem.to_str()).unwrap_or("guest");
    let file = places.manifest(&format!("{name}-{mode}"), &wasm, port)?.display().to_string();
    let mut check = Command::new(places.program("pillion"));
    let takes = check.args(["check", &file]).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success();
    if !takes {
        return Err(format!("this build's manifest takes no `mode: {mode}`").into());
    }
    let command = places.pillion(&format!("up {file} --metrics-port 0"));
    Ok((Server::start_at(&command, root(), port)?, format!("http://127.0.0.1:{port}/")))
}

/// `wasmtime serve`, compiled at its start.
pub(super) fn serve(guest: &str, options: &[&str]) -> Result<Started> {
    let port = free_port()?;
    let mut command = vec![wasmtime()?, "serve".into(), "--addr".into(), format!("127.0.0.1:{port}")];
    command.extend(options.iter().map(|option| (*option).to_owned()));
    command.push(guest.to_owned());
    Ok((Server::start_at(&command, root(), port)?, format!("http://127.0.0.1:{port}/")))
}

/// wazero as Dapr's `bindings.wasm` uses it.
pub(super) fn wazero(places: &Places, guest: &str) -> Result<Started> {
    let go = find("go").ok_or("no `go` in PATH")?;
    let program = places.scratch.join("wazero").display().to_string();
    let mut build = Command::new(go);
    check(build.args(["build", "-o", &program, "."]).current_dir(root().join("benches/wazero")))?;
    printing(&[program, guest.to_owned()])
}
