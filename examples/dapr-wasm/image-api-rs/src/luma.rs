//! The grey value of a colour: the same bytes as `DynamicImage::grayscale`, for 8-bit RGB without its detour.

use image::{DynamicImage, GrayImage, RgbImage};

/// Rec. 709 weights in ten-thousandths, as the `image` crate has them.
const WEIGHTS: [u32; 3] = [2126, 7152, 722];
const WHOLE: u32 = 10_000;

/// Grey pixels of the same depth; transparency is kept.
pub(crate) fn grey(colour: DynamicImage) -> DynamicImage {
    match colour {
        DynamicImage::ImageRgb8(rgb) => DynamicImage::ImageLuma8(grey_rgb8(&rgb)),
        // `grayscale` would copy what is grey already.
        grey @ (DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_)) => grey,
        other => other.grayscale(),
    }
}

/// The grey value of one 8-bit colour.
pub(crate) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = WEIGHTS[0] * u32::from(red) + WEIGHTS[1] * u32::from(green) + WEIGHTS[2] * u32::from(blue);
    // At most 255: the weights sum to WHOLE.
    (sum / WHOLE) as u8
}

fn grey_rgb8(rgb: &RgbImage) -> GrayImage {
    let pixels = rgb.as_raw().as_chunks::<3>().0.iter().map(|&pixel| luma(pixel)).collect();
    GrayImage::from_raw(rgb.width(), rgb.height(), pixels).expect("one grey byte for each of width x height pixels")
}
