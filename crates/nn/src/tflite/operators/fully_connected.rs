//! FULLY_CONNECTED: every row of the input times the weights.

use super::super::float::FloatMatrix;
use super::super::matrix::Matrix;
use super::super::node::{Family, Io, Node, Operator};
use super::super::pace::Pace;
use super::super::quantised::Packed;
use super::Built;
use crate::Error;
use crate::kernel::Kernel;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (input, options) = (node.input(0)?, node.options()?);
    let (weights, _) = node.constant(1)?;
    let &[columns, depth] = &weights.shape[..] else {
        return Err(node.malformed(format!("weights have shape {:?} instead of two dimensions", weights.shape)));
    };
    if options.i8(1, 0)? != 0 {
        return Err(node.unsupported("with shuffled weights"));
    }
    if input.elements() % depth != 0 {
        return Err(node.malformed(format!("input {:?} doesn't divide into rows of {depth}", input.shape)));
    }
    let rows = input.elements() / depth;
    node.expect_elements(rows * columns)?;
    let (kernel, activation) = (node.kernel, options.i8(0, 0)?);
    Ok(match node.family(1)? {
        Family::Quantised => match Packed::pack(node, input, columns, 2, activation)? {
            Packed::Bytes(matrix) => Built::unary(RowByRow { matrix, rows, kernel }),
            Packed::Words(matrix) => Built::unary(RowByRow { matrix, rows, kernel }),
        },
        Family::Float => {
            let matrix = FloatMatrix::pack(node, columns, 2, node.clamp(activation)?)?;
            Built::unary(RowByRow { matrix, rows, kernel })
        }
    })
}

/// The input is the rows: fully connected layers, and convolutions with a window of one.
#[derive(Debug)]
pub(super) struct RowByRow<M> {
    pub(super) matrix: M,
    /// Rows of the input.
    pub(super) rows: usize,
    pub(super) kernel: Kernel,
}

impl<M: Matrix> RowByRow<M> {
    fn block(&self) -> usize {
        self.matrix.block_rows().min(self.rows)
    }
}

impl<M: Matrix> Operator for RowByRow<M> {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let (matrix, block) = (&self.matrix, self.block());
        let (depth, stride) = (matrix.depth(), matrix.stride());
        let scratch: &mut [M::Left] = bytemuck::cast_slice_mut(io.scratch);
        let inputs = bytemuck::cast_slice(io.inputs[0]).chunks(block * depth);
        for (input, output) in inputs.zip(bytemuck::cast_slice_mut(io.output).chunks_mut(block * matrix.columns())) {
            if let Some(rows) = matrix.direct(input) {
                matrix.multiply(self.kernel, rows, output, pace)?;
                continue;
            }
            for (row, prepared) in input.chunks_exact(depth).zip(scratch.chunks_exact_mut(stride)) {
                matrix.prepare(self.kernel, row, prepared);
                prepared[depth..].fill(matrix.padding());
            }
            matrix.multiply(self.kernel, scratch, output, pace)?;
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.matrix.stride() * self.block() * size_of::<M::Left>()
    }

    fn packed_bytes(&self) -> usize {
        self.matrix.bytes()
    }
}
