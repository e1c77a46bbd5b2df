//! Equality with TensorFlow Lite and XNNPACK on the recorded outputs of real models.

#![allow(clippy::unwrap_used, reason = "a test ends where its premise fails")]

use pillion_nn::{Error, Kernel, Registry, RegistryLimits};
use std::path::PathBuf;

/// Inputs that are tried of each model: unoptimised kernels take seconds for one.
const INPUTS: usize = if cfg!(debug_assertions) { 2 } else { 20 };

/// The optional folder of real models; the environment names it, else it lies beside the workspace.
fn models() -> PathBuf {
    match std::env::var_os("PILLION_MODELS_DIR") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models"),
    }
}

fn read_model(test: &str, name: &str) -> Option<Vec<u8>> {
    let folder = models();
    let model = std::fs::read(folder.join(format!("{name}.tflite"))).ok();
    if model.is_none() {
        println!("skipped: {test}: no {name}.tflite in {}", folder.display());
    }
    model
}

fn check_equal(test: &str, name: &str) {
    let Some(model) = read_model(test, name) else { return };
    let read = |extension| std::fs::read(models().join("vectors").join(format!("{name}.{extension}"))).unwrap();
    let (inputs, expected) = (read("in"), read("xnn"));
    for kernel in [Kernel::detect(), Kernel::SCALAR] {
        let model = Registry::with_kernel(RegistryLimits::default(), kernel).load(&model).unwrap();
        let (input_bytes, output_bytes) = (model.inputs()[0].bytes, model.outputs()[0].bytes);
        assert_eq!(inputs.len() / input_bytes, expected.len() / output_bytes);
        let mut context = model.context();
        let cases = inputs.chunks(input_bytes).zip(expected.chunks(output_bytes));
        for (number, (input, expected)) in cases.enumerate().take(INPUTS) {
            context.set_input(0, input).unwrap();
            context.run(&|| false).unwrap();
            let output = context.output(0).unwrap();
            let different = output.iter().zip(expected).filter(|(got, want)| got != want).count();
            assert_eq!(different, 0, "{kernel}: input {number}: bytes that differ of {output_bytes}");
        }
    }
}

#[test]
fn mobilenet_v1_224_is_equal_to_the_byte() {
    check_equal("mobilenet_v1_224", "mobilenet_v1_1.0_224_quant");
}

#[test]
fn mobilenet_v1_128_is_equal_to_the_byte() {
    check_equal("mobilenet_v1_128", "mobilenet_v1_0.25_128_quant");
}

#[test]
fn visual_wake_words_int8_is_equal_to_the_byte() {
    check_equal("vww_96", "vww_96_int8");
}

#[test]
fn mobilenet_v2_is_equal_to_the_byte() {
    check_equal("mobilenet_v2", "mobilenet_v2_1.0_224_quant");
}

#[test]
fn a_custom_operator_is_refused_by_its_name() {
    let Some(model) = read_model("custom_operator", "model_invoking_error") else { return };
    let error = Registry::new(RegistryLimits::default()).load(&model).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("custom operator `"), "{error}");
}
