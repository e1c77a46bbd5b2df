//! CPU microseconds per inference of this engine, one thread, in the format of `benches/xnnpack.py`.
//!
//! `infer MODEL INPUT N [--scalar]`: INPUT holds one or more inputs of the model, one after the other, raw; N
//! inferences make a round; five rounds are run after a warm-up.

use pillion_nn::{Context, Error, Kernel, Registry, RegistryLimits};
use std::time::Duration;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kernel, arguments) = match arguments.split_last() {
        Some((last, rest)) if last == "--scalar" => (Kernel::SCALAR, rest),
        _ => (Kernel::detect(), &arguments[..]),
    };
    let [model, input, iterations] = arguments else {
        return Err("usage: infer MODEL INPUT N [--scalar]".into());
    };
    let iterations: usize = iterations.parse()?;
    let model = Registry::with_kernel(RegistryLimits::default(), kernel).load(&std::fs::read(model)?)?;
    let mut context = model.context();
    let data = std::fs::read(input)?;
    let inputs: Vec<&[u8]> = data.chunks_exact(model.inputs()[0].bytes).collect();

    let mut digest = 0u64;
    for input in &inputs {
        infer(&mut context, input)?;
        digest += context.output(0)?.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    let mut rounds = (0..ROUNDS).map(|_| round(&mut context, &inputs, iterations)).collect::<Result<Vec<_>, _>>()?;
    rounds.sort();
    println!(
        "pillion-nn-{kernel} cpu_us median={} min={} max={} rounds={ROUNDS} iterations={iterations} digest={digest}",
        rounds[ROUNDS / 2].as_micros(),
        rounds[0].as_micros(),
        rounds[ROUNDS - 1].as_micros(),
    );
    Ok(())
}

fn round(context: &mut Context, inputs: &[&[u8]], iterations: usize) -> Result<Duration, Error> {
    let start = thread_time();
    for input in inputs.iter().cycle().take(iterations) {
        infer(context, input)?;
    }
    Ok((thread_time() - start) / iterations as u32)
}

fn infer(context: &mut Context, input: &[u8]) -> Result<(), Error> {
    context.set_input(0, input)?;
    context.run(&|| false)
}

#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn thread_time() -> Duration {
    // There is no portable thread clock: wall time is the nearest.
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
