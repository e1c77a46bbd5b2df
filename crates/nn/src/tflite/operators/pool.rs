//! AVERAGE_POOL_2D and MAX_POOL_2D, over the part of each window that lies inside the input.

use super::super::node::{Family, Io, Node, Operator, Scaled, floats, floats_mut};
use super::super::pace::Pace;
use super::super::window::{Sliding, Window, side};
use super::Built;
use crate::Error;
use crate::kernel::{Clamp, Requantise};

/// Positions of a window whose bytes are summed in 32 bits.
const MAX_QUANTISED_WINDOW: usize = 1 << 22;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (input, options) = (node.input(0)?, node.options()?);
    let sliding = Sliding::read(options, None, &node.place())?;
    let kernel = [side(options, 4, 0, &node.place())?, side(options, 3, 0, &node.place())?];
    let window = sliding.over(&input.shape, kernel, &node.place())?;
    node.expect_output(&[window.batch, window.y.output, window.x.output, window.channels])?;
    let (average, activation) = (node.name == "AVERAGE_POOL_2D", options.i8(5, 0)?);
    match node.family(1)? {
        Family::Float => Ok(Built::unary(Float { window, average, to: node.clamp(activation)? })),
        Family::Quantised => {
            let scaled = node.scaled(input)?;
            if scaled != node.scaled(node.output)? {
                return Err(node.unsupported("with another scale at its output than at its input"));
            }
            if window.y.kernel.min(window.y.input) * window.x.kernel.min(window.x.input) > MAX_QUANTISED_WINDOW {
                return Err(node.unsupported("with a window whose sum doesn't fit 32 bits"));
            }
            Ok(Built::unary(Quantised { window, average, scaled, to: node.requantise(activation)? }))
        }
    }
}

/// Calls `each` with the output position and the inside of its window, picture by picture.
fn each_window(
    window: &Window,
    pace: &mut Pace<'_>,
    mut each: impl FnMut(usize, &mut dyn Iterator<Item = usize>),
) -> Result<(), Error> {
    let (y, x) = (window.y, window.x);
    let picture = y.input * x.input;
    for position in 0..window.positions() {
        let (batch, row, column) =
            (position / (y.output * x.output), position / x.output % y.output, position % x.output);
        let rows = inside(row * y.stride, y.before, y.kernel, y.input);
        let columns = inside(column * x.stride, x.before, x.kernel, x.input);
        pace.work(rows.len() * columns.len() * window.channels)?;
        let mut pixels = rows.flat_map(|row| {
            let line = batch * picture + row * x.input;
            columns.clone().map(move |column| line + column)
        });
        each(position, &mut pixels);
    }
    Ok(())
}

fn inside(start: usize, before: usize, kernel: usize, input: usize) -> std::ops::Range<usize> {
    start.saturating_sub(before)..(start + kernel).saturating_sub(before).min(input)
}

#[derive(Debug)]
struct Quantised {
    window: Window,
    average: bool,
    scaled: Scaled,
    to: Requantise,
}

impl Quantised {
    /// TensorFlow Lite's rounding: half away from zero, of the stored number, which may be signed.
    fn mean(&self, sum: i32, count: i32) -> u8 {
        let offset = if self.scaled.signed { 128 } else { 0 };
        let sum = sum - offset * count;
        let half = if sum > 0 { count / 2 } else { -(count / 2) };
        ((sum + half) / count + offset).clamp(0, 255) as u8
    }

    fn average(&self, input: &[u8], output: &mut [u8], sums: &mut [i32], pace: &mut Pace<'_>) -> Result<(), Error> {
        let channels = self.window.channels;
        let sums = &mut sums[..channels];
        each_window(&self.window, pace, |position, pixels| {
            sums.fill(0);
            let mut count = 0;
            for pixel in pixels {
                count += 1;
                for (sum, value) in sums.iter_mut().zip(&input[pixel * channels..][..channels]) {
                    *sum += i32::from(*value);
                }
            }
            let output = &mut output[position * channels..][..channels];
            for (output, sum) in output.iter_mut().zip(&*sums) {
                *output = self.mean(*sum, count.max(1));
            }
        })
    }

    fn maximum(&self, input: &[u8], output: &mut [u8], pace: &mut Pace<'_>) -> Result<(), Error> {
        let channels = self.window.channels;
        each_window(&self.window, pace, |position, pixels| {
            let output = &mut output[position * channels..][..channels];
            output.fill(0);
            for pixel in pixels {
                for (output, value) in output.iter_mut().zip(&input[pixel * channels..][..channels]) {
                    *output = (*output).max(*value);
                }
            }
        })
    }
}

impl Operator for Quantised {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        if self.average {
            self.average(io.inputs[0], io.output, bytemuck::cast_slice_mut(io.scratch), pace)?;
        } else {
            self.maximum(io.inputs[0], io.output, pace)?;
        }
        io.output.iter_mut().for_each(|byte| *byte = (*byte).clamp(self.to.low, self.to.high));
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        size_of::<i32>() * self.window.channels
    }
}

#[derive(Debug)]
struct Float {
    window: Window,
    average: bool,
    to: Clamp,
}

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let (input, output) = (floats(io.inputs[0]), floats_mut(io.output));
        let channels = self.window.channels;
        each_window(&self.window, pace, |position, pixels| {
            let output = &mut output[position * channels..][..channels];
            output.fill(if self.average { 0.0 } else { f32::NEG_INFINITY });
            let mut count = 0u32;
            for pixel in pixels {
                count += 1;
                for (output, value) in output.iter_mut().zip(&input[pixel * channels..][..channels]) {
                    *output = if self.average { *output + value } else { output.max(*value) };
                }
            }
            let divisor = if self.average { count.max(1) as f32 } else { 1.0 };
            output.iter_mut().for_each(|value| *value = (*value / divisor).max(self.to.low).min(self.to.high));
        })
    }
}
