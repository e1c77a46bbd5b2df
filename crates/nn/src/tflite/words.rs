//! Quantised weights in 16 bits: for weights of any size.

use super::matrix::Matrix;
use super::pace::Pace;
use super::quantised::Sums;
use crate::Error;
use crate::aligned::Aligned;
use crate::kernel::{Kernel, LANES, Panel, Rows, Target};

/// `columns` output channels of `depth` weights each, in panels of [`LANES`]; rows are activations less their zero
/// point, in 16 bits.
#[derive(Debug)]
pub(super) struct WordMatrix {
    depth: usize,
    columns: usize,
    weights: Aligned<i16>,
    sums: Sums,
}

impl WordMatrix {
    /// Packs weights that are stored column by column.
    pub(super) fn pack(weights: &[i16], columns: usize, sums: Sums) -> Self {
        let depth = weights.len() / columns;
        let (pairs, panels) = (depth.div_ceil(2), columns.div_ceil(LANES));
        let mut packed = Aligned::zeroed(panels * pairs * 2 * LANES);
        for (column, weights) in weights.chunks_exact(depth).enumerate() {
            let panel = &mut packed.get_mut()[column / LANES * pairs * 2 * LANES..];
            for (depth, weight) in weights.iter().enumerate() {
                panel[depth / 2 * 2 * LANES + column % LANES * 2 + depth % 2] = *weight;
            }
        }
        Self { depth, columns, weights: packed, sums }
    }
}

impl Matrix for WordMatrix {
    type Value = u8;
    type Left = i16;

    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn stride(&self) -> usize {
        self.depth.next_multiple_of(2)
    }

    fn direct<'a>(&self, _: &'a [u8]) -> Option<&'a [i16]> {
        None
    }

    fn prepare(&self, kernel: Kernel, source: &[u8], target: &mut [i16]) {
        kernel.widen(source, self.sums.zero, target);
    }

    fn padding(&self) -> i16 {
        0
    }

    fn multiply(&self, kernel: Kernel, rows: &[i16], out: &mut [u8], pace: &mut Pace<'_>) -> Result<(), Error> {
        let pairs = self.stride() / 2;
        let count = out.len() / self.columns;
        let rows = Rows { values: rows.as_chunks().0, stride: pairs, count };
        let (panels, _) = self.weights.get().as_chunks::<{ 2 * LANES }>();
        let (bias, scale) = (self.sums.bias.as_chunks().0, self.sums.scale.as_chunks().0);
        for (index, weights) in panels.chunks_exact(pairs).enumerate() {
            pace.work(count * pairs * 2 * LANES)?;
            let first = index * LANES;
            let panel = Panel { weights, bias: &bias[index], scale: &scale[index] };
            let columns = LANES.min(self.columns - first);
            let target = Target { values: &mut out[first..], stride: self.columns, columns };
            kernel.multiply_words(rows, panel, self.sums.to, target);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.weights.bytes() + 4 * (self.sums.bias.len() + self.sums.scale.len())
    }
}
