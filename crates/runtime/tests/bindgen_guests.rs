//! Old guests: bytes in, bytes out, and pointers that lie.

mod common;

use common::{app, built, failure, guest, post, runtime};
use pillion_api::Code;
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, Runtime};

fn of(runtime: &Runtime, name: &str, call: &str) -> App {
    app(runtime, runtime.load(name, built(name), Some(call)).expect(name), Limits::default())
}

#[tokio::test]
async fn bytes_go_in_and_bytes_come_out_in_every_form() {
    let runtime = runtime();
    for (name, call, input, output) in [
        ("bindgen-classic", "reverse", "abc", "cba"),
        ("bindgen-classic", "reverse", "", ""),
        ("bindgen-classic", "count", "four", "4"),
        ("bindgen-classic", "keep", "x", ""),
        ("bindgen-wasmedge", "infer", "abc", "cba"),
        ("bindgen-web-slot", "reverse", "abc", "cba"),
        ("bindgen-web-slot", "shout", "ähm", "ÄHM"),
        ("bindgen-web-slot", "count", "four", "4"),
    ] {
        let (_, answer) = post(&of(&runtime, name, call), input).await.expect(name);
        assert_eq!(String::from_utf8_lossy(&answer), output, "{name} {call}");
    }
    let large: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let reversed: Vec<u8> = large.iter().rev().copied().collect();
    for name in ["bindgen-classic", "bindgen-web-slot"] {
        assert_eq!(post(&of(&runtime, name, "reverse"), large.clone()).await.expect(name).1, reversed, "{name}");
    }
}

#[tokio::test]
async fn an_error_that_a_guest_returns_blames_the_input() {
    let runtime = runtime();
    let error = failure(&of(&runtime, "bindgen-wasmedge", "infer"), b"").await;
    assert_eq!((error.code(), error.message()), (Code::UnprocessableData, "empty input"));
    let error = failure(&of(&runtime, "bindgen-wasmedge", "say"), b"x").await;
    assert!(error.message().contains("two arguments"), "{error:?}");
}

#[tokio::test]
async fn a_trap_is_a_trap_and_memory_is_fresh() {
    let runtime = runtime();
    let app = of(&runtime, "bindgen-classic", "trap");
    for _ in 0..3 {
        assert_eq!(failure(&app, b"xyz").await.code(), Code::GuestTrap);
    }
    assert_eq!(runtime.memory().0, 0);
}

fn lying(malloc: &str, body: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1)
        (func (export "__wbindgen_malloc") (param i32) (result i32) {malloc})
        (func (export "__wbindgen_free") (param i32 i32))
        (func (export "f") (param i32 i32 i32) {body}))"#
    )
}

#[tokio::test]
async fn no_pointer_of_a_guest_is_believed() {
    let runtime = runtime();
    let result = |pointer: u32, length: u32| {
        let store = |offset: u32, value: u32| {
            format!("(i32.store offset={offset} (local.get 0) (i32.const {}))", value.cast_signed())
        };
        lying("i32.const 1024", &(store(0, pointer) + &store(4, length)))
    };
    for (name, wat) in [
        ("malloc past the end", lying("i32.const 65536", "")),
        ("malloc at the end", lying("i32.const 65535", "")),
        ("malloc negative", lying("i32.const -1", "")),
        ("result past the end", result(65536, 1)),
        ("result over the end", result(65535, 2)),
        ("result that wraps", result(u32::MAX, 2)),
        ("length that wraps", result(16, u32::MAX - 15)),
    ] {
        let app = app(&runtime, guest(&runtime, &wat), Limits::default());
        let error = failure(&app, b"input").await;
        assert!(matches!(error.code(), Code::GuestTrap | Code::GuestLimit), "{name}: {error:?}");
    }
    let good = app(&runtime, guest(&runtime, &result(1024, 5)), Limits::default());
    assert_eq!(post(&good, "input").await.expect("an answer").1, "input");
}

fn wasmedge(code: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1) (global $top (mut i32) (i32.const 4096))
        (func (export "allocate") (param i32) (result i32)
          global.get $top (global.set $top (i32.add (global.get $top) (local.get 0))))
        (func (export "deallocate") (param i32 i32))
        (func (export "f") (param i32 i32) (result i32) {code}))"#
    )
}

#[tokio::test]
async fn results_of_the_newer_abi_are_checked_as_well() {
    let runtime = runtime();
    let result = |status: i32, pointer: i32, count: i32| {
        wasmedge(&format!(
            "(i32.store8 (i32.const 64) (i32.const {status})) (i32.store (i32.const 65) (i32.const {pointer}))
             (i32.store (i32.const 69) (i32.const {count})) (i32.const 64)"
        ))
    };
    for wat in [
        wasmedge("i32.const -1"),
        wasmedge("i32.const 65530"),
        result(0, -4, 1),
        result(0, 65530, 1),
        result(0, 0, 1_000_000),
        result(1, -1, 10),
        result(1, 0, -1),
    ] {
        let app = app(&runtime, guest(&runtime, &wat), Limits::default());
        let error = failure(&app, b"input").await;
        assert!(matches!(error.code(), Code::GuestTrap | Code::GuestLimit), "{wat}: {error:?}");
    }
    let nothing = app(&runtime, guest(&runtime, &result(0, 0, 0)), Limits::default());
    assert_eq!(post(&nothing, "input").await.expect("an answer").1, "");
}

const OLD_IMPORTS: &str = r#"
  (import "wasmedge_tensorflowlite" "wasmedge_tensorflowlite_create_session" (func $create (param i32 i32) (result i64)))
  (import "wasmedge_tensorflowlite" "wasmedge_tensorflowlite_run_session" (func $run (param i64) (result i32)))
  (import "wasmedge_tensorflowlite" "wasmedge_tensorflowlite_get_tensor_len" (func $len (param i64) (result i32)))
  (import "wasmedge_tensorflowlite" "wasmedge_tensorflowlite_get_tensor_data" (func $data (param i64 i32)))
  (import "wasmedge_tensorflowlite" "wasmedge_tensorflowlite_delete_session" (func $delete (param i64)))
  (import "wasmedge_image" "wasmedge_image_load_jpg_to_rgb8" (func $jpg (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasmedge_image" "load_png" (func $png (param i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

#[tokio::test]
async fn forged_handles_and_foreign_pointers_fail_cleanly() {
    let runtime = runtime();
    let program = |code: &str| {
        format!(
            r#"(module {OLD_IMPORTS} (memory (export "memory") 1) (data (i32.const 16) "nomodel") (func (export "_start") {code}))"#
        )
    };
    for handle in ["0", "1", "-1", "140737488355328", "4294967297"] {
        let wat = program(&format!("(drop (call $run (i64.const {handle})))"));
        assert_eq!(
            failure(&app(&runtime, guest(&runtime, &wat), Limits::default()), b"").await.code(),
            Code::GuestTrap,
            "{handle}"
        );
        let harmless = format!(
            "(if (call $len (i64.const {handle})) (then unreachable)) (call $data (i64.const {handle}) (i32.const -1))
             (call $delete (i64.const {handle}))"
        );
        post(&app(&runtime, guest(&runtime, &program(&harmless)), Limits::default()), "").await.expect(handle);
    }
    for code in [
        "(drop (call $create (i32.const -1) (i32.const 10)))",
        "(drop (call $create (i32.const 65530) (i32.const 10)))",
        "(drop (call $jpg (i32.const -1) (i32.const 10) (i32.const 4) (i32.const 4) (i32.const 0)))",
        "(drop (call $jpg (i32.const 0) (i32.const 10) (i32.const -4) (i32.const 4) (i32.const 0)))",
    ] {
        let error = failure(&app(&runtime, guest(&runtime, &program(code)), Limits::default()), b"").await;
        assert_eq!(error.code(), Code::GuestTrap, "{code}: {error:?}");
    }
    let unnamed = program("(drop (call $create (i32.const 16) (i32.const 7)))");
    let error = failure(&app(&runtime, guest(&runtime, &unnamed), Limits::default()), b"").await;
    assert!(error.message().contains("`nomodel`") && error.help().expect("a hint").contains("models:"), "{error:?}");
}

/// A model of one convolution over 9 × 9 RGB pixels.
const MODEL: &[u8] = include_bytes!("../../nn/tests/fixtures/conv_u8.tflite");
const SIDE: u32 = 9;

/// An app whose guest classifies by the declared model.
fn classifier(runtime: &Runtime, name: &str) -> App {
    let guest = runtime.load(name, built(name), Some("classify")).expect(name);
    let mut spec = GuestSpec::new(name, guest);
    spec.env.insert("MODEL_SIZE".into(), SIDE.to_string());
    spec.models.insert("model".into(), runtime.models().load(MODEL).expect("a model"));
    common::app_of(runtime, AppSpec { guests: vec![spec], ..common::spec() })
}

fn picture() -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3).map(|n| (n * 37 % 251) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().expect("a header").write_image_data(&pixels).expect("a picture");
    (file, pixels)
}

#[tokio::test]
async fn both_generations_infer_by_the_declared_model() {
    let runtime = runtime();
    let (file, pixels) = picture();
    let model = runtime.models().load(MODEL).expect("a model");
    let mut context = model.context();
    context.set_input(0, &pixels).expect("an input");
    context.run(&|| false).expect("a run");
    let scores = context.output(0).expect("an output");
    let (index, score) = scores.iter().enumerate().rev().max_by_key(|(_, score)| **score).expect("some");
    let sum: u64 = pixels.iter().map(|pixel| u64::from(*pixel)).sum();
    for name in ["tf-first", "tf-second"] {
        let (_, answer) = post(&classifier(&runtime, name), file.clone()).await.expect(name);
        assert_eq!(String::from_utf8_lossy(&answer), format!("{index} {score} {sum}"), "{name}");
    }
}

#[tokio::test]
async fn a_picture_that_can_not_be_read_blames_the_input() {
    let runtime = runtime();
    let (file, _) = picture();
    for name in ["tf-first", "tf-second"] {
        let app = classifier(&runtime, name);
        for bad in [&b"\xff\xd8\xff not a picture"[..], b"", &file[..file.len() / 2]] {
            let error = post(&app, bad.to_vec()).await.expect_err("not a picture");
            assert_eq!(error.code(), Code::UnprocessableData, "{name}: {error:?}");
        }
        post(&app, file.clone()).await.expect("the next good one");
    }
}

#[tokio::test]
async fn reference_types_of_the_newest_wasm_bindgen_are_refused_with_what_to_do() {
    let error = runtime().load("web", common::built("bindgen-web"), Some("reverse")).expect_err("it needs a collector");
    assert_eq!(error.code(), Code::GuestInvalid);
    let help = format!("{error} {}", error.help().unwrap_or_default());
    assert!(help.contains("mvp"), "{help}");
}
