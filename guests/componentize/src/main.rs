//! Finishes a guest on the host: `component ADAPTER IN OUT`, `dapr WIT IN OUT`, `bindgen IN OUT`, or `module IN OUT`
//! (validation alone).

mod world;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use wasi_preview1_component_adapter_provider as adapters;
use wasm_bindgen_cli_support::Bindgen;
use wasmparser::{Validator, WasmFeatures};
use wit_component::ComponentEncoder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let (finished, output) = match arguments {
        ["component", adapter, input, output] => (component(adapter, fs::read(input)?)?, output),
        ["dapr", wit, input, output] => (dapr(Path::new(wit), input)?, output),
        ["bindgen", input, output] => (bindgen(input)?, output),
        ["module", input, output] => (fs::read(input).map_err(|error| format!("{input}: {error}"))?, output),
        _ => {
            return Err(
                "usage: componentize component reactor|proxy|command IN OUT | dapr WIT IN OUT | bindgen IN OUT | module IN OUT".into()
            );
        }
    };
    validate(&finished).map_err(|error| format!("{output}: not valid: {error}"))?;
    write_whole(Path::new(output), &finished)
}

/// Wraps a preview 1 module, whose WIT world lies in its custom sections, into a component.
fn component(adapter: &str, module: Vec<u8>) -> Result<Vec<u8>> {
    let adapter = match adapter {
        "reactor" => adapters::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        "proxy" => adapters::WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
        "command" => adapters::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        _ => return Err(format!("unknown adapter `{adapter}`: reactor, proxy or command").into()),
    };
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module)?.adapter(adapters::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?;
    Ok(encoder.encode()?)
}

/// The same for a module that brings no world: what it imports and exports says which it is.
fn dapr(wit: &Path, input: &str) -> Result<Vec<u8>> {
    let mut module = fs::read(input).map_err(|error| format!("{input}: {error}"))?;
    world::embed(wit, &mut module).map_err(|error| format!("{input}: {error:#}"))?;
    component("reactor", module)
}

/// Writes the exports that `#[wasm_bindgen]` describes. Its JavaScript half is not wanted: bytes in, bytes out needs none.
fn bindgen(input: &str) -> Result<Vec<u8>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).bundler(true)?.typescript(false);
    Ok(bindgen.generate_output()?.wasm_mut().emit_wasm())
}

/// With what Wasmtime has on by default.
fn validate(wasm: &[u8]) -> Result<()> {
    Validator::new_with_features(WasmFeatures::default()).validate_all(wasm)?;
    Ok(())
}

/// By rename: who watches the file never sees half of it.
fn write_whole(output: &Path, bytes: &[u8]) -> Result<()> {
    let partial = output.with_extension("wasm.partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, output)?;
    Ok(())
}
