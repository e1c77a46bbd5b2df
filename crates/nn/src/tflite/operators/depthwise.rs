//! DEPTHWISE_CONV_2D: every channel by itself, over a ring of widened input lines.

use super::super::node::{Family, Io, Node, Operator, floats, floats_mut};
use super::super::pace::Pace;
use super::super::weights::{self, centred_weights, factors, float_bias, float_values};
use super::super::window::{Sliding, Window};
use super::Built;
use crate::aligned::Aligned;
use crate::kernel::{Clamp, Depthwise, Kernel, LANES, Requantise, Target, depthwise_lane};
use crate::{Element, Error};

/// Taps of a window; keeps the table of a row small.
const MAX_TAPS: usize = 4096;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (input, options) = (node.input(0)?, node.options()?);
    let (weights, data) = node.constant(1)?;
    let &[1, height, width, channels] = &weights.shape[..] else {
        return Err(node.malformed(format!("weights have shape {:?} instead of [1, _, _, _]", weights.shape)));
    };
    let sliding = Sliding::read(options, Some([6, 5]), &node.place())?;
    let window = sliding.over(&input.shape, [height, width], &node.place())?;
    // The multiplier is what the shapes say; the field of the options is redundant and zero in some files.
    if channels % window.channels != 0 {
        return Err(node.malformed(format!("{channels} channels from {}", window.channels)));
    }
    if height * width > MAX_TAPS {
        return Err(node.unsupported(&format!("with a window of {height} by {width}")));
    }
    node.expect_output(&[window.batch, window.y.output, window.x.output, channels])?;
    let shape = Shape { window, channels, multiplier: channels / window.channels };
    let activation = options.i8(4, 0)?;
    match node.family(1)? {
        Family::Quantised => Quantised::pack(node, shape, activation).map(Built::unary),
        Family::Float if weights.element == Element::F32 => {
            node.expect_room(Some(data.len()), 1)?;
            let (weights, bias) = (float_values(data), float_bias(node, 2, channels)?);
            Ok(Built::unary(Float { shape, weights, bias, to: node.clamp(activation)?, kernel: node.kernel }))
        }
        Family::Float => Err(node.unsupported(&format!("of float32 with weights of {}", weights.element))),
    }
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    window: Window,
    /// Output channels.
    channels: usize,
    /// Output channels from each input channel.
    multiplier: usize,
}

impl Shape {
    fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    fn input_elements(&self) -> usize {
        self.window.y.input * self.window.x.input * self.window.channels
    }

    fn output_elements(&self) -> usize {
        self.window.y.output * self.window.x.output * self.channels
    }
}

#[derive(Debug)]
struct Quantised {
    shape: Shape,
    weights: Aligned<i16>,
    bias: Vec<i32>,
    scale: Vec<f32>,
    zero: u8,
    to: Requantise,
    kernel: Kernel,
    scratch: usize,
}

impl Quantised {
    fn pack(node: &Node<'_, '_>, shape: Shape, activation: i8) -> Result<Self, Error> {
        let (tensor, data) = node.constant(1)?;
        let (blocks, taps) = (shape.blocks(), tensor.elements() / shape.channels);
        let pairs = taps.div_ceil(2);
        node.expect_room(blocks.checked_mul(pairs * 2 * LANES), size_of::<i16>())?;
        let mut packed = Aligned::zeroed(blocks * pairs * 2 * LANES);
        for (index, weight) in centred_weights(node, tensor, data)?.into_iter().enumerate() {
            let (tap, channel) = (index / shape.channels, index % shape.channels);
            let (half, lane) = depthwise_lane(channel);
            let entry = (channel / LANES * pairs + tap / 2) * 2 + half;
            packed.get_mut()[entry * LANES + lane + tap % 2] = weight;
        }
        let mut bias = weights::bias(node, 2, shape.channels)?;
        let mut scale = factors(node, node.input(0)?, tensor, shape.channels)?;
        bias.resize(blocks * LANES, 0);
        scale.resize(blocks * LANES, 0.0);
        let line = shape.window.x.reach().checked_mul(blocks * LANES * size_of::<i16>());
        let scratch = line.and_then(|line| line.checked_mul(shape.window.y.extent()));
        let scratch = scratch.ok_or_else(|| node.malformed("its padded lines are too large"))?;
        let (zero, to) = (node.scaled(node.input(0)?)?.zero, node.requantise(activation)?);
        Ok(Self { shape, weights: packed, bias, scale, zero, to, kernel: node.kernel, scratch })
    }

    /// Widens one padded line into its place in the ring, each input channel `multiplier` times.
    fn fill(&self, input: &[u8], padded: usize, line: &mut [[i16; LANES]]) {
        let Window { y, x, channels, .. } = self.shape.window;
        let source = padded.checked_sub(y.before).filter(|index| *index < y.input);
        let Some(source) = source else { return line.fill([0; LANES]) };
        let source = &input[source * x.input * channels..][..x.input * channels];
        let blocks = self.shape.blocks();
        let inside = x.input.min(x.reach() - x.before);
        line[..x.before * blocks].fill([0; LANES]);
        line[(x.before + inside) * blocks..].fill([0; LANES]);
        let line = line[x.before * blocks..][..inside * blocks].as_flattened_mut();
        if self.shape.multiplier == 1 && channels == blocks * LANES {
            return self.kernel.widen(&source[..line.len()], self.zero, line);
        }
        for (source, target) in source.chunks_exact(channels).zip(line.chunks_exact_mut(blocks * LANES)) {
            self.widen_pixel(source, target);
        }
    }

    fn widen_pixel(&self, source: &[u8], target: &mut [i16]) {
        target[self.shape.channels..].fill(0);
        if self.shape.multiplier == 1 {
            return self.kernel.widen(source, self.zero, target);
        }
        for (source, target) in source.iter().zip(target.chunks_exact_mut(self.shape.multiplier)) {
            target.fill(i16::from(*source) - i16::from(self.zero));
        }
    }

    /// For the output line `top`, how far into the ring each tap is.
    fn taps(&self, top: usize, taps: &mut Vec<[usize; 2]>) {
        let Window { y, x, .. } = self.shape.window;
        let (blocks, ring) = (self.shape.blocks(), y.extent());
        let place = |tap: usize| {
            let line = (top + tap / x.kernel * y.dilation) % ring;
            (line * x.reach() + tap % x.kernel * x.dilation) * blocks
        };
        let last = y.kernel * x.kernel - 1;
        taps.clear();
        // An odd tap is paired with itself; its second weight is zero.
        taps.extend((0..=last).step_by(2).map(|tap| [place(tap), place((tap + 1).min(last))]));
    }
}

impl Operator for Quantised {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let Window { y, x, .. } = self.shape.window;
        let blocks = self.shape.blocks();
        let (ring, _) = bytemuck::cast_slice_mut::<_, i16>(io.scratch).as_chunks_mut::<LANES>();
        let line = x.reach() * blocks;
        let mut taps = Vec::with_capacity(y.kernel * x.kernel);
        let inputs = io.inputs[0].chunks_exact(self.shape.input_elements());
        for (input, output) in inputs.zip(io.output.chunks_exact_mut(self.shape.output_elements())) {
            let mut filled = 0;
            for (top, output) in output.chunks_exact_mut(x.output * self.shape.channels).enumerate() {
                pace.work(output.len() * y.kernel * x.kernel)?;
                let top = top * y.stride;
                for padded in filled.max(top)..top + y.extent() {
                    self.fill(input, padded, &mut ring[padded % y.extent() * line..][..line]);
                }
                filled = top + y.extent();
                self.taps(top, &mut taps);
                let weights = Depthwise {
                    weights: self.weights.get().as_chunks().0.as_chunks().0,
                    bias: self.bias.as_chunks().0,
                    scale: self.scale.as_chunks().0,
                    taps: &taps,
                };
                let target = Target { values: output, stride: self.shape.channels, columns: self.shape.channels };
                self.kernel.depthwise(ring, x.stride * blocks, weights, self.to, target);
            }
        }
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        self.scratch
    }

    fn packed_bytes(&self) -> usize {
        self.weights.bytes() + 4 * (self.bias.len() + self.scale.len())
    }
}

#[derive(Debug)]
struct Float {
    shape: Shape,
    weights: Vec<f32>,
    bias: Vec<f32>,
    to: Clamp,
    kernel: Kernel,
}

impl Float {
    /// One output position: the bias, plus each tap that lies inside.
    fn position(&self, input: &[f32], y: usize, x: usize, output: &mut [f32]) {
        let Window { y: rows, x: columns, channels, .. } = self.shape.window;
        output.copy_from_slice(&self.bias);
        for tap in 0..rows.kernel * columns.kernel {
            let place = (rows.at(y, tap / columns.kernel), columns.at(x, tap % columns.kernel));
            let (Some(row), Some(column)) = place else { continue };
            let source = &input[(row * columns.input + column) * channels..][..channels];
            let weights = &self.weights[tap * self.shape.channels..][..self.shape.channels];
            if self.shape.multiplier == 1 {
                self.kernel.accumulate_f32(output, source, weights);
            } else {
                for (channel, (sum, weight)) in output.iter_mut().zip(weights).enumerate() {
                    *sum += source[channel / self.shape.multiplier] * weight;
                }
            }
        }
        output.iter_mut().for_each(|value| *value = value.max(self.to.low).min(self.to.high));
    }
}

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let window = self.shape.window;
        let inputs = floats(io.inputs[0]).chunks_exact(self.shape.input_elements());
        let outputs = floats_mut(io.output).chunks_exact_mut(self.shape.output_elements());
        for (input, output) in inputs.zip(outputs) {
            for (position, output) in output.chunks_exact_mut(self.shape.channels).enumerate() {
                pace.work(output.len() * window.y.kernel * window.x.kernel)?;
                self.position(input, position / window.x.output, position % window.x.output, output);
            }
        }
        Ok(())
    }

    fn packed_bytes(&self) -> usize {
        4 * (self.weights.len() + self.bias.len())
    }
}
