//! `cargo xtask languages`: guests in languages whose compilers are fetched, built once for all clones and kept by content.

mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::{Result, content, run};
use tools::Missing;

/// Raised when a way of building changes, so that what an older one built is not used.
const RECIPE: u32 = 2;
/// The packages that guests are built from.
const WIT: [&str; 2] = ["wit/dapr", "wit/workflow"];

/// A guest and how it is built.
struct Language {
    name: &'static str,
    /// Its folder below `guests`.
    folder: &'static str,
    /// What it is written with, from the root.
    sdk: &'static str,
    /// Fetches the compiler unless it is there; also where the guest is built already, as tests of templates use it.
    fetch: fn() -> Done,
    /// Builds into the file that it is given.
    build: fn(&Path) -> Done,
}

type Done = std::result::Result<(), Missing>;

/// A row of the table.
const fn language(
    name: &'static str,
    folder: &'static str,
    sdk: &'static str,
    fetch: fn() -> Done,
    build: fn(&Path) -> Done,
) -> Language {
    Language { name, folder, sdk, fetch, build }
}

/// Each must appear in a test, which skips itself where the guest could not be built.
const LANGUAGES: &[Language] = &[
    language("js-shop", "js-shop", "guests/sdk-js", tools::fetch_javascript, tools::javascript),
    language("py-shop", "py-shop", "guests/sdk-python", tools::fetch_python, tools::python),
    language("go-shop", "go-shop", "guests/sdk-go", tools::fetch_nothing, tools::go),
    language("go-digits", "go-digits", "guests/go-digits", tools::fetch_nothing, tools::go_command),
    language("c-shop", "c-shop", "guests/sdk-c", tools::fetch_nothing, tools::c),
    language("c-digits", "c-digits", "guests/c-digits", tools::fetch_nothing, tools::c_command),
    language("as-hello", "as-shop", "guests/as-shop", tools::fetch_assemblyscript, tools::as_hello),
    language("as-digits", "as-shop", "guests/as-shop", tools::fetch_assemblyscript, tools::as_digits),
];

/// Builds, and says what had to be left out.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if !arguments.is_empty() {
        return Err("`cargo xtask languages` takes no arguments".into());
    }
    for reason in build()? {
        println!("{reason}");
    }
    Ok(())
}

/// The names of all, for the check that each has a test.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|language| language.name)
}

/// Builds what is not in the cache, into `guests/out`; answers what had to be skipped, and why.
pub(crate) fn build() -> Result<Vec<String>> {
    let out = run::root().join("guests/out");
    fs::create_dir_all(&out)?;
    let mut skipped = Vec::new();
    for language in LANGUAGES {
        let file = out.join(language.name).with_extension("wasm");
        // What an earlier state of the sources became is not what the test is about.
        if file.exists() {
            fs::remove_file(&file)?;
        }
        match language.built() {
            Ok(kept) => drop(fs::copy(kept, file)?),
            Err(Missing::Tool(reason)) => skipped.push(format!("skipped: {}: {reason}", language.name)),
            Err(Missing::Failed(error)) => return Err(format!("guest `{}`: {error}", language.name).into()),
        }
    }
    Ok(skipped)
}

impl Language {
    /// Its file in the cache.
    fn built(&self) -> std::result::Result<PathBuf, Missing> {
        (self.fetch)()?;
        let kept = self.kept()?;
        if kept.is_file() {
            println!("  {:<18} up to date", self.name);
            return Ok(kept);
        }
        let start = Instant::now();
        let work = kept.with_extension(format!("work-{}.wasm", std::process::id()));
        (self.build)(&work)?;
        fs::rename(&work, &kept)?;
        println!("  {:<18} {:>8.1} s", self.name, start.elapsed().as_secs_f64());
        Ok(kept)
    }

    /// Where its file is kept: by the content of all that it is built from.
    fn kept(&self) -> Result<PathBuf> {
        let guest = format!("guests/{}", self.folder);
        let key = content::key(&[WIT[0], WIT[1], self.sdk, &guest])?;
        let folder = run::cache_dir()?.join("languages");
        fs::create_dir_all(&folder)?;
        Ok(folder.join(format!("{}-{RECIPE}-{key:032x}.wasm", self.name)))
    }
}
