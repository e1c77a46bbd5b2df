//! The grey value of a colour: its brightness by the weights of Rec. 601, which are those of JPEG, so that a picture has
//! the same grey version whichever format it comes in.

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Pixel, Primitive};

/// Rec. 601 weights of red, green and blue in 65536ths; they sum to one.
const WEIGHTS: [u32; 3] = [19_595, 38_470, 7_471];
const HALF: u32 = 1 << 15;

/// Grey pixels of the same depth; transparency is kept.
pub(crate) fn grey(colour: DynamicImage) -> DynamicImage {
    match colour {
        DynamicImage::ImageRgb8(rgb) => DynamicImage::ImageLuma8(map(&rgb, |&pixel| Luma([luma(pixel.0)]))),
        DynamicImage::ImageRgba8(rgba) => DynamicImage::ImageLumaA8(map(&rgba, |&pixel| with_alpha(pixel.0))),
        DynamicImage::ImageRgb16(rgb) => DynamicImage::ImageLuma16(map(&rgb, |&pixel| Luma([luma(pixel.0)]))),
        DynamicImage::ImageRgba16(rgba) => DynamicImage::ImageLumaA16(map(&rgba, |&pixel| with_alpha(pixel.0))),
        // Grey already, or floats, which none of the formats here has.
        other => other,
    }
}

/// The grey value of one colour of 8 or 16 bits a channel.
pub(crate) fn luma<T: Channel>([red, green, blue]: [T; 3]) -> T {
    let sum = WEIGHTS[0] * red.into() + WEIGHTS[1] * green.into() + WEIGHTS[2] * blue.into();
    // 65535 * 65536 + HALF is below 2^32.
    T::of((sum + HALF) >> 16)
}

fn with_alpha<T: Channel + Primitive>([red, green, blue, alpha]: [T; 4]) -> LumaA<T> {
    LumaA([luma([red, green, blue]), alpha])
}

fn map<P: Pixel, Q: Pixel>(
    colour: &ImageBuffer<P, Vec<P::Subpixel>>,
    grey: impl Fn(&P) -> Q,
) -> ImageBuffer<Q, Vec<Q::Subpixel>> {
    let mut out = ImageBuffer::new(colour.width(), colour.height());
    out.pixels_mut().zip(colour.pixels()).for_each(|(to, from)| *to = grey(from));
    out
}

/// A channel of a colour.
pub(crate) trait Channel: Copy + Into<u32> {
    /// Back from a value within its range.
    fn of(value: u32) -> Self;
}

impl Channel for u8 {
    fn of(value: u32) -> Self {
        value as Self
    }
}

impl Channel for u16 {
    fn of(value: u32) -> Self {
        value as Self
    }
}
