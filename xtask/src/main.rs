//! `cargo xtask VERB`: the project's own tasks, with the standard library alone so that they start at once.

mod bench;
mod content;
mod daprd;
mod demo;
mod guests;
mod instructions;
mod languages;
mod run;
mod test;

use std::process::ExitCode;

/// What a task gives back; the text of an error is what the user reads.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A task; its file has its name.
struct Verb {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&[&str]) -> Result<()>,
}

/// One line a verb; a new one is a file and a line here.
const VERBS: &[Verb] = &[
    Verb {
        name: "demo",
        usage: "demo [--mobilenet]",
        about: "builds everything from source and starts examples/dapr-wasm",
        run: demo::run,
    },
    Verb {
        name: "guests",
        usage: "guests [--check] [NAME...]",
        about: "builds the guests that are not up to date; --check says which have no test",
        run: guests::run,
    },
    Verb {
        name: "daprd",
        usage: "daprd",
        about: "builds Dapr's own programs, once for all clones, and prints where they are",
        run: daprd::run,
    },
    Verb {
        name: "languages",
        usage: "languages",
        about: "builds the guests in JavaScript, Python, Go and C, where their tools are",
        run: languages::run,
    },
    Verb {
        name: "test",
        usage: "test [--list] [PART...]",
        about: "installs what the tests need and runs every check, or some parts",
        run: test::run,
    },
    Verb {
        name: "bench",
        usage: "bench NAME|all [ROUNDS]",
        about: "measures; by hand, on a quiet machine",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] | ["help" | "-h" | "--help", ..] => help(),
        [name, rest @ ..] => match VERBS.iter().find(|verb| verb.name == *name) {
            Some(verb) => finish((verb.run)(rest)),
            None => finish(Err(format!("unknown task `{name}`; `cargo xtask help` lists them").into())),
        },
    }
}

fn help() -> ExitCode {
    println!("usage: cargo xtask VERB\n");
    for Verb { usage, about, .. } in VERBS {
        println!("  {usage:<28} {about}");
    }
    ExitCode::SUCCESS
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
