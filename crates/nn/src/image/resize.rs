//! Scaling of byte pictures: rows are added up first, many bytes at once, and each sum is then scaled in width. No
//! value is rounded before the end, and every version of the inner loops gives the same bytes.

use super::taps::{Columns, filter};
use super::{Picture, scratch};
use crate::Kernel;

pub(super) fn resize(picture: Picture, width: u32, height: u32, kernel: Kernel) -> Vec<u8> {
    if (picture.width, picture.height) == (width, height) {
        return picture.rgb;
    }
    let (columns, rows) = (Columns::new(picture.width, width), filter(picture.height, height));
    let (source_line, target_line) = (picture.width as usize * 3, width as usize * 3);
    let mut target = vec![0; target_line * height as usize];
    // The last pixel is read as four floats, too.
    let mut sum = vec![0.0; source_line + 1];
    for (tap, target) in rows.iter().zip(target.chunks_exact_mut(target_line)) {
        let lines = &picture.rgb[tap.source.start * source_line..tap.source.end * source_line];
        kernel.add_lines(lines, &tap.weights, &mut sum[..source_line]);
        kernel.scale_line(&sum, &columns, target);
    }
    scratch::give(picture.rgb);
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: u32, height: u32) -> Picture {
        let mut state = 1_u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Picture { width, height, rgb: (0..width * height * 3).map(|_| byte()).collect() }
    }

    /// The same sums in the plainest way and twice the precision.
    fn expected(picture: &Picture, width: u32, height: u32) -> Vec<f64> {
        let (columns, rows) = (filter(picture.width, width), filter(picture.height, height));
        let mut all = Vec::new();
        for row in &rows {
            for column in &columns {
                for channel in 0..3 {
                    let mut sum = 0.0;
                    for (y, of_row) in row.source.clone().zip(&row.weights) {
                        for (x, of_column) in column.source.clone().zip(&column.weights) {
                            let value = picture.rgb[(y * picture.width as usize + x) * 3 + channel];
                            sum += f64::from(value) * f64::from(*of_row) * f64::from(*of_column);
                        }
                    }
                    all.push(sum);
                }
            }
        }
        all
    }

    #[test]
    fn every_version_gives_the_filter_rounded_to_the_nearest() {
        for (from, to) in
            [((31, 17), (7, 9)), ((5, 40), (13, 6)), ((1, 1), (3, 2)), ((9, 9), (9, 4)), ((3, 2), (50, 1))]
        {
            let picture = noise(from.0, from.1);
            let scalar = resize(picture.clone(), to.0, to.1, Kernel::SCALAR);
            for (byte, exact) in scalar.iter().zip(expected(&picture, to.0, to.1)) {
                assert!((f64::from(*byte) - exact).abs() < 0.501, "{from:?} to {to:?}: {byte} for {exact}");
            }
            assert_eq!(scalar.len(), (to.0 * to.1 * 3) as usize);
            assert_eq!(resize(picture, to.0, to.1, Kernel::detect()), scalar, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn an_even_picture_stays_even_at_any_size() {
        for (width, height) in [(1, 1), (3, 7), (40, 2)] {
            for value in [0, 1, 128, 255] {
                let even = Picture { width: 10, height: 9, rgb: vec![value; 270] };
                assert!(resize(even, width, height, Kernel::detect()).iter().all(|byte| *byte == value), "{value}");
            }
        }
    }
}
