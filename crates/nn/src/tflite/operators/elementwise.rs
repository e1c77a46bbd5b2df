//! Operators of one value at a time: LOGISTIC, TANH, RELU, RELU6, HARD_SWISH, QUANTIZE, DEQUANTIZE.

use super::super::node::{Family, Io, Node, Operator, Scaled, floats, floats_mut};
use super::super::pace::Pace;
use super::Built;
use crate::{Element, Error};

/// Values between two questions whether to stop.
const CHUNK: usize = 1 << 16;

type Function = fn(f32) -> f32;

fn function(name: &str) -> Function {
    match name {
        "LOGISTIC" => |x| 1.0 / (1.0 + (-x).exp()),
        "TANH" => f32::tanh,
        "RELU" => |x| x.max(0.0),
        "RELU6" => |x| x.clamp(0.0, 6.0),
        "HARD_SWISH" => |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        _ => |x| x,
    }
}

/// LOGISTIC, TANH, RELU, RELU6, HARD_SWISH.
pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    node.expect_output(&node.input(0)?.shape)?;
    let function = function(node.name);
    match node.family(1)? {
        Family::Float => Ok(Built::unary(Float(function))),
        Family::Quantised => {
            let (input, output) = (node.scaled(node.input(0)?)?, node.scaled(node.output)?);
            Ok(Built::unary(Table::of(|value| quantise(function(dequantise(value, input)) / output.scale, output))))
        }
    }
}

/// QUANTIZE: floats to bytes, or bytes of one scale to another.
pub(super) fn quantize(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    node.expect_output(&input.shape)?;
    if !node.output.element.is_quantised() {
        return Err(node.unsupported(&format!("to {}", node.output.element)));
    }
    let output = node.scaled(node.output)?;
    match input.element {
        Element::F32 => Ok(Built::unary(Quantize { output, inverse: 1.0 / output.scale })),
        Element::U8 | Element::I8 => {
            let scaled = node.scaled(input)?;
            Ok(Built::unary(requantising(scaled, output)))
        }
        other => Err(node.unsupported(&format!("of {other}"))),
    }
}

/// Bytes of one scale as bytes of another.
pub(super) fn requantising(input: Scaled, output: Scaled) -> Table {
    let ratio = input.scale / output.scale;
    Table::of(|value| quantise((i32::from(value) - i32::from(input.zero)) as f32 * ratio, output))
}

/// DEQUANTIZE: bytes, or constant half floats, to floats.
pub(super) fn dequantize(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    node.expect_output(&input.shape)?;
    match (input.element, node.output.element) {
        (Element::U8 | Element::I8, Element::F32) => {
            let input = node.scaled(input)?;
            Ok(Built::unary(Dequantize((0..=255).map(|value| dequantise(value, input)).collect())))
        }
        (Element::F16, Element::F32) => {
            let (_, data) = node.constant(0)?;
            node.expect_room(Some(data.len()), 2)?;
            let halves = data.as_chunks().0.iter().map(|half| half_to_float(u16::from_le_bytes(*half)));
            Ok(Built::Constant(halves.flat_map(f32::to_le_bytes).collect()))
        }
        (from, to) => Err(node.unsupported(&format!("of {from} to {to}"))),
    }
}

fn dequantise(value: u8, scaled: Scaled) -> f32 {
    (i32::from(value) - i32::from(scaled.zero)) as f32 * scaled.scale
}

/// Steps of the output's scale as its byte.
fn quantise(steps: f32, output: Scaled) -> u8 {
    (steps.round_ties_even() as i32).saturating_add(i32::from(output.zero)).clamp(0, 255) as u8
}

/// IEEE half precision to single; every value is exact.
fn half_to_float(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1F), f32::from(half & 0x3FF));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1F if fraction == 0.0 => f32::INFINITY,
        0x1F => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

/// A byte for each byte.
#[derive(Clone, Debug)]
pub(super) struct Table([u8; 256]);

impl Table {
    fn of(value: impl Fn(u8) -> u8) -> Self {
        Self(std::array::from_fn(|index| value(index as u8)))
    }

    pub(super) fn apply(&self, input: &[u8], output: &mut [u8]) {
        output.iter_mut().zip(input).for_each(|(output, input)| *output = self.0[usize::from(*input)]);
    }
}

impl Operator for Table {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        for (input, output) in io.inputs[0].chunks(CHUNK).zip(io.output.chunks_mut(CHUNK)) {
            pace.work(input.len())?;
            self.apply(input, output);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Float(Function);

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        for (input, output) in floats(io.inputs[0]).chunks(CHUNK).zip(floats_mut(io.output).chunks_mut(CHUNK)) {
            pace.work(8 * input.len())?;
            output.iter_mut().zip(input).for_each(|(output, input)| *output = (self.0)(*input));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Quantize {
    output: Scaled,
    inverse: f32,
}

impl Operator for Quantize {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        for (input, output) in floats(io.inputs[0]).chunks(CHUNK).zip(io.output.chunks_mut(CHUNK)) {
            pace.work(input.len())?;
            output.iter_mut().zip(input).for_each(|(byte, real)| *byte = quantise(real * self.inverse, self.output));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Dequantize(Vec<f32>);

impl Operator for Dequantize {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        for (input, output) in io.inputs[0].chunks(CHUNK).zip(floats_mut(io.output).chunks_mut(CHUNK)) {
            pace.work(input.len())?;
            output.iter_mut().zip(input).for_each(|(real, byte)| *real = self.0[usize::from(*byte)]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_are_exact() {
        for (half, float) in [(0x3C00, 1.0), (0xC000, -2.0), (0x7BFF, 65504.0), (0x0001, 2f32.powi(-24)), (0x8000, 0.0)]
        {
            assert_eq!(half_to_float(half), float);
        }
        assert_eq!(half_to_float(0x7C00), f32::INFINITY);
        assert!(half_to_float(0x7E00).is_nan());
    }
}
