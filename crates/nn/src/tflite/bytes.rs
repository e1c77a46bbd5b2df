//! Quantised weights in 8 bits, for an instruction that adds pairs of products in 16 bits and saturates.
//!
//! Saturation would make results wrong, so weights are split at load: `weight = small + rest`, where the small parts
//! of the products that are added in 16 bits sum to at most 127, so that 255 times that fits. The rests, few in
//! trained models, are multiplied apart, in full width. Sums are therefore exact. Activations are used as they are;
//! their zero point is taken off once, in the bias.

use super::matrix::Matrix;
use super::pace::Pace;
use super::quantised::Sums;
use crate::Error;
use crate::aligned::Aligned;
use crate::kernel::{BytePanel, Kernel, LANES, Rest, Rows, STEP, Target};

/// Greatest sum of the magnitudes of weights whose products are added in 16 bits: 255 * 127 < 2^15.
const MAX_SMALL: i16 = 127;

/// Cost of a pair of depths in each packing, in instructions a row, and of a rest; measured and rounded.
const COST_WORDS: usize = 40;
const COST_SINGLE: usize = 30;
const COST_CHAINED: usize = 25;
const COST_REST: usize = 80;

/// How many products are added in 16 bits: two, or two and the two that are four depths further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Single,
    Chained,
}

impl Split {
    /// The cheapest split; none where 16-bit weights are cheaper.
    pub(super) fn best(weights: &[i16], columns: usize) -> Option<Self> {
        let depth = weights.len() / columns;
        let pairs = columns.div_ceil(LANES) * depth.next_multiple_of(STEP) / 2;
        let cost = |split: Self, each: usize| pairs * each + split.rests(weights, columns) * COST_REST;
        let (single, chained) = (cost(Self::Single, COST_SINGLE), cost(Self::Chained, COST_CHAINED));
        match single.min(chained) {
            least if least >= pairs * COST_WORDS => None,
            least if least == chained => Some(Self::Chained),
            _ => Some(Self::Single),
        }
    }

    /// How many pairs of a panel have rests.
    fn rests(self, weights: &[i16], columns: usize) -> usize {
        let depth = weights.len() / columns;
        let count = |panel: &[i16]| {
            let mut marked = vec![false; depth.next_multiple_of(STEP) / 2];
            for column in panel.chunks(depth) {
                for (step, values) in column.chunks(STEP).enumerate() {
                    let small = self.small(&padded(values));
                    for pair in 0..STEP / 2 {
                        let at = 2 * pair;
                        let differs = (at..at + 2).any(|at| values.get(at).is_some_and(|value| *value != small[at]));
                        marked[step * STEP / 2 + pair] |= differs;
                    }
                }
            }
            marked.iter().filter(|marked| **marked).count()
        };
        weights.chunks(depth * LANES).map(count).sum()
    }

    /// The small parts of the weights of one step of a column.
    fn small(self, weights: &[i16; STEP]) -> [i16; STEP] {
        let mut small = *weights;
        for pair in 0..STEP / 4 {
            let (near, far) = (2 * pair, 2 * pair + STEP / 2);
            match self {
                Self::Single => {
                    clip(&mut small, near, MAX_SMALL);
                    clip(&mut small, far, MAX_SMALL);
                }
                Self::Chained => {
                    // The smaller pair keeps what it needs, up to half; the larger one has what is left.
                    let (less, more) = if sum(&small, near) <= sum(&small, far) { (near, far) } else { (far, near) };
                    clip(&mut small, less, MAX_SMALL / 2);
                    let left = MAX_SMALL - sum(&small, less);
                    clip(&mut small, more, left);
                }
            }
        }
        small
    }
}

fn padded(values: &[i16]) -> [i16; STEP] {
    let mut all = [0; STEP];
    all[..values.len()].copy_from_slice(values);
    all
}

/// Magnitudes of a pair together.
fn sum(values: &[i16; STEP], at: usize) -> i16 {
    values[at].abs() + values[at + 1].abs()
}

/// Limits a pair whose magnitudes together exceed this.
fn clip(values: &mut [i16; STEP], at: usize, maximum: i16) {
    if sum(values, at) > maximum {
        for value in &mut values[at..at + 2] {
            *value = (*value).clamp(-(maximum / 2), maximum / 2);
        }
    }
}

/// `columns` output channels of `depth` weights each, in panels of [`LANES`].
#[derive(Debug)]
pub(super) struct ByteMatrix {
    depth: usize,
    columns: usize,
    chained: bool,
    weights: Aligned<i8>,
    rests: Vec<Rest>,
    /// For each panel where its rests end.
    rest_ends: Vec<usize>,
    sums: Sums,
}

impl ByteMatrix {
    /// Packs weights that are stored column by column.
    pub(super) fn pack(weights: &[i16], columns: usize, mut sums: Sums, split: Split) -> Self {
        let depth = weights.len() / columns;
        let steps = depth.div_ceil(STEP);
        let mut packed = Aligned::zeroed(columns.div_ceil(LANES) * steps * STEP * LANES);
        let (mut rests, mut rest_ends) = (Vec::new(), Vec::new());
        let panels = weights.chunks(depth * LANES).zip(packed.get_mut().chunks_exact_mut(steps * STEP * LANES));
        for (weights, packed) in panels {
            let mut panel_rests: Vec<Option<Rest>> = vec![None; steps * STEP / 2];
            for (lane, column) in weights.chunks_exact(depth).enumerate() {
                for (step, values) in column.chunks(STEP).enumerate() {
                    let (values, small) = (padded(values), split.small(&padded(values)));
                    for at in 0..STEP {
                        packed[step * STEP * LANES + position(lane, at)] = small[at] as i8;
                        let rest = values[at] - small[at];
                        if rest != 0 {
                            let pair = step * STEP / 2 + at / 2;
                            let entry = panel_rests[pair].get_or_insert_with(|| Rest::new(pair));
                            entry.weights[lane / 8][lane % 8 * 2 + at % 2] = rest;
                        }
                    }
                }
            }
            rests.extend(panel_rests.into_iter().flatten());
            rest_ends.push(rests.len());
        }
        for (column, bias) in weights.chunks_exact(depth).zip(&mut sums.bias) {
            let total = column.iter().fold(0i32, |total, weight| total.wrapping_add(i32::from(*weight)));
            *bias = bias.wrapping_sub(total.wrapping_mul(i32::from(sums.zero)));
        }
        let chained = split == Split::Chained;
        Self { depth, columns, chained, weights: packed, rests, rest_ends, sums }
    }
}

/// Where the weight of a lane lies in a step: quads of depths, each with the lanes in two halves.
fn position(lane: usize, at: usize) -> usize {
    at / 4 * 4 * LANES + lane * 4 + at % 4
}

impl Matrix for ByteMatrix {
    type Value = u8;
    type Left = u8;

    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn stride(&self) -> usize {
        self.depth.next_multiple_of(STEP)
    }

    fn direct<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        (self.stride() == self.depth).then_some(input)
    }

    fn prepare(&self, _: Kernel, source: &[u8], target: &mut [u8]) {
        target[..source.len()].copy_from_slice(source);
    }

    fn padding(&self) -> u8 {
        self.sums.zero
    }

    fn multiply(&self, kernel: Kernel, rows: &[u8], out: &mut [u8], pace: &mut Pace<'_>) -> Result<(), Error> {
        let steps = self.stride() / STEP;
        let rows = Rows { values: rows.as_chunks().0, stride: 2 * steps, count: out.len() / self.columns };
        let panels = self.weights.get().as_chunks().0.as_chunks().0.chunks_exact(steps);
        let (bias, scale) = (self.sums.bias.as_chunks().0, self.sums.scale.as_chunks().0);
        let mut rest = 0;
        for (index, weights) in panels.enumerate() {
            pace.work(rows.count * steps * STEP * LANES)?;
            let rests = &self.rests[rest..self.rest_ends[index]];
            rest = self.rest_ends[index];
            let first = index * LANES;
            let columns = LANES.min(self.columns - first);
            let target = Target { values: &mut out[first..], stride: self.columns, columns };
            let panel = BytePanel { weights, rests, chained: self.chained, bias: &bias[index], scale: &scale[index] };
            kernel.multiply_bytes(rows, panel, self.sums.to, target);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let rests = self.rests.len() * size_of::<Rest>() + self.rest_ends.len() * size_of::<usize>();
        self.weights.bytes() + rests + 4 * (self.sums.bias.len() + self.sums.scale.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_never_sum_to_more_than_fits() {
        for a in (-255i16..=255).step_by(17) {
            for b in (-255i16..=255).step_by(15) {
                let weights = [a, b, -b, a, b, b, a, -a];
                for (split, groups) in [(Split::Single, 4), (Split::Chained, 2)] {
                    let small = split.small(&weights);
                    for group in 0..groups {
                        let far = if groups == 2 { sum(&small, 2 * group + 4) } else { 0 };
                        assert!(sum(&small, 2 * group) + far <= MAX_SMALL, "{split:?} {weights:?} {small:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn weights_that_fit_are_whole() {
        let weights = [31, -32, 64, 63, 32, 32, 0, 0];
        assert_eq!(Split::Chained.small(&weights), weights);
        assert_eq!(Split::Single.small(&[127, 0, -127, 0, 64, 63, 1, 1]), [127, 0, -127, 0, 64, 63, 1, 1]);
    }
}
