//! ADD, SUB and MUL, with NumPy's broadcasting.

use super::super::node::{Family, Io, Node, Operator, floats, floats_mut};
use super::super::pace::Pace;
use super::super::parse::MAX_RANK;
use super::Built;
use crate::Error;
use crate::kernel::{Clamp, Requantise};

/// Bits by which the greater of two factors is finer than the output: XNNPACK's choice.
const FACTOR_BITS: i32 = 20;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let broadcast = Broadcast::of(node)?;
    let activation = node.options.as_ref().map_or(Ok(0), |options| options.i8(0, 0))?;
    let operator: Box<dyn Operator> = match node.family(2)? {
        Family::Float => Box::new(Float { broadcast, to: node.clamp(activation)?, combine: combine(node.name) }),
        Family::Quantised if node.name == "MUL" => {
            let (a, b) = (node.scaled(node.input(0)?)?, node.scaled(node.input(1)?)?);
            let scale = a.scale * b.scale / node.scaled(node.output)?.scale;
            Box::new(Product { broadcast, zeros: [a.zero, b.zero], scale, to: node.requantise(activation)? })
        }
        Family::Quantised => Box::new(Sum::of(node, broadcast, activation)?),
    };
    Ok(Built::Step { operator, inputs: vec![0, 1] })
}

fn combine(name: &str) -> fn(f32, f32) -> f32 {
    match name {
        "MUL" => |a, b| a * b,
        "SUB" => |a, b| a - b,
        _ => |a, b| a + b,
    }
}

/// How two inputs are laid over the output: steps of each along each dimension, zero where it is repeated.
#[derive(Debug)]
struct Broadcast {
    shape: Vec<usize>,
    steps: [Vec<usize>; 2],
}

impl Broadcast {
    fn of(node: &Node<'_, '_>) -> Result<Self, Error> {
        let (a, b) = (&node.input(0)?.shape, &node.input(1)?.shape);
        let rank = a.len().max(b.len());
        let at = |shape: &[usize], index: usize| (index + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
        let size = |index| match (at(a, index), at(b, index)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => Err(node.malformed(format!("shapes {a:?} and {b:?} don't fit together"))),
        };
        let shape = (0..rank).map(size).collect::<Result<Vec<_>, _>>()?;
        node.expect_output(&shape)?;
        let steps = |input: &[usize]| {
            let mut step = 1;
            let mut steps = vec![0; rank];
            for index in (0..rank).rev() {
                let size = at(input, index);
                steps[index] = if size == 1 { 0 } else { step };
                step *= size;
            }
            steps
        };
        let steps = [steps(a), steps(b)];
        Ok(Self { shape, steps }.merged())
    }

    /// Joins neighbouring dimensions that both inputs walk as one, so that inner loops are long.
    fn merged(mut self) -> Self {
        for index in (1..self.shape.len()).rev() {
            let size = self.shape[index];
            let joins = |steps: &[usize]| steps[index - 1] == steps[index] * size;
            if size == 1 || self.shape[index - 1] == 1 || self.steps.iter().all(|steps| joins(steps)) {
                let step_of = if size == 1 { index - 1 } else { index };
                self.shape[index - 1] *= size;
                for steps in &mut self.steps {
                    steps[index - 1] = steps[step_of];
                    steps.remove(index);
                }
                self.shape.remove(index);
            }
        }
        self
    }

    /// Calls `row` with the output, and with where each input begins and its step, for each innermost row.
    fn each_row<T>(
        &self,
        output: &mut [T],
        pace: &mut Pace<'_>,
        mut row: impl FnMut(&mut [T], [usize; 2], [usize; 2]),
    ) -> Result<(), Error> {
        let (&len, outer) = self.shape.split_last().unwrap_or((&1, &[]));
        let inner = [0, 1].map(|input| self.steps[input].last().copied().unwrap_or(0));
        let mut index = [0usize; MAX_RANK];
        for output in output.chunks_exact_mut(len) {
            pace.work(len)?;
            let start =
                [0, 1].map(|input| index.iter().zip(&self.steps[input][..outer.len()]).map(|(i, s)| i * s).sum());
            row(output, start, inner);
            for (index, size) in index[..outer.len()].iter_mut().zip(outer).rev() {
                *index += 1;
                if *index < *size {
                    break;
                }
                *index = 0;
            }
        }
        Ok(())
    }

    fn combine<A: Copy, T>(
        &self,
        inputs: [&[A]; 2],
        output: &mut [T],
        pace: &mut Pace<'_>,
        combine: impl Fn(A, A) -> T,
    ) -> Result<(), Error> {
        let [a, b] = inputs;
        self.each_row(output, pace, |output, start, step| match step {
            [1, 1] => {
                let pairs = a[start[0]..].iter().zip(&b[start[1]..]);
                output.iter_mut().zip(pairs).for_each(|(output, (a, b))| *output = combine(*a, *b));
            }
            _ => output.iter_mut().enumerate().for_each(|(index, output)| {
                *output = combine(a[start[0] + index * step[0]], b[start[1] + index * step[1]]);
            }),
        })
    }
}

/// A sum or difference in integers, as XNNPACK computes it: factors of 21 bits, rounded half up by a shift.
#[derive(Debug)]
struct Sum {
    broadcast: Broadcast,
    factors: [i32; 2],
    bias: i32,
    shift: u32,
    to: Requantise,
}

impl Sum {
    fn of(node: &Node<'_, '_>, broadcast: Broadcast, activation: i8) -> Result<Self, Error> {
        let (a, b, output) = (node.scaled(node.input(0)?)?, node.scaled(node.input(1)?)?, node.scaled(node.output)?);
        let ratios = [a.scale / output.scale, b.scale / output.scale];
        let greatest = ratios[0].max(ratios[1]);
        if !(2f32.powi(-10)..2f32.powi(8)).contains(&greatest) {
            return Err(node.unsupported("whose scales are too far apart (2^-10 to 2^8)"));
        }
        let shift = FACTOR_BITS - (greatest.to_bits() >> 23) as i32 + 127;
        let factor = |ratio: f32| (ratio * 2f32.powi(shift)).round_ties_even() as i32;
        let sign = if node.name == "SUB" { -1 } else { 1 };
        let factors = [factor(ratios[0]), sign * factor(ratios[1])];
        let bias = (1 << (shift - 1)) - factors[0] * i32::from(a.zero) - factors[1] * i32::from(b.zero);
        Ok(Self { broadcast, factors, bias, shift: shift as u32, to: node.requantise(activation)? })
    }
}

impl Operator for Sum {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Self { factors, bias, shift, to, .. } = *self;
        let (zero, low, high) = (i32::from(to.zero), i32::from(to.low), i32::from(to.high));
        self.broadcast.combine([io.inputs[0], io.inputs[1]], io.output, pace, |a: u8, b: u8| {
            let sum = bias + factors[0] * i32::from(a) + factors[1] * i32::from(b);
            ((sum >> shift) + zero).max(low).min(high) as u8
        })
    }
}

#[derive(Debug)]
struct Product {
    broadcast: Broadcast,
    zeros: [u8; 2],
    scale: f32,
    to: Requantise,
}

impl Operator for Product {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let [a_zero, b_zero] = self.zeros.map(i32::from);
        let to = self.to;
        self.broadcast.combine([io.inputs[0], io.inputs[1]], io.output, pace, |a: u8, b: u8| {
            let product = (i32::from(a) - a_zero) * (i32::from(b) - b_zero);
            let scaled = (product as f32 * self.scale).round_ties_even() as i32;
            (scaled.saturating_add(i32::from(to.zero)).clamp(0, 255) as u8).clamp(to.low, to.high)
        })
    }
}

#[derive(Debug)]
struct Float {
    broadcast: Broadcast,
    to: Clamp,
    combine: fn(f32, f32) -> f32,
}

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let inputs = [floats(io.inputs[0]), floats(io.inputs[1])];
        self.broadcast.combine(inputs, floats_mut(io.output), pace, |a, b| {
            (self.combine)(a, b).max(self.to.low).min(self.to.high)
        })
    }
}
