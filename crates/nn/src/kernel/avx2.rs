//! The inner loops with AVX2 and FMA. All `unsafe` of this crate is in this file: the calls into functions that need
//! those instructions, which only the holder of an [`Avx2`] can make, and vector loads and stores through references
//! to arrays of just the vector's size.

use super::{BytePanel, Clamp, Depthwise, FloatPanel, LANES, Panel, Requantise, Rows, Target, scalar};
use crate::image::Columns;
use std::arch::x86_64::*;

/// Rows that are multiplied at once: 4 rows by 16 columns fill the registers without spilling.
const TILE: usize = 4;
/// The same for weights in bytes, of which twice as many are held at once.
const BYTE_TILE: usize = 3;
/// The same for floats, whose sums need no separate addition.
const FLOAT_TILE: usize = 6;
/// Pairs of taps of a window of three by three.
const NINE: usize = 5;

/// Proof that the processor has AVX2 and FMA; made by [`Avx2::detect`] alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    pub(super) fn widen(self, source: &[u8], zero: u8, target: &mut [i16]) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { widen(source, zero, target) }
    }

    pub(super) fn multiply_words(
        self,
        rows: Rows<'_, [i16; 2]>,
        panel: Panel<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { multiply_words(rows, panel, to, out) }
    }

    pub(super) fn multiply_bytes(
        self,
        rows: Rows<'_, [u8; 4]>,
        panel: BytePanel<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe {
            match panel.chained {
                true => multiply_bytes::<true>(rows, panel, to, out),
                false => multiply_bytes::<false>(rows, panel, to, out),
            }
        }
    }

    pub(super) fn depthwise(
        self,
        windows: &[[i16; LANES]],
        step: usize,
        weights: Depthwise<'_>,
        to: Requantise,
        out: Target<'_, u8>,
    ) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { depthwise(windows, step, weights, to, out) }
    }

    pub(super) fn multiply_f32(self, rows: Rows<'_, f32>, panel: FloatPanel<'_>, to: Clamp, out: Target<'_, f32>) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { multiply_f32(rows, panel, to, out) }
    }

    pub(super) fn add_lines(self, lines: &[u8], weights: &[f32], sum: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { add_lines(lines, weights, sum) }
    }

    pub(super) fn scale_line(self, line: &[f32], columns: &Columns, out: &mut [u8]) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { scale_line(line, columns, out) }
    }

    pub(super) fn accumulate_f32(self, sum: &mut [f32], a: &[f32], b: &[f32]) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { accumulate_f32(sum, a, b) }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_i16(values: &[i16; 16]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_i8(values: &[i8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_i32(values: &[i32; 8]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_f32(values: &[f32; 8]) -> __m256 {
    // SAFETY: the reference is to 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store_f32(values: &mut [f32; 8], vector: __m256) {
    // SAFETY: the reference is to 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_ps(values.as_mut_ptr(), vector) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store_u8(values: &mut [u8; 16], vector: __m128i) {
    // SAFETY: the reference is to 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), vector) }
}

/// The two halves of sixteen.
#[inline(always)]
fn halves<T>(values: &[T; 16]) -> (&[T; 8], &[T; 8]) {
    let (low, rest) = values.split_first_chunk::<8>().unwrap_or_else(|| unreachable!("sixteen hold eight"));
    let high = rest.first_chunk::<8>().unwrap_or_else(|| unreachable!("eight are left"));
    (low, high)
}

// The plain loops, compiled for eight lanes.
#[target_feature(enable = "avx2,fma")]
fn add_lines(lines: &[u8], weights: &[f32], sum: &mut [f32]) {
    scalar::add_lines(lines, weights, sum);
}

/// A pixel is one vector. The plain loop is not seen to be that, since of the fourth float nothing is kept.
#[target_feature(enable = "avx2,fma")]
fn scale_line(line: &[f32], columns: &Columns, out: &mut [u8]) {
    let weights = columns.weights.chunks_exact(columns.shares.max(1));
    for ((start, weights), out) in columns.starts.iter().zip(weights).zip(out.as_chunks_mut::<3>().0) {
        let pixels = &line[start * 3..][..columns.shares * 3 + 1];
        let mut sum = _mm_set1_ps(0.5);
        for (pixel, weight) in pixels.windows(4).step_by(3).zip(weights) {
            let pixel = pixel.first_chunk::<4>().unwrap_or_else(|| unreachable!("windows of four"));
            sum = _mm_add_ps(sum, _mm_mul_ps(load_pixel(pixel), _mm_set1_ps(*weight)));
        }
        let words = _mm_cvttps_epi32(sum);
        let bytes = _mm_packus_epi16(_mm_packus_epi32(words, words), words);
        let [red, green, blue, _] = _mm_cvtsi128_si32(bytes).to_le_bytes();
        *out = [red, green, blue];
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_pixel(values: &[f32; 4]) -> __m128 {
    // SAFETY: the reference is to 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_ps(values.as_ptr()) }
}

// Compiled with AVX2 the plain loop becomes sixteen lanes wide.
#[target_feature(enable = "avx2,fma")]
fn widen(source: &[u8], zero: u8, target: &mut [i16]) {
    let zero = i16::from(zero);
    for (target, source) in target.iter_mut().zip(source) {
        *target = i16::from(*source) - zero;
    }
}

#[target_feature(enable = "avx2,fma")]
fn multiply_words(rows: Rows<'_, [i16; 2]>, panel: Panel<'_>, to: Requantise, mut out: Target<'_, u8>) {
    let mut row = 0;
    while row + TILE <= rows.count {
        tile::<TILE>(&rows, row, panel, to, &mut out);
        row += TILE;
    }
    match rows.count - row {
        3 => tile::<3>(&rows, row, panel, to, &mut out),
        2 => tile::<2>(&rows, row, panel, to, &mut out),
        1 => tile::<1>(&rows, row, panel, to, &mut out),
        _ => {}
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile<const N: usize>(
    rows: &Rows<'_, [i16; 2]>,
    first: usize,
    panel: Panel<'_>,
    to: Requantise,
    out: &mut Target<'_, u8>,
) {
    let values = rows.tile::<N>(first, panel.weights.len());
    let (low, high) = halves(panel.bias);
    let mut sums = [[load_i32(low), load_i32(high)]; N];
    for (depth, weights) in panel.weights.iter().enumerate() {
        let (low, high) = weights.split_at(LANES);
        let (Some(low), Some(high)) = (low.first_chunk(), high.first_chunk()) else { unreachable!("two sixteens") };
        let (low, high) = (load_i16(low), load_i16(high));
        for (sums, values) in sums.iter_mut().zip(&values) {
            let pair = _mm256_set1_epi32(bytemuck::cast(values[depth]));
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pair, low));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pair, high));
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        requantise(sums, panel.scale, to, out.row(first + row));
    }
}

#[target_feature(enable = "avx2,fma")]
fn multiply_bytes<const CHAINED: bool>(
    rows: Rows<'_, [u8; 4]>,
    panel: BytePanel<'_>,
    to: Requantise,
    mut out: Target<'_, u8>,
) {
    let mut row = 0;
    while row + BYTE_TILE <= rows.count {
        tile_bytes::<BYTE_TILE, CHAINED>(&rows, row, panel, to, &mut out);
        row += BYTE_TILE;
    }
    match rows.count - row {
        2 => tile_bytes::<2, CHAINED>(&rows, row, panel, to, &mut out),
        1 => tile_bytes::<1, CHAINED>(&rows, row, panel, to, &mut out),
        _ => {}
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile_bytes<const N: usize, const CHAINED: bool>(
    rows: &Rows<'_, [u8; 4]>,
    first: usize,
    panel: BytePanel<'_>,
    to: Requantise,
    out: &mut Target<'_, u8>,
) {
    let values = rows.tile::<N>(first, 2 * panel.weights.len());
    let (low, high) = halves(panel.bias);
    let mut sums = [[load_i32(low), load_i32(high)]; N];
    let ones = _mm256_set1_epi16(1);
    for (step, [near, far]) in panel.weights.iter().enumerate() {
        let (near, far) = (byte_halves(near), byte_halves(far));
        for (sums, values) in sums.iter_mut().zip(&values) {
            let a = _mm256_set1_epi32(bytemuck::cast(values[2 * step]));
            let b = _mm256_set1_epi32(bytemuck::cast(values[2 * step + 1]));
            for half in 0..2 {
                let near = _mm256_maddubs_epi16(a, load_i8(near[half]));
                let far = _mm256_maddubs_epi16(b, load_i8(far[half]));
                if CHAINED {
                    let both = _mm256_madd_epi16(_mm256_add_epi16(near, far), ones);
                    sums[half] = _mm256_add_epi32(sums[half], both);
                } else {
                    sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(near, ones));
                    sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(far, ones));
                }
            }
        }
    }
    for rest in panel.rests {
        let (low, high) = (load_i16(&rest.weights[0]), load_i16(&rest.weights[1]));
        for (sums, values) in sums.iter_mut().zip(&values) {
            let pair = _mm256_set1_epi32(bytemuck::cast(scalar::pair(values, rest.pair)));
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pair, low));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(pair, high));
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        requantise(sums, panel.scale, to, out.row(first + row));
    }
}

/// The two halves of the lanes of a quad.
#[inline(always)]
fn byte_halves(quad: &[i8; 4 * LANES]) -> [&[i8; 32]; 2] {
    let (low, rest) = quad.split_first_chunk::<32>().unwrap_or_else(|| unreachable!("64 hold 32"));
    [low, rest.first_chunk::<32>().unwrap_or_else(|| unreachable!("32 are left"))]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn requantise(sums: [__m256i; 2], scale: &[f32; LANES], to: Requantise, out: &mut [u8]) {
    let (low, high) = halves(scale);
    let greatest = _mm256_set1_ps(f32::from(i16::from(to.high) - i16::from(to.zero)));
    let scaled = |sum, scale| {
        let product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), load_f32(scale));
        _mm256_cvtps_epi32(_mm256_min_ps(product, greatest))
    };
    let packed = _mm256_packs_epi32(scaled(sums[0], low), scaled(sums[1], high));
    let shifted = _mm256_adds_epi16(_mm256_permute4x64_epi64(packed, 0xD8), _mm256_set1_epi16(i16::from(to.zero)));
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256(shifted, 1));
    let bytes = _mm_max_epu8(bytes, _mm_set1_epi8(to.low as i8));
    let bytes = _mm_min_epu8(bytes, _mm_set1_epi8(to.high as i8));
    match out.first_chunk_mut::<LANES>() {
        Some(out) => store_u8(out, bytes),
        None => {
            let mut all = [0; LANES];
            store_u8(&mut all, bytes);
            out.copy_from_slice(&all[..out.len()]);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn depthwise(windows: &[[i16; LANES]], step: usize, weights: Depthwise<'_>, to: Requantise, out: Target<'_, u8>) {
    if let Ok(taps) = weights.taps.try_into() {
        return depthwise_nine(windows, step, taps, weights, to, out);
    }
    let pairs = weights.taps.len();
    for (x, pixel) in out.values.chunks_exact_mut(out.stride).enumerate() {
        for (block, out) in pixel.chunks_mut(LANES).enumerate() {
            let window = &windows[x * step + block..];
            let entries = &weights.weights[block * pairs..][..pairs];
            let mut sums = [_mm256_setzero_si256(); 2];
            for (taps, entry) in weights.taps.iter().zip(entries) {
                add_pair(&mut sums, &window[taps[0]], &window[taps[1]], entry);
            }
            finish_block(sums, &weights.bias[block], &weights.scale[block], to, out);
        }
    }
}

/// The window of three by three, which nearly every model has: unrolled, with one check of bounds a block.
#[target_feature(enable = "avx2,fma")]
fn depthwise_nine(
    windows: &[[i16; LANES]],
    step: usize,
    taps: &[[usize; 2]; NINE],
    weights: Depthwise<'_>,
    to: Requantise,
    out: Target<'_, u8>,
) {
    let positions = out.values.len() / out.stride;
    let blocks = out.stride.div_ceil(LANES);
    let len = (positions - 1) * step + blocks;
    let lines = taps.map(|pair| pair.map(|tap| &windows[tap..][..len]));
    let (entries, _) = weights.weights.as_chunks::<NINE>();
    for (x, pixel) in out.values.chunks_exact_mut(out.stride).enumerate() {
        let blocks = entries.iter().zip(weights.bias).zip(weights.scale).zip(pixel.chunks_mut(LANES));
        for (block, (((entries, bias), scale), out)) in blocks.enumerate() {
            let at = x * step + block;
            let mut sums = [_mm256_setzero_si256(); 2];
            for (lines, entry) in lines.iter().zip(entries) {
                add_pair(&mut sums, &lines[0][at], &lines[1][at], entry);
            }
            finish_block(sums, bias, scale, to, out);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_pair(sums: &mut [__m256i; 2], a: &[i16; LANES], b: &[i16; LANES], entry: &[[i16; LANES]; 2]) {
    let (a, b) = (load_i16(a), load_i16(b));
    let low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), load_i16(&entry[0]));
    let high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), load_i16(&entry[1]));
    sums[0] = _mm256_add_epi32(sums[0], low);
    sums[1] = _mm256_add_epi32(sums[1], high);
}

/// Brings the interleaved sums into the order of the channels, and down to bytes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn finish_block(sums: [__m256i; 2], bias: &[i32; LANES], scale: &[f32; LANES], to: Requantise, out: &mut [u8]) {
    let (first, second) = halves(bias);
    let first = _mm256_add_epi32(_mm256_permute2x128_si256(sums[0], sums[1], 0x20), load_i32(first));
    let second = _mm256_add_epi32(_mm256_permute2x128_si256(sums[0], sums[1], 0x31), load_i32(second));
    requantise([first, second], scale, to, out);
}

#[target_feature(enable = "avx2,fma")]
fn multiply_f32(rows: Rows<'_, f32>, panel: FloatPanel<'_>, to: Clamp, mut out: Target<'_, f32>) {
    let mut row = 0;
    while row + FLOAT_TILE <= rows.count {
        tile_f32::<FLOAT_TILE>(&rows, row, panel, to, &mut out);
        row += FLOAT_TILE;
    }
    while row < rows.count {
        tile_f32::<1>(&rows, row, panel, to, &mut out);
        row += 1;
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile_f32<const N: usize>(
    rows: &Rows<'_, f32>,
    first: usize,
    panel: FloatPanel<'_>,
    to: Clamp,
    out: &mut Target<'_, f32>,
) {
    let values = rows.tile::<N>(first, panel.weights.len());
    let (low, high) = halves(panel.bias);
    let mut sums = [[load_f32(low), load_f32(high)]; N];
    for (depth, weights) in panel.weights.iter().enumerate() {
        let (low, high) = halves(weights);
        let (low, high) = (load_f32(low), load_f32(high));
        for (sums, values) in sums.iter_mut().zip(&values) {
            let value = _mm256_set1_ps(values[depth]);
            sums[0] = _mm256_fmadd_ps(value, low, sums[0]);
            sums[1] = _mm256_fmadd_ps(value, high, sums[1]);
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        clamp(sums, to, out.row(first + row));
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn clamp(sums: [__m256; 2], to: Clamp, out: &mut [f32]) {
    let mut all = [0.0; LANES];
    for (chunk, sum) in all.as_chunks_mut::<8>().0.iter_mut().zip(sums) {
        let bounded = _mm256_min_ps(_mm256_max_ps(sum, _mm256_set1_ps(to.low)), _mm256_set1_ps(to.high));
        store_f32(chunk, bounded);
    }
    out.copy_from_slice(&all[..out.len()]);
}

// Compiled with FMA the plain loop becomes eight fused lanes wide.
#[target_feature(enable = "avx2,fma")]
fn accumulate_f32(sum: &mut [f32], a: &[f32], b: &[f32]) {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        *sum = a.mul_add(*b, *sum);
    }
}
