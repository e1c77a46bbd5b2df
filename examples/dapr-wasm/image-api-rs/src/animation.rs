//! GIF: the palettes are made grey and the pixels, which are indexes into them, stay: no quantisation, nothing lost.

use gif::{ColorOutput, DecodeOptions, Decoder, Encoder, Frame, MemoryLimit};

use crate::{Error, check_size, luma};

/// Pixels of all frames together. A GIF compresses a blank frame a thousandfold, so each one must be counted.
pub const MAX_FRAME_PIXELS: u64 = 4 * crate::MAX_PIXELS;
/// What the decoder may allocate for one frame, in bytes; a frame has one byte a pixel.
const MAX_FRAME_ALLOC: u64 = crate::MAX_PIXELS + (1 << 20);

pub(crate) fn grayscale(picture: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decoder = open(picture)?;
    check_size(decoder.width().into(), decoder.height().into())?;
    let palette = decoder.global_palette().map(grey_palette).unwrap_or_default();
    let mut grey = Vec::with_capacity(picture.len());
    let mut encoder = Encoder::new(&mut grey, decoder.width(), decoder.height(), &palette).map_err(write_failed)?;
    copy_frames(&mut decoder, &mut encoder)?;
    drop(encoder);
    Ok(grey)
}

fn open(picture: &[u8]) -> Result<Decoder<&[u8]>, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(MAX_FRAME_ALLOC.try_into().expect("not zero")));
    options.read_info(picture).map_err(broken)
}

/// Delays, positions, disposal and transparency travel with each frame.
fn copy_frames(decoder: &mut Decoder<&[u8]>, encoder: &mut Encoder<&mut Vec<u8>>) -> Result<(), Error> {
    let mut pixels = 0;
    let mut frames = 0_u64;
    while let Some(frame) = decoder.next_frame_info().map_err(broken)? {
        check_size(frame.width.into(), frame.height.into())?;
        pixels += u64::from(frame.width) * u64::from(frame.height);
        if pixels > MAX_FRAME_PIXELS {
            return Err(Error::TooManyFrames(pixels));
        }
        let mut grey = frame.clone();
        let mut indexes = vec![0; decoder.buffer_size()];
        decoder.read_into_buffer(&mut indexes).map_err(broken)?;
        grey_frame(&mut grey, indexes);
        if frames == 0 {
            // Said once, before the first frame; how often is known by then.
            encoder.set_repeat(decoder.repeat()).map_err(write_failed)?;
        }
        encoder.write_frame(&grey).map_err(write_failed)?;
        frames += 1;
    }
    if frames == 0 { Err(Error::Truncated("GIF")) } else { Ok(()) }
}

fn grey_frame(frame: &mut Frame<'static>, indexes: Vec<u8>) {
    frame.palette = frame.palette.as_deref().map(grey_palette);
    frame.buffer = indexes.into();
    // The decoder has put the rows in order.
    frame.interlaced = false;
}

fn grey_palette(palette: &[u8]) -> Vec<u8> {
    palette.as_chunks::<3>().0.iter().flat_map(|&colour| [luma::luma(colour); 3]).collect()
}

fn broken(error: gif::DecodingError) -> Error {
    match error {
        gif::DecodingError::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => Error::Truncated("GIF"),
        gif::DecodingError::OutOfMemory | gif::DecodingError::MemoryLimit => Error::Memory,
        other => Error::from_text("GIF", &other.to_string()),
    }
}

fn write_failed(error: gif::EncodingError) -> Error {
    Error::Broken("GIF", error.to_string())
}
