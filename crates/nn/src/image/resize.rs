//! Scaling of byte pictures.

use super::{ImageError, Picture};
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

pub(super) fn resize(picture: Picture, width: u32, height: u32) -> Result<Vec<u8>, ImageError> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.rgb);
    }
    let malformed = |error: &dyn std::fmt::Display| ImageError::Malformed(error.to_string());
    let source = Image::from_vec_u8(picture.width, picture.height, picture.rgb, PixelType::U8x3);
    let source = source.map_err(|error| malformed(&error))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| malformed(&error))?;
    Ok(target.into_vec())
}
