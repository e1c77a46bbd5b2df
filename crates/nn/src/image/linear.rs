//! Scaling in linear light, to floats. It goes line by line, so that the source is never held as floats.

use super::Picture;
use super::taps::{Tap, filter};

/// The exponent with which `stb_image` undoes the sRGB curve.
const GAMMA: f32 = 2.2;

/// Three floats a pixel, in 0..=1.
pub(super) fn resize(picture: &Picture, width: u32, height: u32) -> Vec<f32> {
    let light: Vec<f32> = (0..=255u8).map(|value| (f32::from(value) / 255.0).powf(GAMMA)).collect();
    let columns = filter(picture.width, width);
    let rows = filter(picture.height, height);
    let line = width as usize * 3;
    let mut target = vec![0.0; line * height as usize];
    let mut source = vec![0.0; picture.width as usize * 3];
    let mut scaled = vec![0.0; line];
    let mut first = 0;
    for (y, bytes) in picture.rgb.chunks_exact(picture.width as usize * 3).enumerate() {
        source.iter_mut().zip(bytes).for_each(|(value, byte)| *value = light[usize::from(*byte)]);
        scale_line(&source, &columns, &mut scaled);
        first += rows[first..].iter().take_while(|tap| tap.source.end <= y).count();
        let touched = rows[first..].iter().zip(target[first * line..].chunks_exact_mut(line));
        for (tap, target) in touched.take_while(|(tap, _)| tap.source.start <= y) {
            let weight = tap.weights[y - tap.source.start];
            target.iter_mut().zip(&scaled).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    target
}

fn scale_line(source: &[f32], columns: &[Tap], target: &mut [f32]) {
    for (tap, target) in columns.iter().zip(target.as_chunks_mut::<3>().0) {
        *target = [0.0; 3];
        for (pixel, weight) in source.as_chunks::<3>().0[tap.source.clone()].iter().zip(&tap.weights) {
            target.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, value: u8) -> Picture {
        Picture { width, height, rgb: vec![value; (width * height * 3) as usize] }
    }

    #[test]
    fn an_even_picture_stays_even_at_any_size() {
        for (width, height) in [(1, 1), (3, 7), (40, 2)] {
            for value in resize(&grey(10, 9, 128), width, height) {
                assert!((value - (128.0f32 / 255.0).powf(GAMMA)).abs() < 1e-5, "{width}x{height}: {value}");
            }
        }
    }

    #[test]
    fn light_is_averaged_not_bytes() {
        let picture = Picture { width: 2, height: 1, rgb: vec![0, 0, 0, 255, 255, 255] };
        assert!((resize(&picture, 1, 1)[0] - 0.5).abs() < 1e-6);
    }
}
