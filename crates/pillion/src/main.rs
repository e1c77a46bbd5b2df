//! Pillion: Dapr applications whose business logic is WebAssembly, in one process.

mod cases;
mod channel;
mod commands;
mod dapr_api;
mod edge;
mod environment;
mod flags;
mod launch;
mod manifest;
mod print;
mod telemetry;
mod watch;

use clap::Parser;
use flags::{Flags, Verb};
use std::process::ExitCode;

/// Threads that accept, read and write. They never run a guest.
const EDGE_THREADS: usize = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(EDGE_THREADS)
        .thread_name("edge")
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(flags)),
        Err(error) => Err(anyhow::anyhow!("no threads: {error}")),
    };
    done.unwrap_or_else(|error| {
        print::problem(&commands::message(&error));
        ExitCode::FAILURE
    })
}

async fn dispatch(flags: Flags) -> anyhow::Result<ExitCode> {
    let Flags { global, verb } = flags;
    match verb {
        Verb::Up(up) => commands::up::run(&global, up).await,
        Verb::Run(run) => commands::run::run(&global, *run).await,
        Verb::Serve(serve) => commands::serve::run(&global, serve).await,
        Verb::New(new) => commands::new::run(&global, &new),
        Verb::Build(build) => commands::build::run(&global, build).await,
        Verb::Dev(dev) => commands::dev::run(&global, dev).await,
        Verb::Test(test) => commands::test::run(&global, test).await,
        Verb::Invoke(invoke) => commands::invoke::run(invoke).await,
        Verb::Publish(publish) => commands::publish::run(publish).await,
        Verb::Check(check) => commands::check::run(&global, check).await,
        Verb::Inspect(inspect) => commands::inspect::run(&global, &inspect),
        Verb::Compile(compile) => commands::compile::run(&global, &compile),
        Verb::K8s(k8s) => commands::k8s::run(k8s),
        Verb::Version => {
            print::line(concat!("pillion ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    }
}
