//! Grey versions, as a caller of the library sees them.

use std::io::Cursor;

use gif::{DecodeOptions, DisposalMethod, Encoder, Frame, Repeat};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};
use image_api_rs::{Error, grayscale};

const WIDTH: u32 = 61;
const HEIGHT: u32 = 37;

fn colours() -> DynamicImage {
    let colour = |x: u32, y: u32| Rgb([(x * 4) as u8, (y * 6) as u8, (x * y) as u8]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(WIDTH, HEIGHT, colour))
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).expect("encodes");
    bytes
}

/// Two frames of a palette of three, the second offset, transparent and with a palette of its own.
fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 4, 4, &[255, 0, 0, 0, 255, 0, 0, 0, 255]).expect("starts");
    encoder.set_repeat(Repeat::Finite(7)).expect("writes");
    let first = Frame { width: 4, height: 4, delay: 12, buffer: [0, 1, 2, 0].repeat(4).into(), ..Frame::default() };
    let second = Frame {
        width: 2,
        height: 2,
        left: 1,
        top: 2,
        delay: 34,
        dispose: DisposalMethod::Background,
        transparent: Some(1),
        palette: Some(vec![255, 255, 255, 10, 20, 30]),
        buffer: vec![0, 1, 1, 0].into(),
        ..Frame::default()
    };
    encoder.write_frame(&first).expect("writes");
    encoder.write_frame(&second).expect("writes");
    drop(encoder);
    bytes
}

/// Brightness by Rec. 601, in floating point.
fn brightness(colour: &RgbaImage) -> impl Iterator<Item = (f64, u8)> {
    colour.pixels().map(|pixel| {
        let [red, green, blue, alpha] = pixel.0;
        (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue), alpha)
    })
}

fn grey_of(bytes: &[u8]) -> DynamicImage {
    let grey = grayscale(bytes).expect("is a picture");
    assert_eq!(image::guess_format(&grey).expect("known"), ImageFormat::Png);
    image::load_from_memory(&grey).expect("decodes")
}

#[test]
fn still_pictures_become_a_png_of_their_brightness() {
    // A JPEG's colours are rounded, and cut to 0..=255, on their way to red, green and blue.
    for (format, on_average, off) in
        [(ImageFormat::Png, 0.3, 0.51), (ImageFormat::WebP, 0.3, 0.51), (ImageFormat::Jpeg, 0.6, 16.0)]
    {
        let bytes = encoded(&colours(), format);
        let colour = image::load_from_memory(&bytes).expect("decodes").to_rgba8();
        let grey = grey_of(&bytes);
        assert_eq!((grey.width(), grey.height()), (WIDTH, HEIGHT), "{format:?}");
        let grey = grey.as_luma8().expect("grey, without transparency");
        let differences = grey.pixels().zip(brightness(&colour));
        let differences = differences.map(|(pixel, (expected, _))| (f64::from(pixel.0[0]) - expected).abs());
        let (most, sum) = differences.fold((0.0_f64, 0.0), |(most, sum), one| (most.max(one), sum + one));
        let average = sum / f64::from(WIDTH * HEIGHT);
        assert!(most <= off && average <= on_average, "{format:?}: {most} at most, {average} on average");
    }
}

#[test]
fn a_jpeg_of_grey_and_one_of_red_green_and_blue_are_decoded_too() {
    let grey = DynamicImage::ImageLuma8(colours().to_luma8());
    let bytes = encoded(&grey, ImageFormat::Jpeg);
    assert_eq!(grey_of(&bytes), image::load_from_memory(&bytes).expect("decodes"));
    // The transform flag of Adobe's segment at 0: the three components are red, green and blue.
    let mut rgb = encoded(&colours(), ImageFormat::Jpeg);
    rgb.splice(2..2, *b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0");
    let colour = image::load_from_memory(&rgb).expect("decodes").to_rgba8();
    let grey = grey_of(&rgb);
    for (pixel, (expected, _)) in grey.as_luma8().expect("grey").pixels().zip(brightness(&colour)) {
        assert!((f64::from(pixel.0[0]) - expected).abs() <= 0.51, "{pixel:?}, not {expected}");
    }
}

#[test]
fn transparency_is_kept_and_so_are_sixteen_bits() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(3, 3, image::Rgba([9, 200, 30, 77])));
    let grey = grey_of(&encoded(&clear, ImageFormat::Png));
    assert_eq!(grey.as_luma_alpha8().expect("kept").get_pixel(1, 1).0, [124, 77]);
    let deep = image::ImageBuffer::from_pixel(3, 3, Rgb([65535_u16, 1000, 300]));
    let grey = grey_of(&encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png));
    assert_eq!(grey.as_luma16().expect("kept").get_pixel(1, 1).0, [20216]);
    let white = image::ImageBuffer::from_pixel(3, 3, image::Rgba([65535_u16; 4]));
    let grey = grey_of(&encoded(&DynamicImage::ImageRgba16(white), ImageFormat::Png));
    assert_eq!(grey.as_luma_alpha16().expect("kept").get_pixel(1, 1).0, [65535, 65535]);
}

#[test]
fn an_animation_keeps_frames_delays_places_and_loop() {
    let grey = grayscale(&animation()).expect("is a GIF");
    let mut decoder = DecodeOptions::new().read_info(&grey[..]).expect("is a GIF");
    assert_eq!(decoder.global_palette().expect("has one")[..9], [76, 76, 76, 150, 150, 150, 29, 29, 29]);
    let first = decoder.read_next_frame().expect("decodes").expect("is there").clone();
    assert_eq!((first.delay, &first.buffer[..4]), (12, &[0, 1, 2, 0][..]));
    let second = decoder.read_next_frame().expect("decodes").expect("is there").clone();
    assert_eq!((second.left, second.top, second.delay, second.transparent), (1, 2, 34, Some(1)));
    assert_eq!((second.dispose, &second.buffer[..]), (DisposalMethod::Background, &[0, 1, 1, 0][..]));
    assert_eq!(second.palette.expect("has one")[..6], [255, 255, 255, 18, 18, 18]);
    assert!(decoder.read_next_frame().expect("ends well").is_none());
    assert_eq!(decoder.repeat(), Repeat::Finite(7));
}

#[test]
fn a_picture_is_turned_upright_by_its_exif_data() {
    let mut jpeg = encoded(&colours(), ImageFormat::Jpeg);
    // Big-endian TIFF with one entry: orientation (0x0112), a short, 6 = turned by 90 degrees.
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    jpeg.splice(2..2, *exif);
    let grey = image::load_from_memory(&grayscale(&jpeg).expect("is a picture")).expect("decodes");
    assert_eq!((grey.width(), grey.height()), (HEIGHT, WIDTH));
}

#[test]
fn a_pixel_bomb_is_refused_by_its_header() {
    let mut jpeg = encoded(&colours(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("has a frame header");
    jpeg[frame + 5..frame + 9].fill(0xff);
    let bomb = Error::TooLarge { width: 65535, height: 65535 };
    assert_eq!(grayscale(&jpeg), Err(bomb.clone()));
    assert_eq!(bomb.to_string(), "picture of 65535x65535 pixels is over 50000000");
    let mut gif = animation();
    gif[6..10].fill(0xff);
    assert_eq!(grayscale(&gif), Err(bomb));
}

#[test]
fn what_is_no_picture_is_said_in_words() {
    let check = |bytes: &[u8], text: &str| assert_eq!(grayscale(bytes).expect_err("is refused").to_string(), text);
    check(b"", "not a picture: the body is empty");
    check(b"hello", "not a picture: unknown format (send JPEG, PNG, GIF or WebP)");
    check(b"BM123456", "BMP pictures of this kind are not supported (send JPEG, PNG, GIF or WebP)");
}

#[test]
fn half_a_picture_is_truncated() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let bytes = encoded(&colours(), format);
        for part in [2, 3, 5, 9] {
            let error = grayscale(&bytes[..bytes.len() * (part - 1) / part]).expect_err("is refused");
            assert!(matches!(error, Error::Truncated(_)), "{format:?} {part}: {error}");
        }
    }
    let bytes = animation();
    let error = grayscale(&bytes[..bytes.len() - 6]).expect_err("is refused");
    assert_eq!(error, Error::Truncated("GIF"));
}

/// Each byte in turn set to a few values, and every length: an answer or an error, and never a panic.
#[test]
fn no_damage_makes_it_panic() {
    let small = colours().thumbnail(9, 9);
    let pictures = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP].map(|format| encoded(&small, format));
    for picture in pictures.iter().chain([&animation()]) {
        for at in 0..picture.len() {
            let _ = grayscale(&picture[..at]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = picture.clone();
                damaged[at] = value;
                if let Err(error) = grayscale(&damaged) {
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
}
