//! The inner loops, in two versions that give the same bytes: plain Rust, and AVX2 where the processor has it.
//!
//! Quantised numbers are unsigned bytes here; signed ones are mapped by flipping the top bit. Sums are 32 bits wide
//! and are brought back to bytes by one float multiplication rounded to nearest even, which is what XNNPACK does:
//! that is why results are equal to its results to the byte.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

use crate::image::Columns;
use std::fmt;

/// Output channels that one panel of packed weights holds.
pub(crate) const LANES: usize = 16;

/// Which version of the inner loops runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Version);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
}

/// How a 32-bit sum becomes a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requantise {
    /// The byte of real zero.
    pub(crate) zero: u8,
    /// Least byte that the activation lets through.
    pub(crate) low: u8,
    /// Greatest byte that the activation lets through.
    pub(crate) high: u8,
}

/// Weights of [`LANES`] output channels: for each pair of depths the two weights of every channel side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    pub(crate) weights: &'a [[i16; 2 * LANES]],
    pub(crate) bias: &'a [i32; LANES],
    pub(crate) scale: &'a [f32; LANES],
}

/// Depths of one entry of a [`BytePanel`].
pub(crate) const STEP: usize = 8;

/// Weights of [`LANES`] output channels in bytes: for each eight depths two quads, each with the four weights of every
/// channel side by side. Products of `(depth 0, 1)` are added in 16 bits, and so are those of `(2, 3)`; where
/// `chained`, those of the second quad are added to them in 16 bits too. The packer sees to it that nothing saturates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BytePanel<'a> {
    pub(crate) weights: &'a [[[i8; 4 * LANES]; 2]],
    pub(crate) rests: &'a [Rest],
    pub(crate) chained: bool,
    pub(crate) bias: &'a [i32; LANES],
    pub(crate) scale: &'a [f32; LANES],
}

/// What weights of a pair of depths have beyond the bytes of a [`BytePanel`]: for the two halves of the channels, the
/// two weights of each side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) pair: usize,
    pub(crate) weights: [[i16; LANES]; 2],
}

impl Rest {
    /// Nothing, yet, at this pair.
    pub(crate) fn new(pair: usize) -> Self {
        Self { pair, weights: [[0; LANES]; 2] }
    }
}

/// Left-hand rows: `depth` pairs each, `stride` pairs apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

impl<'a, T> Rows<'a, T> {
    /// `N` rows from `first` on, each cut to `depth`.
    #[inline(always)]
    fn tile<const N: usize>(&self, first: usize, depth: usize) -> [&'a [T]; N] {
        std::array::from_fn(|row| &self.values[(first + row) * self.stride..][..depth])
    }
}

/// Where a panel's columns go: the same columns of every row, `stride` elements apart.
#[derive(Debug)]
pub(crate) struct Target<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) stride: usize,
    pub(crate) columns: usize,
}

impl<T> Target<'_, T> {
    #[inline(always)]
    fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.values[row * self.stride..][..self.columns]
    }
}

/// Weights of a depthwise convolution, for each block of [`LANES`] channels and pair of taps: first the two weights
/// of the channels 0-3 and 8-11 side by side, then of 4-7 and 12-15, the order in which AVX2 interleaves bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depthwise<'a> {
    /// `blocks * pairs` entries, the pairs of a block together.
    pub(crate) weights: &'a [[[i16; LANES]; 2]],
    pub(crate) bias: &'a [[i32; LANES]],
    pub(crate) scale: &'a [[f32; LANES]],
    /// For each pair of taps, how many blocks lie between the window's first block and the block under each tap.
    pub(crate) taps: &'a [[usize; 2]],
}

/// The position, in a [`Depthwise`] entry, of a channel's weights.
pub(crate) fn depthwise_lane(channel: usize) -> (usize, usize) {
    let lane = channel % LANES;
    (lane / 4 % 2, 2 * (lane % 4 + lane / 8 * 4))
}

/// Bounds of a float result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clamp {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// Float weights of [`LANES`] output channels, depth by depth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatPanel<'a> {
    pub(crate) weights: &'a [[f32; LANES]],
    pub(crate) bias: &'a [f32; LANES],
}

impl Kernel {
    /// Plain Rust: runs everywhere.
    pub const SCALAR: Self = Self(Version::Scalar);

    /// The fastest version that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = avx2::Avx2::detect() {
            return Self(Version::Avx2(avx2));
        }
        Self::SCALAR
    }

    /// Bytes to 16 bits, less the zero point.
    pub(crate) fn widen(self, source: &[u8], zero: u8, target: &mut [i16]) {
        match self.0 {
            Version::Scalar => scalar::widen(source, zero, target),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.widen(source, zero, target),
        }
    }

    /// Rows times a panel of 16-bit weights.
    pub(crate) fn multiply_words(
        self,
        rows: Rows<'_, [i16; 2]>,
        panel: Panel<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        match self.0 {
            Version::Scalar => scalar::multiply_words(rows, panel, to, out),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.multiply_words(rows, panel, to, out),
        }
    }

    /// Rows times a panel of 8-bit weights and their rests.
    pub(crate) fn multiply_bytes(
        self,
        rows: Rows<'_, [u8; 4]>,
        panel: BytePanel<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        match self.0 {
            Version::Scalar => scalar::multiply_bytes(rows, panel, to, out),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.multiply_bytes(rows, panel, to, out),
        }
    }

    /// One row of a depthwise convolution: `windows` holds the widened blocks, `step` blocks from one output position
    /// to the next; `out` is `channels` bytes a position.
    pub(crate) fn depthwise(
        self,
        windows: &[[i16; LANES]],
        step: usize,
        weights: Depthwise<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        match self.0 {
            Version::Scalar => scalar::depthwise(windows, step, weights, to, out),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.depthwise(windows, step, weights, to, out),
        }
    }

    /// Float rows times a panel.
    pub(crate) fn multiply_f32(self, rows: Rows<'_, f32>, panel: FloatPanel<'_>, to: Clamp, out: Target<'_, f32>) {
        match self.0 {
            Version::Scalar => scalar::multiply_f32(rows, panel, to, out),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.multiply_f32(rows, panel, to, out),
        }
    }

    /// Lines of `sum.len()` bytes each, one a weight, multiplied and added up.
    pub(crate) fn add_lines(self, lines: &[u8], weights: &[f32], sum: &mut [f32]) {
        match self.0 {
            Version::Scalar => scalar::add_lines(lines, weights, sum),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.add_lines(lines, weights, sum),
        }
    }

    /// A line of pixels scaled in width and rounded to bytes; `line` has one float more than its pixels.
    pub(crate) fn scale_line(self, line: &[f32], columns: &Columns, out: &mut [u8]) {
        match self.0 {
            Version::Scalar => scalar::scale_line(line, columns, out),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.scale_line(line, columns, out),
        }
    }

    /// `sum += a * b`, channel by channel.
    pub(crate) fn accumulate_f32(self, sum: &mut [f32], a: &[f32], b: &[f32]) {
        match self.0 {
            Version::Scalar => scalar::accumulate_f32(sum, a, b),
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(avx2) => avx2.accumulate_f32(sum, a, b),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Version::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Version::Avx2(_) => "avx2",
        })
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Kernel({self})")
    }
}
