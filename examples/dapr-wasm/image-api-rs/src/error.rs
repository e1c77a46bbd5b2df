//! What can be wrong with a picture, in words for whoever sent it.

use std::fmt;

use image::ImageFormat;

/// Why a picture has no grey version. The text is one line without line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There were no bytes at all.
    Empty,
    /// The first bytes are those of no known format.
    UnknownFormat,
    /// A known kind of picture that this program was built without.
    Unsupported(&'static str),
    /// The header says more pixels than [`crate::MAX_PIXELS`].
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// An animation whose frames have more pixels together than [`crate::animation::MAX_FRAME_PIXELS`].
    TooManyFrames(u64),
    /// A width or a height of nothing.
    NoPixels,
    /// The picture ends too early.
    Truncated(&'static str),
    /// The format's own rules are broken; the second text says where.
    Broken(&'static str, String),
    /// Decoding needs more memory than is allowed.
    Memory,
}

impl Error {
    /// Sorts a failure of the `image` crate.
    pub(crate) fn from_image(format: ImageFormat, error: &image::ImageError) -> Self {
        let name = format_name(format);
        match error {
            image::ImageError::Unsupported(_) => Self::Unsupported(name),
            image::ImageError::Limits(_) => Self::Memory,
            image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => Self::Truncated(name),
            other => Self::from_text(name, &other.to_string()),
        }
    }

    /// The decoders report an early end in their own words and types; users get one.
    pub(crate) fn from_text(name: &'static str, text: &str) -> Self {
        const EARLY_END: [&str; 6] =
            ["unexpected eof", "unexpected end", "exhausted", "no more bytes", "failed to fill", "not enough bytes"];
        let lower = text.to_lowercase();
        if EARLY_END.iter().any(|words| lower.contains(words)) {
            return Self::Truncated(name);
        }
        Self::Broken(name, one_line(text))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("not a picture: the body is empty"),
            Self::UnknownFormat => f.write_str("not a picture: unknown format (send JPEG, PNG, GIF or WebP)"),
            Self::Unsupported(name) => {
                write!(f, "{name} pictures of this kind are not supported (send JPEG, PNG, GIF or WebP)")
            }
            Self::TooLarge { width, height } => {
                write!(f, "picture of {width}x{height} pixels is over {}", crate::MAX_PIXELS)
            }
            Self::TooManyFrames(pixels) => {
                write!(
                    f,
                    "animation of {pixels} pixels in all its frames is over {}",
                    crate::animation::MAX_FRAME_PIXELS
                )
            }
            Self::NoPixels => f.write_str("not a picture: it has no pixels"),
            Self::Truncated(name) => write!(f, "truncated {name}: the picture ends too early"),
            Self::Broken(name, text) => write!(f, "broken {name}: {text}"),
            Self::Memory => f.write_str("picture needs more memory than is allowed"),
        }
    }
}

impl std::error::Error for Error {}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Ico => "ICO",
        ImageFormat::Avif => "AVIF",
        _ => "such",
    }
}

/// A decoder's words may carry bytes of the picture: one short line of printable characters is kept.
fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 160;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect()
}
