//! MEAN over neighbouring dimensions.

use super::super::node::{Family, Io, Node, Operator, floats, floats_mut};
use super::super::pace::Pace;
use super::Built;
use crate::Error;
use crate::kernel::Requantise;

/// Values that are summed as bytes in 32 bits.
const MAX_QUANTISED_COUNT: usize = 1 << 22;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    let rank = input.shape.len();
    let mut reduced = vec![false; rank];
    for axis in node.integers(1)? {
        let axis = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        let axis = axis.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank);
        reduced[axis.ok_or_else(|| node.malformed("an axis is out of range"))?] = true;
    }
    let first = reduced.iter().position(|reduced| *reduced).unwrap_or(0);
    let count = reduced.iter().filter(|reduced| **reduced).count();
    // Dimensions of one don't separate, but nobody writes such axes.
    if reduced[first..first + count].iter().any(|reduced| !reduced) {
        return Err(node.unsupported("over dimensions that aren't neighbours"));
    }
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    let inner = product(&input.shape[first + count..]);
    let shape = Shape { count: product(&input.shape[first..first + count]), inner };
    node.expect_elements(product(&input.shape[..first]) * inner)?;
    match node.family(1)? {
        Family::Float => Ok(Built::unary(Float(shape))),
        Family::Quantised if shape.count > MAX_QUANTISED_COUNT => Err(node.unsupported("of more than 2^22 bytes each")),
        Family::Quantised => {
            let (from, to) = (node.scaled(input)?, node.scaled(node.output)?);
            let scale = from.scale / (to.scale * shape.count as f32);
            Ok(Built::unary(Quantised { shape, zero: from.zero, scale, to: node.requantise(0)? }))
        }
    }
}

/// `count` blocks of `inner` values become one.
#[derive(Clone, Copy, Debug)]
struct Shape {
    count: usize,
    inner: usize,
}

#[derive(Debug)]
struct Quantised {
    shape: Shape,
    zero: u8,
    scale: f32,
    to: Requantise,
}

impl Operator for Quantised {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Shape { count, inner } = self.shape;
        let sums: &mut [i32] = &mut bytemuck::cast_slice_mut(io.scratch)[..inner];
        for (input, output) in io.inputs[0].chunks_exact(count * inner).zip(io.output.chunks_exact_mut(inner)) {
            pace.work(input.len())?;
            sums.fill(-(count as i32) * i32::from(self.zero));
            for input in input.chunks_exact(inner) {
                sums.iter_mut().zip(input).for_each(|(sum, value)| *sum += i32::from(*value));
            }
            for (output, sum) in output.iter_mut().zip(&*sums) {
                let steps = (*sum as f32 * self.scale).round_ties_even() as i32;
                *output = steps.saturating_add(i32::from(self.to.zero)).clamp(0, 255) as u8;
            }
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.shape.inner * size_of::<i32>()
    }
}

#[derive(Debug)]
struct Float(Shape);

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Shape { count, inner } = self.0;
        let inputs = floats(io.inputs[0]).chunks_exact(count * inner);
        for (input, output) in inputs.zip(floats_mut(io.output).chunks_exact_mut(inner)) {
            pace.work(input.len())?;
            output.fill(0.0);
            for input in input.chunks_exact(inner) {
                output.iter_mut().zip(input).for_each(|(sum, value)| *sum += value);
            }
            output.iter_mut().for_each(|sum| *sum /= count as f32);
        }
        Ok(())
    }
}
