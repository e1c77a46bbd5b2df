//! `cargo xtask bench`: servers and load side by side, interleaved, CPU from the kernel's own accounting.

mod pictures;
mod process;
mod table;

use crate::Result;

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["pictures"] => pictures::run(7),
        ["pictures", rounds] => pictures::run(rounds.parse()?),
        _ => Err("usage: cargo xtask bench pictures [ROUNDS]".into()),
    }
}
