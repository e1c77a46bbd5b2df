//! Command: appends method, path and body of each call as a line to `/events/log`; the body's data says how it answers.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    process::exit,
    thread::sleep,
    time::Duration,
};

const LOG: &str = "/events/log";

/// One write, so that lines of calls at the same time don't mix.
fn note(line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(LOG)?.write_all(line.as_bytes())
}

fn main() -> io::Result<()> {
    let mut body = String::new();
    io::stdin().read_to_string(&mut body)?;
    let text = |name: &str| env::var(name).unwrap_or_default();
    let line = format!("{} {} {body}\n", text("REQUEST_METHOD"), text("PATH_INFO"));
    let again = fs::read_to_string(LOG).is_ok_and(|log| log.contains(&line));
    note(&line)?;
    if body.contains("take a while") {
        sleep(Duration::from_millis(500));
        note("came to its end\n")?;
    }
    match () {
        () if body.contains("drop it") => print!(r#"{{"status":"DROP"}}"#),
        () if body.contains("retry once") && !again => print!(r#"{{"status":"RETRY"}}"#),
        () if body.contains("fail once") && !again => exit(1),
        () if body.contains("say nothing") => {}
        () => print!(r#"{{"status":"SUCCESS"}}"#),
    }
    Ok(())
}
