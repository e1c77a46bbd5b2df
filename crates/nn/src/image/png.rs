//! PNG of any colour type and depth.

use super::{ImageError, Limits, Picture, check_dimensions};
use png::{BitDepth, ColorType, Decoder, Transformations};
use std::io::Cursor;

/// Bytes that the decoder may take beside the picture: for a row of the widest picture, and for its tables.
const WORKING_BYTES: usize = 64 << 20;

pub(super) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
}

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, ImageError> {
    let malformed = |error: png::DecodingError| ImageError::Malformed(error.to_string());
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: WORKING_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(malformed)?;
    let (width, height) = (header.width, header.height);
    check_dimensions(width as usize, height as usize, limits)?;
    let mut reader = decoder.read_info().map_err(malformed)?;
    let size = reader.output_buffer_size().ok_or_else(|| ImageError::Malformed("its size overflows".into()))?;
    let (color, depth) = reader.output_color_type();
    let channels = color.samples();
    // What was checked is what is allocated: one byte a channel of each pixel.
    if depth != BitDepth::Eight || size != width as usize * height as usize * channels {
        return Err(ImageError::Malformed(format!("{size} bytes for {width} by {height} {color:?} pixels")));
    }
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(malformed)?;
    Ok(Picture { width, height, rgb: to_rgb(pixels, color) })
}

/// Grey is spread to three channels; transparency is dropped.
fn to_rgb(pixels: Vec<u8>, color: ColorType) -> Vec<u8> {
    let spread = |step| pixels.iter().step_by(step).flat_map(|grey| [*grey; 3]).collect();
    match color {
        ColorType::Grayscale => spread(1),
        ColorType::GrayscaleAlpha => spread(2),
        ColorType::Rgba => pixels.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        // Palettes were expanded by the decoder.
        ColorType::Rgb | ColorType::Indexed => pixels,
    }
}
