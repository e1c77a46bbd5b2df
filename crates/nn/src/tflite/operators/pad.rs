//! PAD: zeros around the input.

use super::super::node::{Family, Io, Node, Operator};
use super::super::pace::Pace;
use super::Built;
use crate::Error;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    let (fill, element) = match node.family(1)? {
        Family::Quantised => (node.scaled(input)?.zero, 1),
        Family::Float => (0, size_of::<f32>()),
    };
    if node.inputs.len() != 2 {
        return Err(node.unsupported("with a value to pad with"));
    }
    let amounts = node.integers(1)?;
    let (amounts, []) = amounts.as_chunks::<2>() else { return Err(node.malformed("paddings aren't pairs")) };
    if amounts.len() != input.shape.len() {
        return Err(node.malformed(format!("{} paddings for shape {:?}", amounts.len(), input.shape)));
    }
    let amount = |value: i64| usize::try_from(value).map_err(|_| node.malformed(format!("a padding of {value}")));
    let mut axes = Vec::with_capacity(amounts.len());
    let mut shape = Vec::with_capacity(amounts.len());
    for ([before, after], size) in amounts.iter().zip(&input.shape) {
        let (before, after) = (amount(*before)?, amount(*after)?);
        axes.push(Axis { before, size: *size });
        shape.push(before.saturating_add(*size).saturating_add(after));
    }
    node.expect_output(&shape)?;
    Ok(Built::unary(Pad { axes, shape, fill, element }))
}

#[derive(Debug)]
struct Axis {
    before: usize,
    size: usize,
}

#[derive(Debug)]
struct Pad {
    axes: Vec<Axis>,
    shape: Vec<usize>,
    fill: u8,
    /// Bytes of an element.
    element: usize,
}

impl Operator for Pad {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        pace.work(io.output.len())?;
        io.output.fill(self.fill);
        let row = self.axes.last().map_or(1, |axis| axis.size) * self.element;
        for (index, source) in io.inputs[0].chunks_exact(row).enumerate() {
            let start = self.place(index) * self.element;
            io.output[start..start + row].copy_from_slice(source);
        }
        Ok(())
    }
}

impl Pad {
    /// Where the row of this number begins in the output, in elements.
    fn place(&self, mut row: usize) -> usize {
        let Some((last, outer)) = self.axes.split_last() else { return 0 };
        let mut place = last.before;
        let mut step = self.shape[outer.len()];
        for (axis, size) in outer.iter().zip(&self.shape).rev() {
            place += (axis.before + row % axis.size) * step;
            row /= axis.size;
            step *= size;
        }
        place
    }
}
