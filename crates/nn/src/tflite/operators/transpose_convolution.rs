//! TRANSPOSE_CONV: each output position gathers the input positions whose windows cover it.

use super::super::float::FloatMatrix;
use super::super::matrix::Matrix;
use super::super::node::{Family, Io, Node, Operator};
use super::super::pace::Pace;
use super::super::quantised::Packed;
use super::super::window::{Sliding, Window};
use super::Built;
use crate::Error;
use crate::kernel::Kernel;

/// The input with the activations; input 0 is the output's shape.
const ACTIVATIONS: usize = 2;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (input, options) = (node.input(ACTIVATIONS)?, node.options()?);
    let (weights, _) = node.constant(1)?;
    let &[columns, height, width, depth] = &weights.shape[..] else {
        return Err(node.malformed(format!("weights have shape {:?} instead of four dimensions", weights.shape)));
    };
    let expected: Option<Vec<usize>> = node.integers(0)?.into_iter().map(|side| usize::try_from(side).ok()).collect();
    node.expect_output(&expected.unwrap_or_default())?;
    // The forward convolution that this is the transpose of goes from the output's shape to the input's.
    let forward =
        Sliding::read(options, None, &node.place())?.over(&node.output.shape, [height, width], &node.place())?;
    if forward.channels != columns || input.shape != [forward.batch, forward.y.output, forward.x.output, depth] {
        return Err(node.malformed(format!("input has shape {:?}, its output's shape asks for another", input.shape)));
    }
    if input.element != node.output.element {
        return Err(node.unsupported(&format!("of {} to {}", input.element, node.output.element)));
    }
    let activation = options.i8(3, 0)?;
    match family(node)? {
        Family::Quantised => match Packed::pack(node, input, columns, 3, activation)? {
            Packed::Bytes(matrix) => over(node, matrix, forward, depth),
            Packed::Words(matrix) => over(node, matrix, forward, depth),
        },
        Family::Float => over(node, FloatMatrix::pack(node, columns, 3, node.clamp(activation)?)?, forward, depth),
    }
}

fn family(node: &Node<'_, '_>) -> Result<Family, Error> {
    match node.output.element {
        element if element.is_quantised() => Ok(Family::Quantised),
        crate::Element::F32 => Ok(Family::Float),
        other => Err(node.unsupported(&format!("of {other}"))),
    }
}

fn over(node: &Node<'_, '_>, matrix: impl Matrix + 'static, forward: Window, depth: usize) -> Result<Built, Error> {
    let operator = Transpose { matrix, forward, depth, kernel: node.kernel };
    Ok(Built::Step { operator: Box::new(operator), inputs: vec![ACTIVATIONS] })
}

#[derive(Debug)]
struct Transpose<M> {
    matrix: M,
    /// From the output, which is its input, to the input.
    forward: Window,
    depth: usize,
    kernel: Kernel,
}

impl<M: Matrix> Transpose<M> {
    /// Gathers, for one output position, the input under each tap; zero where there is none.
    fn gather(&self, input: &[M::Value], y: usize, x: usize, row: &mut [M::Left]) {
        let Window { y: rows, x: columns, .. } = self.forward;
        row.fill(self.matrix.padding());
        for tap in 0..rows.kernel * columns.kernel {
            let line = source(y + rows.before, tap / columns.kernel, rows.stride, rows.output);
            let column = source(x + columns.before, tap % columns.kernel, columns.stride, columns.output);
            if let (Some(line), Some(column)) = (line, column) {
                let pixel = &input[(line * columns.output + column) * self.depth..][..self.depth];
                self.matrix.prepare(self.kernel, pixel, &mut row[tap * self.depth..][..self.depth]);
            }
        }
    }
}

/// The input index whose tap falls on this padded output index.
fn source(output: usize, tap: usize, stride: usize, inputs: usize) -> Option<usize> {
    let distance = output.checked_sub(tap)?;
    (distance % stride == 0 && distance / stride < inputs).then_some(distance / stride)
}

impl<M: Matrix> Operator for Transpose<M> {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Window { y, x, .. } = self.forward;
        let rows: &mut [M::Left] = bytemuck::cast_slice_mut(io.scratch);
        let (stride, columns) = (self.matrix.stride(), self.matrix.columns());
        let block = self.matrix.block_rows();
        let inputs = bytemuck::cast_slice(io.inputs[0]).chunks_exact(y.output * x.output * self.depth);
        let outputs = bytemuck::cast_slice_mut(io.output).chunks_exact_mut(y.input * x.input * columns);
        for (input, output) in inputs.zip(outputs) {
            for (index, output) in output.chunks_mut(block * columns).enumerate() {
                for (row, position) in (index * block..).take(output.len() / columns).enumerate() {
                    self.gather(input, position / x.input, position % x.input, &mut rows[row * stride..][..stride]);
                }
                self.matrix.multiply(self.kernel, rows, output, pace)?;
            }
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.matrix.block_rows().saturating_mul(self.matrix.stride() * size_of::<M::Left>())
    }

    fn packed_bytes(&self) -> usize {
        self.matrix.bytes()
    }
}
