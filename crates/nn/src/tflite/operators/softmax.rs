//! SOFTMAX over the last dimension.

use super::super::node::{Family, Io, Node, Operator, Scaled, floats, floats_mut};
use super::super::pace::Pace;
use super::Built;
use crate::Error;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    node.expect_output(&input.shape)?;
    let beta = node.options()?.f32(0, 0.0)?;
    if !beta.is_finite() {
        return Err(node.malformed(format!("its beta is {beta}")));
    }
    let depth = input.shape.last().copied().unwrap_or(1);
    match node.family(1)? {
        Family::Float => Ok(Built::unary(Float { depth, beta })),
        Family::Quantised => {
            let scale = -node.scaled(input)?.scale * beta;
            let exponentials = (0u8..=255).map(|below| (scale * f32::from(below)).exp()).collect();
            Ok(Built::unary(Quantised { depth, exponentials, output: node.scaled(node.output)? }))
        }
    }
}

#[derive(Debug)]
struct Quantised {
    depth: usize,
    /// The exponential of each distance below the greatest value.
    exponentials: Vec<f32>,
    output: Scaled,
}

impl Operator for Quantised {
    // The order of operations is that of TensorFlow Lite's table version, so that results are the same.
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        for (input, output) in io.inputs[0].chunks_exact(self.depth).zip(io.output.chunks_exact_mut(self.depth)) {
            pace.work(input.len())?;
            let greatest = input.iter().copied().max().unwrap_or(0);
            let exponential = |value: &u8| self.exponentials[usize::from(greatest - value)];
            let sum: f32 = input.iter().map(exponential).sum();
            let factor = 1.0 / (sum * self.output.scale);
            for (value, output) in input.iter().zip(output) {
                let steps = (exponential(value) * factor).round() as i32;
                *output = (steps + i32::from(self.output.zero)).clamp(0, 255) as u8;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Float {
    depth: usize,
    beta: f32,
}

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let inputs = floats(io.inputs[0]).chunks_exact(self.depth);
        for (input, output) in inputs.zip(floats_mut(io.output).chunks_exact_mut(self.depth)) {
            pace.work(input.len())?;
            let greatest = input.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for (value, output) in input.iter().zip(&mut *output) {
                *output = ((value - greatest) * self.beta).exp();
                sum += *output;
            }
            output.iter_mut().for_each(|value| *value /= sum);
        }
        Ok(())
    }
}
