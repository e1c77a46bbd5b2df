//! JPEG, baseline and progressive, of any colour model.

use super::{ImageError, Limits, Picture, check_dimensions, scratch};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Greatest side that the format can express.
const MAX_SIDE: usize = 65535;
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
const START_OF_SCAN: u8 = 0xDA;

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8, 0xFF])
}

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, ImageError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let malformed = |error: zune_jpeg::errors::DecodeErrors| ImageError::Malformed(error.to_string());
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_dimensions(width, height, limits)?;
    // The decoder fills up what is missing with grey; half a picture isn't what the caller sent.
    if !is_complete(bytes) {
        return Err(ImageError::Malformed("it is cut short: there is no end-of-image marker".into()));
    }
    let wanted = width * height * 3;
    if decoder.output_buffer_size() != Some(wanted) {
        return Err(ImageError::Malformed(format!("it has not three bytes for each of {width} by {height} pixels")));
    }
    let mut rgb = scratch::take(wanted);
    decoder.decode_into(&mut rgb).map_err(malformed)?;
    Ok(Picture { width: width as u32, height: height as u32, rgb })
}

/// Whether all of the picture is in one scan, and nothing looks like the start of another.
pub(super) fn has_one_scan(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, &[0xFF, START_OF_SCAN]).take(2).count() == 1
}

/// Whether an end-of-image marker follows the first scan. Coded data can't contain one, but a thumbnail among the
/// segments before the scan does.
fn is_complete(bytes: &[u8]) -> bool {
    let mut rest = &bytes[2..];
    while let [0xFF, marker, tail @ ..] = rest {
        rest = match (*marker, tail) {
            (START_OF_SCAN, _) => return memchr::memmem::rfind(tail, &END_OF_IMAGE).is_some(),
            // Fill bytes may precede a marker.
            (0xFF, _) => &rest[1..],
            (_, [high, low, ..]) => tail.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or(&[]),
            _ => return false,
        };
    }
    // Something between segments that the decoder skipped: be content with a marker anywhere.
    memchr::memmem::find(bytes, &END_OF_IMAGE).is_some()
}
