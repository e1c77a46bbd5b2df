//! Grey versions of pictures: a GIF stays a GIF with all its frames, everything else becomes a PNG.

mod animation;
mod error;
mod jpeg;
mod jpeg_end;
mod luma;
mod still;

pub use error::Error;

/// Pictures of more pixels than this are refused before anything is allocated for them.
pub const MAX_PIXELS: u64 = 50_000_000;

/// Makes the grey version of an encoded picture (JPEG, PNG, GIF or WebP, told by its first bytes).
///
/// # Errors
/// Says in words what is wrong with the picture; never panics on what it is given.
pub fn grayscale(picture: &[u8]) -> Result<Vec<u8>, Error> {
    if picture.is_empty() {
        return Err(Error::Empty);
    }
    match image::guess_format(picture).map_err(|_| Error::UnknownFormat)? {
        image::ImageFormat::Gif => animation::grayscale(picture),
        format => still::grayscale(picture, format),
    }
}

/// Refuses a pixel bomb by what its header says.
fn check_size(width: u32, height: u32) -> Result<(), Error> {
    match u64::from(width) * u64::from(height) {
        0 => Err(Error::NoPixels),
        pixels if pixels > MAX_PIXELS => Err(Error::TooLarge { width, height }),
        _ => Ok(()),
    }
}
