//! CONV_2D: gathered rows times packed weights.

use super::super::float::FloatMatrix;
use super::super::matrix::Matrix;
use super::super::node::{Family, Io, Node, Operator};
use super::super::pace::Pace;
use super::super::quantised::Packed;
use super::super::window::{Sliding, Window};
use super::Built;
use super::fully_connected::RowByRow;
use super::image_rows::ImageRows;
use crate::Error;
use crate::kernel::Kernel;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (input, options) = (node.input(0)?, node.options()?);
    let (weights, _) = node.constant(1)?;
    let &[columns, height, width, depth] = &weights.shape[..] else {
        return Err(node.malformed(format!("weights have shape {:?} instead of four dimensions", weights.shape)));
    };
    let sliding = Sliding::read(options, Some([5, 4]), &node.place())?;
    let window = sliding.over(&input.shape, [height, width], &node.place())?;
    if window.channels != depth {
        return Err(node.unsupported(&format!("in groups ({} channels, weights of {depth})", window.channels)));
    }
    node.expect_output(&[window.batch, window.y.output, window.x.output, columns])?;
    let activation = options.i8(3, 0)?;
    match node.family(1)? {
        Family::Quantised => match Packed::pack(node, input, columns, 2, activation)? {
            Packed::Bytes(matrix) => over(node, matrix, window),
            Packed::Words(matrix) => over(node, matrix, window),
        },
        Family::Float => over(node, FloatMatrix::pack(node, columns, 2, node.clamp(activation)?)?, window),
    }
}

fn over(node: &Node<'_, '_>, matrix: impl Matrix + 'static, window: Window) -> Result<Built, Error> {
    let kernel = node.kernel;
    if window.is_pointwise() {
        return Ok(Built::unary(RowByRow { matrix, rows: window.positions(), kernel }));
    }
    let scratch = Scratch::new(node, window, &matrix)?;
    Ok(Built::unary(Convolution { matrix, kernel, scratch }))
}

/// How the scratch is shared between the padded picture and the rows.
#[derive(Debug)]
struct Scratch {
    rows: ImageRows,
    /// Elements of the padded picture, in whole cache lines.
    padded: usize,
    /// Elements from one gathered row to the next.
    stride: usize,
    /// Rows of a block.
    block: usize,
    bytes: usize,
}

impl Scratch {
    fn new<M: Matrix>(node: &Node<'_, '_>, window: Window, matrix: &M) -> Result<Self, Error> {
        let (rows, stride, element) = (ImageRows::new(window), matrix.stride(), size_of::<M::Left>());
        let block = matrix.block_rows().min(rows.positions());
        let too_large = || node.malformed("its padded input is too large");
        let padded = rows.padded_elements().and_then(|elements| elements.checked_next_multiple_of(64));
        let padded = padded.ok_or_else(too_large)?;
        let gathered = block.checked_mul(stride).and_then(|elements| elements.checked_add(64));
        let elements = gathered.and_then(|gathered| gathered.checked_add(padded));
        let bytes = elements.and_then(|elements| elements.checked_mul(element)).ok_or_else(too_large)?;
        Ok(Self { rows, padded, stride, block, bytes })
    }

    /// Calls `block` with the gathered rows of each block and the output positions that they are for.
    fn each_block<T: Copy>(
        &self,
        padded: &[T],
        gathered: &mut [T],
        mut block: impl FnMut(&mut [T], std::ops::Range<usize>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for first in (0..self.rows.positions()).step_by(self.block) {
            let last = self.rows.positions().min(first + self.block);
            for position in first..last {
                self.rows.gather(padded, position, &mut gathered[(position - first) * self.stride..]);
            }
            block(gathered, first..last)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Convolution<M> {
    matrix: M,
    kernel: Kernel,
    scratch: Scratch,
}

impl<M: Matrix> Operator for Convolution<M> {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Self { matrix, kernel, scratch } = self;
        let rows = scratch.rows;
        let columns = matrix.columns();
        let (padded, gathered) = bytemuck::cast_slice_mut::<_, M::Left>(io.scratch).split_at_mut(scratch.padded);
        let inputs = bytemuck::cast_slice(io.inputs[0]).chunks_exact(rows.input_elements());
        let outputs = bytemuck::cast_slice_mut(io.output).chunks_exact_mut(rows.positions() * columns);
        for (input, output) in inputs.zip(outputs) {
            pace.work(rows.input_elements())?;
            rows.pad(input, matrix.padding(), padded, |source, target| matrix.prepare(*kernel, source, target));
            scratch.each_block(padded, gathered, |block, positions| {
                for row in block.chunks_exact_mut(scratch.stride).take(positions.len()) {
                    row[matrix.depth()..].fill(matrix.padding());
                }
                matrix.multiply(*kernel, block, &mut output[positions.start * columns..positions.end * columns], pace)
            })?;
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.scratch.bytes
    }

    fn packed_bytes(&self) -> usize {
        self.matrix.bytes()
    }
}
