//! Picture to sentence: decode and resize, infer, look up the label. The first two are the host's work.

use std::fmt;

use wasmedge_tensorflow_interface as tensorflow;
use wasmedge_tensorflow_interface::{ModelType, Session};

use crate::answer;
use crate::settings::Settings;

/// Why there is no answer, and whose fault it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller's: what came is no picture.
    Picture(String),
    /// The deployment's: model, labels or settings don't fit.
    Setup(String),
}

impl Failure {
    /// sysexits.h: `EX_DATAERR`, which the host answers with 422, and `EX_CONFIG`.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Picture(_) => 65,
            Self::Setup(_) => 78,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(text) | Self::Setup(text) => f.write_str(text),
        }
    }
}

/// Says what is in a JPEG or PNG picture.
pub(crate) fn classify(picture: &[u8]) -> Result<String, Failure> {
    let settings = Settings::from_env()?;
    let pixels = load(picture, settings.size)?;
    let scores = infer(&settings, &pixels)?;
    Ok(answer::sentence(&scores, &settings.labels()?))
}

/// Decodes to `size` x `size` RGB pixels.
fn load(picture: &[u8], size: u32) -> Result<Vec<u8>, Failure> {
    let format = Format::of(picture)?;
    let pixels = format.load(picture, size);
    // The interface drops the host's error code and leaves zeros. A black picture looks the same: ask once more, for one pixel.
    if pixels.iter().all(|&byte| byte == 0) && !format.is_readable(picture) {
        return Err(Failure::Picture(format!("broken {}: it cannot be decoded", format.name())));
    }
    Ok(pixels)
}

/// Bytes that are the name of a model of the manifest mean that model: nothing of it is copied into the guest.
fn infer(settings: &Settings, pixels: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut session = Session::new(settings.model.as_bytes(), ModelType::TensorFlowLite);
    let side = i64::from(settings.size);
    let scores: Vec<u8> =
        session.add_input(&settings.input, pixels, &[1, side, side, 3]).run().get_output(&settings.output);
    if scores.is_empty() {
        let Settings { model, input, output, .. } = settings;
        return Err(Failure::Setup(format!("model `{model}` gave no output `{output}` for its input `{input}`")));
    }
    Ok(scores)
}

#[derive(Clone, Copy)]
enum Format {
    Jpeg,
    Png,
}

impl Format {
    fn of(picture: &[u8]) -> Result<Self, Failure> {
        match picture {
            [] => Err(Failure::Picture("not a picture: the body is empty".to_owned())),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            _ => Err(Failure::Picture("not a picture: unknown format (send JPEG or PNG)".to_owned())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        }
    }

    fn load(self, picture: &[u8], size: u32) -> Vec<u8> {
        match self {
            Self::Jpeg => tensorflow::load_jpg_image_to_rgb8(picture, size, size),
            Self::Png => tensorflow::load_png_image_to_rgb8(picture, size, size),
        }
    }

    /// The import behind `load`, whose result is 0 when it worked.
    fn is_readable(self, picture: &[u8]) -> bool {
        let import = match self {
            Self::Jpeg => tensorflow::wasmedge_image_load_jpg_to_rgb8,
            Self::Png => tensorflow::wasmedge_image_load_png_to_rgb8,
        };
        let mut pixel = [0_u8; 3];
        // SAFETY: the host reads `len` bytes of the picture and writes the three bytes of a 1x1 picture.
        unsafe { import(picture.as_ptr(), picture.len() as u32, 1, 1, pixel.as_mut_ptr()) == 0 }
    }
}
