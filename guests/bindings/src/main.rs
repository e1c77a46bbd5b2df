//! Writes the bindings of `wit/dapr`, and of `wit/workflow` beside it, into the SDKs: `bindings WIT GUESTS`. In Rust the building blocks are one file, each
//! handler another, which uses the types of the first.

mod c;
mod go;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use wit_bindgen_core::wit_parser::{PackageId, Resolve, WorldId, WorldItem, WorldKey};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The world of all building blocks.
const SERVICE: &str = "service";
/// The world of workflows, in a package of its own.
const WORKER: &str = "worker";
/// What the handlers are for.
const HANDLERS: [&str; 7] = ["invocation", "topic", "bulk-topic", "binding", "job", "configuration", "actor"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [wit, guests] = &arguments[..] else {
        eprintln!("usage: bindings WIT GUESTS");
        return ExitCode::FAILURE;
    };
    let (wit, guests) = (Path::new(wit), Path::new(guests));
    let written = run(wit, &guests.join("sdk-rust/src/bindings"))
        .and_then(|()| c::write(wit, &guests.join("sdk-c")))
        .and_then(|()| go::write(wit, &guests.join("sdk-go")));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(wit: &Path, out: &Path) -> Result<()> {
    let opts = Opts { generate_all: true, format: true, ..Opts::default() };
    write(wit, &out.join("service.rs"), SERVICE, "every building block", opts)?;
    for handler in HANDLERS {
        let module = format!("{}_handler", handler.replace('-', "_"));
        let opts = Opts {
            generate_all: true,
            format: true,
            with: imports(wit, handler)?,
            pub_export_macro: true,
            export_macro_name: Some(format!("export_{module}")),
            default_bindings_module: Some(format!("pillion_sdk::bindings::{module}")),
            ..Opts::default()
        };
        write(wit, &out.join(format!("{module}.rs")), handler, &format!("{handler}-handler"), opts)?;
    }
    let workflows = wit.with_file_name("workflow");
    let opts = Opts {
        generate_all: true,
        format: true,
        pub_export_macro: true,
        export_macro_name: Some("export_workflow_handler".to_owned()),
        default_bindings_module: Some("pillion_sdk::bindings::workflow_handler".to_owned()),
        ..Opts::default()
    };
    write(&workflows, &out.join("workflow_handler.rs"), WORKER, "workflows and activities", opts)
}

fn load(wit: &Path) -> Result<(Resolve, PackageId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    Ok((resolve, package))
}

/// The building blocks, or a world of one handler and nothing else, which is smaller than those of the package.
fn select(resolve: &mut Resolve, package: PackageId, world: &str) -> Result<WorldId> {
    if [SERVICE, WORKER].contains(&world) {
        return Ok(resolve.select_world(&[package], Some(world))?);
    }
    let name = &resolve.packages[package].name;
    let version = name.version.as_ref().ok_or("the package has no version")?;
    let text = format!(
        "package pillion:sdk-{world};\nworld {world}-export {{ export {}:{}/{world}-handler@{version}; }}",
        name.namespace, name.name
    );
    let own = resolve.push_str("sdk.wit", &text)?;
    Ok(resolve.select_world(&[own], None)?)
}

/// Where the types of each imported interface are already.
fn imports(wit: &Path, world: &str) -> Result<Vec<(String, WithOption)>> {
    let (mut resolve, package) = load(wit)?;
    let world = select(&mut resolve, package, world)?;
    let path = |key: &WorldKey, item: &WorldItem| {
        let WorldItem::Interface { id, .. } = item else { return None };
        let module = resolve.interfaces[*id].name.as_ref()?.replace('-', "_");
        let path = format!("crate::bindings::service::pillion::dapr::{module}");
        Some((resolve.name_world_key(key), WithOption::Path(path)))
    };
    Ok(resolve.worlds[world].imports.iter().filter_map(|(key, item)| path(key, item)).collect())
}

/// FNV-1a over the package's files in the order of their names: a test compares it with that of the files as they are.
fn digest(wit: &Path) -> Result<u64> {
    let mut files = fs::read_dir(wit)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    // Packages of others, in a folder below, are as they were published.
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wit"));
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        for byte in fs::read(file)? {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}

fn write(wit: &Path, file: &Path, world: &str, what: &str, opts: Opts) -> Result<()> {
    let (mut resolve, package) = load(wit)?;
    let world = select(&mut resolve, package, world)?;
    let mut files = Files::default();
    opts.build().generate(&mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().ok_or("nothing was generated")?;
    let source = std::str::from_utf8(source)?;
    let head = format!(
        "//! Generated from `wit/{}` ({:016x}): {what}. Not to be edited: `cargo xtask guests --bindings`.\n\n",
        wit.file_name().unwrap_or_default().display(),
        digest(wit)?
    );
    fs::write(file, head + source)?;
    Ok(())
}
