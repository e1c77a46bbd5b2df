//! Damaged models: whatever the bytes are, the answer is a result or an error, soon, and within the limits.

#![allow(clippy::unwrap_used, reason = "a test ends where its premise fails")]

use pillion_nn::{Error, Registry, RegistryLimits};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Damaged copies of each recorded model; over all of them more than 5000.
const COPIES: usize = 60;
/// Answers to `stop` before a run is ended: some seconds of work at the very most.
const PATIENCE: usize = 64;
/// A single load and run may take this long, on a busy machine and unoptimised.
const SOON: Duration = Duration::from_secs(20);
const LIMITS: RegistryLimits = RegistryLimits { model_bytes: 1 << 20, arena_bytes: 8 << 20, total_bytes: 8 << 20 };

/// A small deterministic generator (xorshift64*): the same damage on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound.max(1)
    }
}

fn models() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "tflite"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    models.sort();
    models
}

/// One kind of damage after another: flipped bits, other bytes, other words as offsets and lengths have them, a piece
/// copied elsewhere, a cut.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let words: [u32; 11] = [0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 1 << 28];
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 | 3 => {
                let word = words[random.below(words.len())].to_le_bytes();
                let at = at / 4 * 4;
                let len = 4.min(bytes.len() - at);
                bytes[at..at + len].copy_from_slice(&word[..len]);
            }
            4 => {
                let len = random.below(16).min(bytes.len() - at);
                let from = random.below(bytes.len() - len);
                bytes.copy_within(from..from + len, at);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

fn load_and_run(registry: &Registry, bytes: &[u8]) -> Result<(), Error> {
    let model = registry.load(bytes)?;
    assert!(model.context_bytes() <= LIMITS.arena_bytes);
    let mut context = model.context();
    for (index, info) in model.inputs().iter().enumerate() {
        context.set_input(index, &vec![0x5A; info.bytes])?;
    }
    let asked = Cell::new(0);
    context.run(&|| asked.replace(asked.get() + 1) >= PATIENCE)?;
    for index in 0..model.outputs().len() {
        assert_eq!(context.output(index)?.len(), model.outputs()[index].bytes);
    }
    Ok(())
}

#[test]
fn damaged_models_end_as_a_result_or_an_error() {
    let registry = Registry::new(LIMITS);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut tried, mut ran, mut slowest) = (0, 0, Duration::ZERO);
    for (name, model) in models() {
        load_and_run(&registry, &model).unwrap_or_else(|error| panic!("{name} undamaged: {error}"));
        for copy in 0..COPIES {
            let mut bytes = model.clone();
            damage(&mut bytes, &mut random);
            let start = Instant::now();
            ran += usize::from(load_and_run(&registry, &bytes).is_ok());
            slowest = slowest.max(start.elapsed());
            tried += 1;
            assert!(start.elapsed() < SOON, "{name}, copy {copy}: {:?}", start.elapsed());
        }
    }
    println!("{tried} damaged models: {ran} ran, {} refused or stopped; slowest {slowest:?}", tried - ran);
    assert!(tried >= 5000 && ran > 0 && ran < tried, "{ran} of {tried} ran");
    assert!(registry.stats().bytes <= LIMITS.total_bytes);
    #[cfg(target_os = "linux")]
    check_peak_memory();
}

/// Limits are for what is held; what is taken on the way must be of that order too.
#[cfg(target_os = "linux")]
fn check_peak_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 256 << 10, "peak memory {kilobytes} kB");
}

#[test]
fn every_truncation_of_a_model_is_refused() {
    let registry = Registry::new(LIMITS);
    for (name, model) in models().into_iter().step_by(16) {
        for len in (0..model.len()).step_by(7) {
            // Some bytes at the end are padding, or of tables that nothing needs.
            if let Err(error) = load_and_run(&registry, &model[..len]) {
                assert!(!matches!(error, Error::Stopped), "{name} cut to {len}: {error}");
            }
        }
    }
}
