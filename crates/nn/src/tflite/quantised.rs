//! The choice of how quantised weights are packed: in bytes where that is exact and faster, else in 16 bits.

use super::bytes::{ByteMatrix, Split};
use super::node::Node;
use super::parse::Tensor;
use super::weights::{bias, centred_weights, factors};
use super::words::WordMatrix;
use crate::Error;
use crate::kernel::{LANES, Requantise};

/// What happens to the sums of either kind, column by column, padded to whole panels.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) bias: Vec<i32>,
    pub(super) scale: Vec<f32>,
    /// The byte of real zero in the input.
    pub(super) zero: u8,
    pub(super) to: Requantise,
}

/// Packed quantised weights.
#[derive(Debug)]
pub(super) enum Packed {
    Bytes(ByteMatrix),
    Words(WordMatrix),
}

impl Packed {
    /// Packs the weights of input 1, stored column by column, and the bias of input `bias_input`.
    pub(super) fn pack(
        node: &Node<'_, '_>,
        input: &Tensor<'_>,
        columns: usize,
        bias_input: usize,
        activation: i8,
    ) -> Result<Self, Error> {
        let (tensor, data) = node.constant(1)?;
        let padded = columns.next_multiple_of(LANES);
        // The wider packing decides, so that the limit doesn't depend on the weights' values.
        let depth = (tensor.elements() / columns).next_multiple_of(8);
        node.expect_room(padded.checked_mul(depth), size_of::<i16>())?;
        let mut sums = Sums {
            bias: bias(node, bias_input, columns)?,
            scale: factors(node, input, tensor, columns)?,
            zero: node.scaled(input)?.zero,
            to: node.requantise(activation)?,
        };
        sums.bias.resize(padded, 0);
        sums.scale.resize(padded, 0.0);
        let weights = centred_weights(node, tensor, data)?;
        Ok(match Split::best(&weights, columns) {
            Some(split) => Self::Bytes(ByteMatrix::pack(&weights, columns, sums, split)),
            None => Self::Words(WordMatrix::pack(&weights, columns, sums)),
        })
    }
}
