//! Pictures as model inputs: decode, scale, and lay out as the model wants it.
//!
//! Whatever the file claims is compared with the limits before memory is taken for it. Transparency is dropped, as
//! by the `stb_image` of WasmEdge's image plugin, whose results for floats are matched too: the sRGB curve is
//! undone (gamma 2.2) before scaling, and values lie in 0..=1.

mod jpeg;
mod linear;
mod png;
mod resize;
mod scratch;
mod taps;

use crate::Kernel;
pub(crate) use taps::Columns;

/// Pixels of one side of a picture that may be asked for.
const MAX_TARGET_SIDE: u32 = 8192;
/// Pixels of a picture that may be asked for.
const MAX_TARGET_PIXELS: u64 = 1 << 22;

/// Bounds of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width times height of the picture in the file.
    pub pixels: u64,
    /// Bytes of the file.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 50_000_000, bytes: 64 << 20 }
    }
}

/// The file format that a caller accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JPEG alone.
    Jpeg,
    /// PNG alone.
    Png,
    /// Whichever the content is.
    Any,
}

/// The layout of a pixel, row by row from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixel {
    /// Three bytes: red, green, blue.
    Rgb8,
    /// Three bytes: blue, green, red.
    Bgr8,
    /// Three little-endian floats in 0..=1, of linear light: red, green, blue.
    Rgb32f,
    /// Three little-endian floats in 0..=1, of linear light: blue, green, red.
    Bgr32f,
}

impl Pixel {
    /// Bytes of one pixel.
    pub fn bytes(self) -> usize {
        match self {
            Self::Rgb8 | Self::Bgr8 => 3,
            Self::Rgb32f | Self::Bgr32f => 12,
        }
    }
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row; at least one.
    pub width: u32,
    /// Rows; at least one.
    pub height: u32,
    /// Red, green, blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

/// Why a picture can't be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImageError {
    /// The content is no picture, or not of the kind asked for.
    #[error("not a {expected} picture")]
    WrongFormat {
        /// What would have been accepted.
        expected: &'static str,
    },
    /// The file is damaged or cut short.
    #[error("picture can't be decoded: {0}")]
    Malformed(String),
    /// The file or the picture in it is over a limit.
    #[error("picture is over the limit `{limit}`: {got}, at most {maximum}")]
    TooLarge {
        /// Name of the limit.
        limit: &'static str,
        /// Its value.
        maximum: u64,
        /// What the file has.
        got: u64,
    },
    /// The size asked for is zero or over a limit.
    #[error(
        "a picture of {width} by {height} can't be made: sides are 1 to {MAX_TARGET_SIDE}, together at most \
         {MAX_TARGET_PIXELS} pixels"
    )]
    TargetSize {
        /// Width asked for.
        width: u32,
        /// Height asked for.
        height: u32,
    },
}

fn check_limit(limit: &'static str, maximum: u64, got: u64) -> Result<(), ImageError> {
    if got <= maximum { Ok(()) } else { Err(ImageError::TooLarge { limit, maximum, got }) }
}

/// Checks what a header claims, before anything is allocated for it.
fn check_dimensions(width: usize, height: usize, limits: Limits) -> Result<(), ImageError> {
    if width == 0 || height == 0 {
        return Err(ImageError::Malformed(format!("its size is {width} by {height}")));
    }
    check_limit("pixels", limits.pixels, (width as u64).saturating_mul(height as u64))
}

/// Decodes a JPEG or PNG, by its content.
///
/// # Errors
/// [`ImageError::WrongFormat`] for other content, [`ImageError::TooLarge`] before anything is allocated.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, ImageError> {
    decode_kind(bytes, Kind::Any, limits)
}

/// Whether decoding takes no longer than its pixels do: a file of at most so many bytes that doesn't go over the picture
/// again and again, as a JPEG of many scans does.
pub fn is_short(bytes: &[u8], most: usize) -> bool {
    bytes.len() <= most && (!jpeg::is_jpeg(bytes) || jpeg::has_one_scan(bytes))
}

fn decode_kind(bytes: &[u8], kind: Kind, limits: Limits) -> Result<Picture, ImageError> {
    check_limit("bytes", limits.bytes as u64, bytes.len() as u64)?;
    match kind {
        Kind::Jpeg | Kind::Any if jpeg::is_jpeg(bytes) => jpeg::decode(bytes, limits),
        Kind::Png | Kind::Any if png::is_png(bytes) => png::decode(bytes, limits),
        Kind::Jpeg => Err(ImageError::WrongFormat { expected: "JPEG" }),
        Kind::Png => Err(ImageError::WrongFormat { expected: "PNG" }),
        Kind::Any => Err(ImageError::WrongFormat { expected: "JPEG or PNG" }),
    }
}

/// Decodes a picture and scales it to just this size, whatever its proportions, by antialiased bilinear filtering.
/// The answer has `width * height * pixel.bytes()` bytes.
///
/// # Errors
/// As [`decode`] with the default limits; [`ImageError::TargetSize`] for a size that isn't within bounds.
pub fn load(bytes: &[u8], kind: Kind, width: u32, height: u32, pixel: Pixel) -> Result<Vec<u8>, ImageError> {
    load_within(bytes, kind, Limits::default(), width, height, pixel)
}

/// As [`load`], with other limits.
///
/// # Errors
/// As [`load`]; what is over a limit is refused before it is decoded.
pub fn load_within(
    bytes: &[u8],
    kind: Kind,
    limits: Limits,
    width: u32,
    height: u32,
    pixel: Pixel,
) -> Result<Vec<u8>, ImageError> {
    let sides = 1..=MAX_TARGET_SIDE;
    let pixels = u64::from(width) * u64::from(height);
    if !sides.contains(&width) || !sides.contains(&height) || pixels > MAX_TARGET_PIXELS {
        return Err(ImageError::TargetSize { width, height });
    }
    let picture = decode_kind(bytes, kind, limits)?;
    Ok(match pixel {
        Pixel::Rgb8 => resize::resize(picture, width, height, Kernel::detect()),
        Pixel::Bgr8 => swapped(resize::resize(picture, width, height, Kernel::detect())),
        Pixel::Rgb32f => float_bytes(linear::resize(&picture, width, height)),
        Pixel::Bgr32f => float_bytes(swapped(linear::resize(&picture, width, height))),
    })
}

/// Red and blue exchanged.
fn swapped<T>(mut pixels: Vec<T>) -> Vec<T> {
    pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
    pixels
}

fn float_bytes(values: Vec<f32>) -> Vec<u8> {
    bytemuck::cast_slice(&values).to_vec()
}
