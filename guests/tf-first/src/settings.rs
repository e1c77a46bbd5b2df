//! What both generations read from the environment, and how they say the result.

use std::env;

pub(crate) struct Settings {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) size: u32,
}

/// The defaults are those of MobileNet V1 1.0 224 quant.
pub(crate) fn from_env() -> Settings {
    let or = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    Settings {
        input: or("MODEL_INPUT", "input"),
        output: or("MODEL_OUTPUT", "MobilenetV1/Predictions/Reshape_1"),
        size: or("MODEL_SIZE", "224").parse().expect("MODEL_SIZE is a number"),
    }
}

pub(crate) fn best(scores: &[u8], pixels: &[u8]) -> String {
    let sum: u64 = pixels.iter().map(|&byte| u64::from(byte)).sum();
    // The first of equals.
    match scores.iter().enumerate().rev().max_by_key(|(_, score)| **score) {
        Some((index, score)) => format!("{index} {score} {sum}"),
        None => format!("no output {sum}"),
    }
}
