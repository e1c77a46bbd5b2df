//! RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.

use super::super::node::{Family, Io, Node, Operator, floats, floats_mut};
use super::super::pace::Pace;
use super::Built;
use crate::Error;

/// Bits of a weight in the quantised version, as in XNNPACK.
const WEIGHT_BITS: u32 = 11;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    let &[batch, height, width, channels] = &input.shape[..] else {
        return Err(node.malformed(format!("input of shape {:?} instead of four dimensions", input.shape)));
    };
    let size = node.integers(1)?;
    let side = |value: i64| usize::try_from(value).ok().filter(|side| (1..=1 << 16).contains(side));
    let (Some(rows), Some(columns)) = (size.first().copied().and_then(side), size.get(1).copied().and_then(side))
    else {
        return Err(node.malformed(format!("it resizes to {size:?}")));
    };
    node.expect_output(&[batch, rows, columns, channels])?;
    let family = node.family(1)?;
    if family == Family::Quantised && node.scaled(input)? != node.scaled(node.output)? {
        return Err(node.unsupported("with another scale at its output than at its input"));
    }
    let bilinear = node.name == "RESIZE_BILINEAR";
    let (corners, centres) = if bilinear { (2, 3) } else { (0, 1) };
    let flag = |field| node.options.as_ref().map_or(Ok(false), |options| options.bool(field));
    let (corners, centres) = (flag(corners)?, flag(centres)?);
    node.expect_room(Some(rows + columns), size_of::<Between>())?;
    let element = if family == Family::Float { size_of::<f32>() } else { 1 };
    let position = if bilinear { between } else { nearest };
    let axis = |input, output| (0..output).map(|at| position(at, input, output, corners, centres)).collect();
    let resize = Resize { height, width, channels, rows: axis(height, rows), columns: axis(width, columns) };
    Ok(match (bilinear, family) {
        (false, _) => Built::unary(Nearest { resize, element }),
        (true, Family::Quantised) => Built::unary(Quantised(resize)),
        (true, Family::Float) => Built::unary(Float(resize)),
    })
}

/// Two neighbours, and how far from the first to the second.
#[derive(Clone, Copy, Debug)]
struct Between {
    first: usize,
    second: usize,
    share: f32,
}

fn scale(input: usize, output: usize, corners: bool) -> f32 {
    if corners && output > 1 { (input - 1) as f32 / (output - 1) as f32 } else { input as f32 / output as f32 }
}

fn between(at: usize, input: usize, output: usize, corners: bool, centres: bool) -> Between {
    let scale = scale(input, output, corners);
    let offset = if centres { 0.5 * scale - 0.5 } else { 0.0 };
    let place = (at as f32 * scale + offset).clamp(0.0, (input - 1) as f32);
    let first = place as usize;
    Between { first, second: (first + 1).min(input - 1), share: place - first as f32 }
}

fn nearest(at: usize, input: usize, output: usize, corners: bool, centres: bool) -> Between {
    let offset = if centres { 0.5 } else { 0.0 };
    let place = (at as f32 + offset) * scale(input, output, corners);
    let place = if corners { place.round() } else { place.floor() };
    let first = (place.max(0.0) as usize).min(input - 1);
    Between { first, second: first, share: 0.0 }
}

#[derive(Debug)]
struct Resize {
    height: usize,
    width: usize,
    channels: usize,
    rows: Vec<Between>,
    columns: Vec<Between>,
}

impl Resize {
    /// Calls `pixel` for each output pixel with the four input pixels around it: top left, top right, bottom left,
    /// bottom right.
    fn each_pixel<T>(
        &self,
        input: &[T],
        output: &mut [T],
        pace: &mut Pace<'_>,
        pixel: impl Fn([&[T]; 4], &Between, &Between, &mut [T]),
    ) -> Result<(), Error> {
        let (line, channels) = (self.width * self.channels, self.channels);
        let outputs = output.chunks_exact_mut(self.rows.len() * self.columns.len() * channels);
        for (input, output) in input.chunks_exact(self.height * line).zip(outputs) {
            for (row, output) in self.rows.iter().zip(output.chunks_exact_mut(self.columns.len() * channels)) {
                for (column, output) in self.columns.iter().zip(output.chunks_exact_mut(channels)) {
                    pace.work(8 * channels)?;
                    let at = |row: usize, column: usize| &input[row * line + column * channels..][..channels];
                    let corners = [
                        at(row.first, column.first),
                        at(row.first, column.second),
                        at(row.second, column.first),
                        at(row.second, column.second),
                    ];
                    pixel(corners, row, column, output);
                }
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        (self.rows.len() + self.columns.len()) * size_of::<Between>()
    }
}

#[derive(Debug)]
struct Nearest {
    resize: Resize,
    /// Bytes of an element.
    element: usize,
}

impl Operator for Nearest {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        if self.element == 1 {
            return self.resize.each_pixel(io.inputs[0], io.output, pace, |corners, _, _, output| {
                output.copy_from_slice(corners[0]);
            });
        }
        self.resize.each_pixel(floats(io.inputs[0]), floats_mut(io.output), pace, |corners, _, _, output| {
            output.copy_from_slice(corners[0]);
        })
    }

    fn packed_bytes(&self) -> usize {
        self.resize.bytes()
    }
}

#[derive(Debug)]
struct Quantised(Resize);

impl Operator for Quantised {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        let weight = |share: f32| (share * (1 << WEIGHT_BITS) as f32).round_ties_even() as i32;
        self.0.each_pixel(io.inputs[0], io.output, pace, |[a, b, c, d], row, column, output| {
            let (down, across) = (weight(row.share), weight(column.share));
            for (channel, output) in output.iter_mut().enumerate() {
                let [a, b, c, d] = [a, b, c, d].map(|corner| i32::from(corner[channel]));
                let top = (a << WEIGHT_BITS) + (b - a) * across;
                let bottom = (c << WEIGHT_BITS) + (d - c) * across;
                let sum = (top << WEIGHT_BITS) + (bottom - top) * down;
                *output = ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8;
            }
        })
    }

    fn packed_bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[derive(Debug)]
struct Float(Resize);

impl Operator for Float {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        self.0.each_pixel(floats(io.inputs[0]), floats_mut(io.output), pace, |[a, b, c, d], row, column, output| {
            for (channel, output) in output.iter_mut().enumerate() {
                let top = a[channel] + (b[channel] - a[channel]) * column.share;
                let bottom = c[channel] + (d[channel] - c[channel]) * column.share;
                *output = top + (bottom - top) * row.share;
            }
        })
    }

    fn packed_bytes(&self) -> usize {
        self.0.bytes()
    }
}
