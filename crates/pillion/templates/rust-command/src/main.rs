//! A request's body comes on stdin, the answer goes to stdout. An exit code other than 0 is an answer of 500, and 65
//! one of 422.

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let mut name = String::new();
    io::stdin().read_to_string(&mut name)?;
    let name = match name.trim() {
        "" => "world",
        name => name,
    };
    writeln!(io::stdout(), "hello {name}")
}
