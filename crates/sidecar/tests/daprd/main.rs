//! Against a real daprd, which `cargo xtask daprd` builds: `Embedded` and `Daprd` say the same, and what happens when daprd
//! doesn't answer as it should.

mod app;
mod blocks;
mod faults;
mod parity;
mod process;
mod streams;
