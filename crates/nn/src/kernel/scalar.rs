//! The inner loops in plain Rust: the reference for the others, and what runs where there is nothing better.

use super::{BytePanel, Clamp, Depthwise, FloatPanel, LANES, Panel, Requantise, Rows, Target, depthwise_lane};
use crate::image::Columns;

pub(super) fn widen(source: &[u8], zero: u8, target: &mut [i16]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target = i16::from(*source) - i16::from(zero);
    }
}

pub(super) fn multiply_words(rows: Rows<'_, [i16; 2]>, panel: Panel<'_>, to: Requantise, mut out: Target<'_, u8>) {
    for row in 0..rows.count {
        let [values] = rows.tile(row, panel.weights.len());
        let mut sums = *panel.bias;
        for (pair, weights) in values.iter().zip(panel.weights) {
            let (weights, _) = weights.as_chunks::<2>();
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = sum.wrapping_add(product(*pair, *weight));
            }
        }
        requantise(&sums, panel.scale, to, out.row(row));
    }
}

pub(super) fn multiply_bytes(rows: Rows<'_, [u8; 4]>, panel: BytePanel<'_>, to: Requantise, mut out: Target<'_, u8>) {
    for row in 0..rows.count {
        let [values] = rows.tile(row, 2 * panel.weights.len());
        let mut sums = *panel.bias;
        for (quad, weights) in values.iter().zip(panel.weights.as_flattened()) {
            for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<4>().0) {
                for (value, weight) in quad.iter().zip(weights) {
                    *sum = sum.wrapping_add(i32::from(*value) * i32::from(*weight));
                }
            }
        }
        for rest in panel.rests {
            let pair = pair(values, rest.pair);
            for (sum, weight) in sums.iter_mut().zip(rest.weights.as_flattened().as_chunks::<2>().0) {
                *sum = sum.wrapping_add(product(pair, *weight));
            }
        }
        requantise(&sums, panel.scale, to, out.row(row));
    }
}

/// Two neighbouring values of a row of quads, in 16 bits.
#[inline(always)]
pub(super) fn pair(values: &[[u8; 4]], pair: usize) -> [i16; 2] {
    let [a, b, c, d] = values[pair / 2].map(i16::from);
    if pair.is_multiple_of(2) { [a, b] } else { [c, d] }
}

/// What `_mm256_madd_epi16` does in each lane.
fn product(a: [i16; 2], b: [i16; 2]) -> i32 {
    (i32::from(a[0]) * i32::from(b[0])).wrapping_add(i32::from(a[1]) * i32::from(b[1]))
}

pub(super) fn depthwise(
    windows: &[[i16; LANES]],
    step: usize,
    weights: Depthwise<'_>,
    to: Requantise,
    out: Target<'_, u8>,
) {
    let pairs = weights.taps.len();
    for (x, pixel) in out.values.chunks_exact_mut(out.stride).enumerate() {
        for (block, out) in pixel.chunks_mut(LANES).enumerate() {
            let window = &windows[x * step + block..];
            let mut sums = weights.bias[block];
            for (taps, entry) in weights.taps.iter().zip(&weights.weights[block * pairs..][..pairs]) {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    let (half, at) = depthwise_lane(lane);
                    let values = [window[taps[0]][lane], window[taps[1]][lane]];
                    *sum = sum.wrapping_add(product(values, [entry[half][at], entry[half][at + 1]]));
                }
            }
            requantise(&sums, &weights.scale[block], to, out);
        }
    }
}

/// Saturates in the same places as the vector instructions.
pub(super) fn requantise(sums: &[i32; LANES], scale: &[f32; LANES], to: Requantise, out: &mut [u8]) {
    let greatest = f32::from(i16::from(to.high) - i16::from(to.zero));
    for ((out, sum), scale) in out.iter_mut().zip(sums).zip(scale) {
        let scaled = (*sum as f32 * scale).min(greatest).round_ties_even() as i32;
        let shifted = scaled.max(-32768) + i32::from(to.zero);
        *out = (shifted.clamp(0, 255) as u8).clamp(to.low, to.high);
    }
}

pub(super) fn multiply_f32(rows: Rows<'_, f32>, panel: FloatPanel<'_>, to: Clamp, mut out: Target<'_, f32>) {
    for row in 0..rows.count {
        let [values] = rows.tile(row, panel.weights.len());
        let mut sums = *panel.bias;
        for (value, weights) in values.iter().zip(panel.weights) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
        for (out, sum) in out.row(row).iter_mut().zip(sums) {
            *out = sum.max(to.low).min(to.high);
        }
    }
}

pub(super) fn accumulate_f32(sum: &mut [f32], a: &[f32], b: &[f32]) {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        *sum += a * b;
    }
}

/// Sums that are held in registers while the lines are walked through.
const BLOCK: usize = 32;

/// Multiplied, rounded, added, rounded: never fused, so that every version gives the same sum.
#[inline(always)]
pub(super) fn add_lines(lines: &[u8], weights: &[f32], sum: &mut [f32]) {
    let line = sum.len();
    let (blocks, rest) = sum.as_chunks_mut::<BLOCK>();
    let first_of_rest = line - rest.len();
    for (block, sum) in blocks.iter_mut().enumerate() {
        *sum = [0.0; BLOCK];
        for (bytes, weight) in lines.chunks_exact(line).zip(weights) {
            let bytes = &bytes[block * BLOCK..][..BLOCK];
            for lane in 0..BLOCK {
                sum[lane] += f32::from(bytes[lane]) * weight;
            }
        }
    }
    rest.fill(0.0);
    for (bytes, weight) in lines.chunks_exact(line).zip(weights) {
        for (sum, byte) in rest.iter_mut().zip(&bytes[first_of_rest..]) {
            *sum += f32::from(*byte) * weight;
        }
    }
}

/// Four floats a pixel are added, since that is one vector; the fourth is the next pixel's and is dropped.
#[inline(always)]
pub(super) fn scale_line(line: &[f32], columns: &Columns, out: &mut [u8]) {
    let weights = columns.weights.chunks_exact(columns.shares.max(1));
    for ((start, weights), out) in columns.starts.iter().zip(weights).zip(out.as_chunks_mut::<3>().0) {
        let pixels = &line[start * 3..][..columns.shares * 3 + 1];
        let mut sum = [0.5_f32; 4];
        for (index, weight) in weights.iter().enumerate() {
            let pixel = &pixels[index * 3..][..4];
            for lane in 0..4 {
                sum[lane] += pixel[lane] * weight;
            }
        }
        // Shares sum to one, but for rounding; the cast cuts to 0..=255.
        *out = [sum[0] as u8, sum[1] as u8, sum[2] as u8];
    }
}
