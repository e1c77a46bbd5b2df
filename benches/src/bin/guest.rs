//! A guest of text as a file: `guest IN.wat OUT.wasm`, for the peers that take no text.

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = args.as_slice() else { anyhow::bail!("usage: guest IN.wat OUT.wasm") };
    let bytes = wat::parse_file(from).with_context(|| from.clone())?;
    std::fs::write(to, bytes).with_context(|| to.clone())
}
