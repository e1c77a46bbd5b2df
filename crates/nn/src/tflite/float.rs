//! Float weights.

use super::matrix::Matrix;
use super::node::Node;
use super::pace::Pace;
use super::weights::{float_bias, float_values};
use crate::aligned::Aligned;
use crate::kernel::{Clamp, FloatPanel, Kernel, LANES, Rows, Target};
use crate::{Element, Error};

/// `columns` output channels of `depth` weights each, in panels of [`LANES`].
#[derive(Debug)]
pub(super) struct FloatMatrix {
    depth: usize,
    columns: usize,
    weights: Aligned<f32>,
    bias: Vec<f32>,
    to: Clamp,
}

impl FloatMatrix {
    /// Packs the weights of input 1 and the bias of input `bias`: `columns` of them, stored column by column.
    pub(super) fn pack(node: &Node<'_, '_>, columns: usize, bias_input: usize, to: Clamp) -> Result<Self, Error> {
        let (tensor, data) = node.constant(1)?;
        if tensor.element != Element::F32 {
            return Err(node.unsupported(&format!("of float32 with weights of {}", tensor.element)));
        }
        let depth = tensor.elements() / columns;
        let panels = columns.div_ceil(LANES);
        node.expect_room(panels.checked_mul(depth * LANES), size_of::<f32>())?;
        let mut packed = Aligned::zeroed(panels * depth * LANES);
        for (column, weights) in float_values(data).chunks_exact(depth).enumerate() {
            let panel = &mut packed.get_mut()[column / LANES * depth * LANES..];
            for (depth, weight) in weights.iter().enumerate() {
                panel[depth * LANES + column % LANES] = *weight;
            }
        }
        let mut bias = float_bias(node, bias_input, columns)?;
        bias.resize(panels * LANES, 0.0);
        Ok(Self { depth, columns, weights: packed, bias, to })
    }
}

impl Matrix for FloatMatrix {
    type Value = f32;
    type Left = f32;

    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn stride(&self) -> usize {
        self.depth
    }

    fn direct<'a>(&self, input: &'a [f32]) -> Option<&'a [f32]> {
        Some(input)
    }

    fn prepare(&self, _: Kernel, source: &[f32], target: &mut [f32]) {
        target[..source.len()].copy_from_slice(source);
    }

    fn padding(&self) -> f32 {
        0.0
    }

    fn multiply(&self, kernel: Kernel, rows: &[f32], out: &mut [f32], pace: &mut Pace<'_>) -> Result<(), Error> {
        let rows = Rows { values: rows, stride: self.depth, count: out.len() / self.columns };
        let (panels, _) = self.weights.get().as_chunks::<LANES>();
        let bias = self.bias.as_chunks().0;
        for (index, weights) in panels.chunks_exact(self.depth).enumerate() {
            pace.work(rows.count * self.depth * LANES)?;
            let first = index * LANES;
            let columns = LANES.min(self.columns - first);
            let target = Target { values: &mut out[first..], stride: self.columns, columns };
            kernel.multiply_f32(rows, FloatPanel { weights, bias: &bias[index] }, self.to, target);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.weights.bytes() + 4 * self.bias.len()
    }
}
