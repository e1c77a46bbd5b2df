//! The article's three apps, as a user meets them: its URLs, its pictures, and what happens to bad ones.

mod common;

use common::{Demo, ask, get, post, root};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The samples of the page.
fn sample(name: &str) -> Vec<u8> {
    fs::read(root().join("examples/dapr-wasm/web-port/static/samples").join(name)).expect(name)
}

/// The first sample with an ending.
fn sample_of(ending: &str) -> Vec<u8> {
    let list =
        fs::read_to_string(root().join("examples/dapr-wasm/web-port/static/samples/samples.json")).expect("the list");
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).expect("JSON");
    let file =
        list.iter().filter_map(|entry| entry["file"].as_str()).find(|file| file.ends_with(ending)).expect(ending);
    sample(file)
}

/// What the example's own model says of the samples by the reference interpreter: file, label, value.
fn expected() -> Vec<(String, String, u64)> {
    let text =
        fs::read_to_string(root().join("examples/dapr-wasm/image-api-go/model/expected.json")).expect("expectations");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let of = |sample: &serde_json::Value| {
        let text = |key: &str| sample[key].as_str().expect(key).to_owned();
        (text("file"), text("label"), sample["value"].as_u64().expect("a value"))
    };
    expected["samples"].as_array().expect("samples").iter().map(of).collect()
}

fn is_grey(png: &[u8]) -> bool {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let reader = decoder.read_info().expect("a PNG");
    matches!(reader.info().color_type, png::ColorType::Grayscale | png::ColorType::GrayscaleAlpha)
}

#[test]
fn every_way_to_the_grey_picture_answers() {
    let demo = Demo::start();
    let picture = sample_of(".jpg");
    let [app, ..] = demo.app;
    let [rs, _, web] = demo.dapr;
    let direct = post(&format!("http://127.0.0.1:{app}/api/image"), &picture);
    assert_eq!((direct.status, direct.header("content-type")), (200, "image/png"), "{}", direct.text());
    assert!(is_grey(&direct.body));
    let own = post(&format!("http://localhost:{rs}/v1.0/invoke/image-api-rs/method/api/image"), &picture);
    let other = post(&format!("http://localhost:{web}/v1.0/invoke/image-api-rs/method/api/image"), &picture);
    let header =
        ask("POST", &format!("http://localhost:{web}/api/image"), &[("dapr-app-id", "image-api-rs")], &picture);
    let page = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", "rs")], &picture);
    for (way, answer) in [("its own sidecar", own), ("another's", other), ("the header", header), ("the page", page)] {
        assert_eq!(answer.status, 200, "{way}: {}", answer.text());
        assert!(answer.body == direct.body, "{way}");
    }
}

/// As a phone makes it: 12 million pixels, over Dapr's default of 4 MiB, its grey version too.
#[test]
fn a_phones_photo_goes_through_the_page() {
    let demo = Demo::start();
    let (width, height) = (4032u32, 3024u32);
    // Noise can't be compressed, so that the limits on bytes are tried and not only those on pixels.
    let mut state = 1u32;
    let pixels = (0..width * height * 3).map(|at| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if at < 9 << 20 { (state >> 24) as u8 } else { 128 }
    });
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels.collect::<Vec<u8>>())).expect("a PNG");
    assert!(png.len() > 4 << 20 && png.len() < 16 << 20, "{}", png.len());
    let answer = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", "rs")], &png);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"), "{}", answer.text());
    assert!(is_grey(&answer.body) && answer.body.len() > 2 << 20, "{}", answer.body.len());
}

#[test]
fn a_gif_stays_a_gif() {
    let demo = Demo::start();
    let answer = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", "rs")], &sample_of(".gif"));
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/gif"), "{}", answer.text());
    assert!(answer.body.starts_with(b"GIF8"));
}

#[test]
fn the_samples_are_what_they_show() {
    let demo = Demo::start();
    for (file, label, value) in expected() {
        let answer = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", "go")], &sample(&file));
        let text = answer.text();
        if file.ends_with(".gif") {
            assert_eq!(answer.status, 422, "{file}: {text}");
            continue;
        }
        assert_eq!(answer.status, 200, "{file}: {text}");
        // The picture is scaled in another way than the reference's, so a value may differ a little; the label may not.
        match label.as_str() {
            "background" => {
                assert_eq!(text.trim(), "It does not appears to be any food item in the picture.", "{file}")
            }
            _ => {
                assert!(value > 210, "{file}: the sample is not clear enough to test with");
                let link = format!(
                    "It is very likely a <a href='https://www.google.com/search?q={}'>{label}</a> in the picture",
                    label.replace(' ', "%20")
                );
                assert_eq!(text.trim(), link, "{file}");
            }
        }
    }
}

#[test]
fn the_page_and_its_files_are_served() {
    let demo = Demo::start();
    let root = get(&format!("{}/", demo.url()));
    assert_eq!((root.status, root.header("location")), (302, "/static/home.html"));
    let home = get(&format!("{}/static/home.html", demo.url()));
    assert_eq!((home.status, home.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(get(&format!("{}/static/../dapr.yaml", demo.url())).status, 400);
    assert_eq!(get(&format!("{}/static/%2e%2e/dapr.yaml", demo.url())).status, 400);
    assert_eq!(get(&format!("{}/nothing", demo.url())).status, 404);
    assert_eq!(get(&format!("{}/api/hello", demo.url())).status, 405);
}

/// Pictures that are none: each a definite answer, and the next good one at once.
#[test]
fn bad_pictures_are_answered_and_nothing_is_lost() {
    let demo = Demo::start();
    let picture = sample_of(".jpg");
    let mut bomb = sample_of(".png");
    // Width and height of the header chunk, its checksum made right again.
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let crc = crc32(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&crc);
    let cases: [(&str, Vec<u8>, &[u16]); 6] = [
        ("nothing", Vec::new(), &[422]),
        ("text", b"this is no picture".to_vec(), &[422]),
        ("half a picture", picture[..picture.len() / 2].to_vec(), &[200, 422]),
        ("its first bytes", picture[..200].to_vec(), &[422]),
        ("a bomb", bomb, &[422]),
        ("17 MiB", vec![0xff; 17 << 20], &[413]),
    ];
    for api in ["rs", "go"] {
        for (name, bytes, allowed) in &cases {
            let answer = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", api)], bytes);
            let text = answer.text();
            assert!(allowed.contains(&answer.status), "{api}, {name}: {} {text}", answer.status);
            if answer.status != 200 {
                let problem: serde_json::Value =
                    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{api}, {name}: {text}"));
                assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{api}, {name}: {text}");
            }
            let began = Instant::now();
            let good = post(&format!("http://127.0.0.1:{}/api/image", demo.app[0]), &picture);
            assert_eq!(good.status, 200, "after {name}");
            assert!(began.elapsed() < Duration::from_secs(5), "after {name}");
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn interrupted_it_drains_and_ends_with_0() {
    let demo = Demo::start();
    let url = format!("http://127.0.0.1:{}/api/image", demo.app[0]);
    let picture = sample_of(".jpg");
    let in_flight: Vec<_> = (0..4)
        .map(|_| {
            let (url, picture) = (url.clone(), picture.clone());
            std::thread::spawn(move || post(&url, &picture).status)
        })
        .collect();
    let answered: Vec<u16> = in_flight.into_iter().map(|thread| thread.join().expect("an answer")).collect();
    assert_eq!(answered, [200; 4]);
    let (status, printed) = demo.running.interrupt();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(printed.contains("Exited Dapr successfully"), "{printed}");
    assert!(!printed.contains("panicked"), "{printed}");
}

#[test]
fn the_lines_that_people_grep_for_are_printed() {
    let mut demo = Demo::start();
    let printed = demo.running.printed();
    for (id, port) in [("image-api-rs", demo.dapr[0]), ("image-api-go", demo.dapr[1]), ("go-web-port", demo.dapr[2])] {
        assert!(printed.contains(&format!("Validating config and starting app \"{id}\"")), "{printed}");
        assert!(
            printed.contains(&format!("Started Dapr with app id \"{id}\". HTTP Port: {port}. gRPC Port: ")),
            "{printed}"
        );
    }
    assert!(printed.contains(&demo.url().replace("127.0.0.1", "localhost")), "{printed}");
}

#[test]
fn the_real_mobilenet_says_what_is_in_the_articles_picture() {
    let Some(models) = common::models("the_real_mobilenet_says_what_is_in_the_articles_picture") else { return };
    // The run file fetches by URL; here the store has the files already, under their digests.
    let store = common::cache().join("models");
    fs::create_dir_all(&store).expect("the store");
    for (file, digest) in [
        ("mobilenet_v1_1.0_224_quant.tflite", "10a520595e377c7f7029bc7eaa91d5fb90c43c024571802f20b2d3bfc062493e"),
        ("labels_mobilenet_quant_v1_224.txt", "536feacc519de3d418de26b2effb4d75694a8c4c0063e36499a46fa8061e2da9"),
    ] {
        fs::copy(models.join(file), store.join(digest)).expect(file);
    }
    let demo = Demo::start_file("dapr.mobilenet.yaml");
    for (file, class, confidence) in [
        ("food.jpg", "hotdog", "is very likely"),
        ("grace_hopper.jpg", "military uniform", "is very likely"),
        ("cat_720p.jpg", "Egyptian cat", "is"),
    ] {
        let bytes = fs::read(models.join(file)).expect(file);
        let answer = ask("POST", &format!("{}/api/hello", demo.url()), &[("api", "go")], &bytes);
        let text = answer.text();
        assert_eq!(answer.status, 200, "{file}: {text}");
        assert!(
            text.contains(&format!("It {confidence}")) && text.contains(&format!(">{class}</a>")),
            "{file}: {text}"
        );
    }
}
