//! Command: writes arguments, environment (sorted) and stdin to stdout, a line to stderr, and exits with `EXIT`.

use std::io::{self, Write};
use std::{env, process};

fn main() -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for argument in env::args().skip(1) {
        writeln!(stdout, "arg {argument}")?;
    }
    let mut variables: Vec<_> = env::vars().collect();
    variables.sort();
    for (name, value) in variables {
        writeln!(stdout, "env {name}={value}")?;
    }
    writeln!(stdout, "stdin")?;
    let copied = io::copy(&mut io::stdin().lock(), &mut stdout)?;
    stdout.flush()?;
    eprintln!("echoed {copied} bytes");
    process::exit(env::var("EXIT").ok().and_then(|code| code.parse().ok()).unwrap_or(0))
}
