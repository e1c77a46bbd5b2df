//! Which source positions make a target position when a picture is scaled, and with what shares.

use std::ops::Range;

/// The source positions of one target position, and their shares.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) source: Range<usize>,
    pub(crate) weights: Vec<f32>,
}

/// A triangle as wide as two target pixels, but never narrower than two source pixels.
pub(super) fn filter(source: u32, target: u32) -> Vec<Tap> {
    let scale = f64::from(source) / f64::from(target);
    let reach = scale.max(1.0);
    let tap = |index: u32| {
        let centre = (f64::from(index) + 0.5) * scale;
        let start = (centre - reach).max(0.0) as usize;
        let end = ((centre + reach).ceil() as usize).min(source as usize);
        let share = |at: usize| (1.0 - ((at as f64 + 0.5 - centre) / reach).abs()).max(0.0);
        let total: f64 = (start..end).map(share).sum();
        Tap { source: start..end, weights: (start..end).map(|at| (share(at) / total) as f32).collect() }
    };
    (0..target).map(tap).collect()
}

/// The taps of a line of target positions, all of the same number of shares, so that the inner loop's end is foreseen:
/// those that a tap lacks are zero.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) shares: usize,
    pub(crate) starts: Vec<usize>,
    /// `shares` for each start.
    pub(crate) weights: Vec<f32>,
}

impl Columns {
    pub(super) fn new(source: u32, target: u32) -> Self {
        let taps = filter(source, target);
        let shares = taps.iter().map(|tap| tap.weights.len()).max().unwrap_or(0);
        let start = |tap: &Tap| tap.source.start.min(source as usize - shares);
        let mut weights = vec![0.0; taps.len() * shares];
        for (tap, weights) in taps.iter().zip(weights.chunks_exact_mut(shares.max(1))) {
            weights[tap.source.start - start(tap)..][..tap.weights.len()].copy_from_slice(&tap.weights);
        }
        Self { shares, starts: taps.iter().map(start).collect(), weights }
    }
}
