//! The command guest: a picture on stdin, its grey version on stdout.

use std::io::{self, Read, Write};
use std::process::ExitCode;

/// `EX_DATAERR` of sysexits.h: the input is wrong, not the program. The host answers 422.
const BAD_INPUT: u8 = 65;
/// `EX_IOERR` of sysexits.h.
const BROKEN_PIPE: u8 = 74;
/// `CONTENT_LENGTH` is trusted as a hint for one allocation up to this many bytes.
const MAX_LENGTH_HINT: usize = 64 << 20;

fn main() -> ExitCode {
    let picture = match read_stdin() {
        Ok(picture) => picture,
        Err(error) => return fail(&format!("cannot read the picture: {error}"), BROKEN_PIPE),
    };
    match image_api_rs::grayscale(&picture) {
        Ok(grey) => write_stdout(&grey),
        Err(error) => fail(&error.to_string(), BAD_INPUT),
    }
}

/// One allocation when the host says how long the body is (CGI's name for it), so that nothing is copied twice.
fn read_stdin() -> io::Result<Vec<u8>> {
    let hint = std::env::var("CONTENT_LENGTH").ok().and_then(|length| length.parse().ok());
    let mut picture = Vec::with_capacity(hint.unwrap_or(0).min(MAX_LENGTH_HINT));
    io::stdin().lock().read_to_end(&mut picture)?;
    Ok(picture)
}

fn write_stdout(grey: &[u8]) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(grey).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write the picture: {error}"), BROKEN_PIPE),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when stderr is closed as well.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(code)
}
