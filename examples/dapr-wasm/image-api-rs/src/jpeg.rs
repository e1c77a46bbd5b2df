//! JPEG without its colours: the file holds brightness apart from colour, so that the grey picture need not be computed.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use crate::{Error, check_size, jpeg_end};

/// Decodes to grey pixels and how to turn them upright; nothing where brightness isn't apart (RGB, CMYK).
pub(crate) fn decode(picture: &[u8]) -> Result<Option<(DynamicImage, Orientation)>, Error> {
    jpeg_end::check(picture)?;
    let broken = |error: zune_jpeg::errors::DecodeErrors| Error::from_text("JPEG", &error.to_string());
    // The size is bounded by `check_size`, as for every other format.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder.decode_headers().map_err(broken)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let (width, height) = (width.try_into().unwrap_or(u32::MAX), height.try_into().unwrap_or(u32::MAX));
    check_size(width, height)?;
    if !matches!(decoder.input_colorspace(), Some(ColorSpace::YCbCr | ColorSpace::Luma)) {
        return Ok(None);
    }
    // A picture without readable EXIF data is upright already.
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = decoder.decode().map_err(broken)?;
    let grey = GrayImage::from_raw(width, height, pixels).ok_or(Error::Truncated("JPEG"))?;
    Ok(Some((DynamicImage::ImageLuma8(grey), orientation.unwrap_or(Orientation::NoTransforms))))
}
