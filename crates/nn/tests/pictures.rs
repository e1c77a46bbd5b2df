//! Pictures: every colour model comes out as RGB, and no file takes more than its limits or brings the process down.

#![allow(clippy::unwrap_used, reason = "a test ends where its premise fails")]

use pillion_nn::image::{ImageError, Kind, Limits, Pixel, decode, is_short, load, load_within};
use png::{BitDepth, ColorType, Encoder};
use std::path::PathBuf;

const SIZE: usize = 40;
const JPEGS: [&str; 4] = ["gradient.jpg", "gradient_progressive.jpg", "gradient_grey.jpg", "gradient_cmyk.jpg"];

fn jpeg(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A PNG of one colour, 5 by 3.
fn png_of(color: ColorType, depth: BitDepth, pixel: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 5, 3);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![1, 2, 3, 10, 20, 30]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixel.repeat(15)).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The gradient that `make_pictures.py` draws.
fn gradient(x: usize, y: usize) -> [u8; 3] {
    [x as u8 * 6, y as u8 * 6, 64]
}

fn near(got: &[u8], want: [u8; 3], tolerance: u8) -> bool {
    got.iter().zip(want).all(|(got, want)| got.abs_diff(want) <= tolerance)
}

#[test]
fn a_jpeg_of_any_kind_is_decoded_to_rgb() {
    for name in JPEGS {
        let picture = decode(&jpeg(name), Limits::default()).unwrap();
        assert_eq!((picture.width, picture.height, picture.rgb.len()), (40, 40, 4800), "{name}");
        for (x, y) in [(0, 0), (39, 0), (0, 39), (20, 20), (39, 39)] {
            let [red, green, blue] = gradient(x, y);
            let grey = (0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)) as u8;
            let want = if name.contains("grey") { [grey; 3] } else { [red, green, blue] };
            let got = &picture.rgb[(y * SIZE + x) * 3..][..3];
            assert!(near(got, want, 16), "{name} at {x},{y}: {got:?} for {want:?}");
        }
    }
}

#[test]
fn a_png_of_any_kind_is_decoded_to_rgb() {
    for (color, depth, pixel, want) in [
        (ColorType::Rgb, BitDepth::Eight, &[9, 8, 7][..], [9, 8, 7]),
        (ColorType::Rgba, BitDepth::Eight, &[9, 8, 7, 0], [9, 8, 7]),
        (ColorType::Grayscale, BitDepth::Eight, &[77], [77; 3]),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, &[77, 5], [77; 3]),
        (ColorType::Indexed, BitDepth::Eight, &[1], [10, 20, 30]),
        (ColorType::Rgb, BitDepth::Sixteen, &[9, 1, 8, 2, 7, 3], [9, 8, 7]),
        (ColorType::Rgba, BitDepth::Sixteen, &[9, 1, 8, 2, 7, 3, 0, 0], [9, 8, 7]),
        (ColorType::Grayscale, BitDepth::Sixteen, &[77, 1], [77; 3]),
    ] {
        let picture = decode(&png_of(color, depth, pixel), Limits::default()).unwrap();
        assert_eq!((picture.width, picture.height), (5, 3));
        assert_eq!(picture.rgb, want.repeat(15), "{color:?} {depth:?}");
    }
}

#[test]
fn a_picture_is_scaled_to_just_the_size_asked_for() {
    let rgb = load(&jpeg(JPEGS[0]), Kind::Any, 20, 10, Pixel::Rgb8).unwrap();
    assert_eq!(rgb.len(), 20 * 10 * 3);
    let [left, right] = [0, 19].map(|x| rgb[(5 * 20 + x) * 3]);
    assert!(left < 20 && right > 210, "{left} to {right}");
    let bgr = load(&jpeg(JPEGS[0]), Kind::Any, 20, 10, Pixel::Bgr8).unwrap();
    assert!(rgb.chunks(3).zip(bgr.chunks(3)).all(|(rgb, bgr)| rgb.iter().eq(bgr.iter().rev())));
}

#[test]
fn floats_are_of_linear_light() {
    let bytes = load(&png_of(ColorType::Rgb, BitDepth::Eight, &[255, 128, 0]), Kind::Png, 4, 4, Pixel::Rgb32f).unwrap();
    let bgr = load(&png_of(ColorType::Rgb, BitDepth::Eight, &[255, 128, 0]), Kind::Png, 4, 4, Pixel::Bgr32f).unwrap();
    assert_eq!((bytes.len(), bgr.len()), (4 * 4 * Pixel::Rgb32f.bytes(), bytes.len()));
    let float = |bytes: &[u8], at: usize| f32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
    for (at, want) in [(0, 1.0), (1, (128.0f32 / 255.0).powf(2.2)), (2, 0.0)] {
        assert!((float(&bytes, at) - want).abs() < 1e-5);
        assert_eq!(float(&bgr, 2 - at), float(&bytes, at));
    }
}

#[test]
fn another_kind_than_asked_for_is_refused() {
    let (jpeg, png) = (jpeg(JPEGS[0]), png_of(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3]));
    for (bytes, kind) in [(&jpeg[..], Kind::Png), (&png, Kind::Jpeg), (b"GIF89a", Kind::Any), (b"", Kind::Any)] {
        let error = load(bytes, kind, 4, 4, Pixel::Rgb8).unwrap_err();
        assert!(matches!(error, ImageError::WrongFormat { .. }), "{error}");
    }
}

#[test]
fn a_size_out_of_bounds_is_refused() {
    for (width, height) in [(0, 4), (4, 0), (8193, 1), (8192, 8192), (u32::MAX, u32::MAX)] {
        let error = load(&jpeg(JPEGS[0]), Kind::Any, width, height, Pixel::Rgb8).unwrap_err();
        assert_eq!(error, ImageError::TargetSize { width, height });
    }
}

/// The file with its claimed size replaced by 65535 by 65535.
fn bomb(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"\x89PNG") {
        bytes[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    } else {
        let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0] || pair == [0xFF, 0xC2]).unwrap();
        bytes[frame + 5..frame + 9].fill(0xFF);
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_pixel_bomb_is_refused_by_its_header() {
    let mut files: Vec<Vec<u8>> = JPEGS.map(jpeg).into();
    files.push(png_of(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3]));
    files.push(png_of(ColorType::Rgba, BitDepth::Sixteen, &[0; 8]));
    for file in files {
        let error = load(&bomb(file), Kind::Any, 8, 8, Pixel::Rgb8).unwrap_err();
        assert!(matches!(error, ImageError::TooLarge { limit: "pixels", got: 4_294_836_225, .. }), "{error}");
    }
}

#[test]
fn a_file_over_its_limit_is_refused() {
    let error = decode(&jpeg(JPEGS[0]), Limits { bytes: 100, ..Limits::default() }).unwrap_err();
    assert!(matches!(error, ImageError::TooLarge { limit: "bytes", maximum: 100, .. }), "{error}");
}

#[test]
fn a_picture_that_is_cut_short_is_refused() {
    let mut files: Vec<Vec<u8>> = JPEGS.map(jpeg).into();
    files.push(png_of(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3]));
    for file in files {
        // The last twelve bytes of a PNG are its empty end chunk, without which the picture is whole.
        for len in 0..file.len() - 20 {
            assert!(decode(&file[..len], Limits::default()).is_err(), "{len} of {} bytes", file.len());
        }
    }
}

#[test]
fn damaged_pictures_end_as_a_picture_or_an_error() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % bound
    };
    let mut files: Vec<Vec<u8>> = JPEGS.map(jpeg).into();
    files.push(png_of(ColorType::Indexed, BitDepth::Eight, &[1]));
    let limits = Limits { pixels: 1 << 16, bytes: 1 << 16 };
    let mut decoded = 0;
    for file in &files {
        for _ in 0..600 {
            let mut bytes = file.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = if random(2) == 0 { bytes[at] ^ (1 << random(8)) } else { random(256) as u8 };
            }
            decoded += usize::from(decode(&bytes, limits).is_ok());
        }
    }
    assert!(decoded > 0, "no damaged picture was decoded");
}

#[test]
fn a_picture_of_many_scans_or_bytes_is_not_short() {
    for (name, short) in [("gradient.jpg", true), ("gradient_progressive.jpg", false)] {
        assert_eq!(is_short(&jpeg(name), 1 << 20), short, "{name}");
    }
    let picture = png_of(ColorType::Rgb, BitDepth::Eight, &[9, 8, 7]);
    assert!(is_short(&picture, picture.len()) && !is_short(&picture, picture.len() - 1));
}

#[test]
fn a_limit_of_pixels_is_held_before_decoding() {
    let of = |pixels| {
        let limits = Limits { pixels, ..Limits::default() };
        load_within(&jpeg("gradient.jpg"), Kind::Jpeg, limits, 8, 8, Pixel::Rgb8)
    };
    assert_eq!(of(1600), load(&jpeg("gradient.jpg"), Kind::Jpeg, 8, 8, Pixel::Rgb8));
    assert!(matches!(of(1599), Err(ImageError::TooLarge { limit: "pixels", .. })));
}
