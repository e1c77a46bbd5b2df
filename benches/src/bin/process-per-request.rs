//! The article's way: a process for every request. `process-per-request PROGRAM [ARG…]` gives each body to the standard
//! input of a new process and answers what it prints.

use anyhow::{Context, Result, ensure};
use std::process::Stdio;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

fn main() -> Result<()> {
    let command: Vec<String> = std::env::args().skip(1).collect();
    ensure!(!command.is_empty(), "usage: process-per-request PROGRAM [ARG…]");
    pillion_benches::serve(move |body| {
        let command = command.clone();
        async move { run(&command, &body).await }
    })
}

async fn run(command: &[String], body: &[u8]) -> Result<Vec<u8>> {
    let mut child =
        Command::new(&command[0]).args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("a pipe was asked for")?;
    let mut stdout = child.stdout.take().context("a pipe was asked for")?;
    let mut output = Vec::new();
    let write = async move {
        stdin.write_all(body).await?;
        stdin.shutdown().await
    };
    let (written, read) = tokio::join!(write, stdout.read_to_end(&mut output));
    written?;
    read?;
    let status = child.wait().await?;
    ensure!(status.success(), "the process ended with {status}");
    Ok(output)
}
