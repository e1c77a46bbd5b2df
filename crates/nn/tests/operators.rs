//! Every operator in every type, against what TensorFlow Lite with XNNPACK answered (`fixtures/make_operators.py`).

#![allow(clippy::unwrap_used, reason = "a test ends where its premise fails")]

use pillion_nn::{Context, Element, Kernel, Model, Registry, RegistryLimits};
use std::path::PathBuf;
use std::sync::Arc;

/// Floats are summed in another order than XNNPACK does.
const FLOAT_TOLERANCE: f32 = 2e-5;

/// Models where TensorFlow Lite doesn't use XNNPACK but kernels of its own that round otherwise: a byte may differ by
/// one. Its own two sets of kernels differ by as much.
const NEAR: &[&str] = &["hard_swish_u8"];

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(name: &str, extension: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(format!("{name}.{extension}"))).unwrap()
}

/// Names of all the recorded models.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "out"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn check(name: &str, kernel: Kernel) -> Result<(), String> {
    let registry = Registry::with_kernel(RegistryLimits::default(), kernel);
    let model = registry.load(&read(name, "tflite")).map_err(|error| format!("{name}: {error}"))?;
    let (inputs, expected) = (read(name, "in"), read(name, "out"));
    let input_bytes: usize = model.inputs().iter().map(|input| input.bytes).sum();
    let output_bytes: usize = model.outputs().iter().map(|output| output.bytes).sum();
    assert_eq!(inputs.len() / input_bytes, expected.len() / output_bytes, "{name}");
    let mut context = model.context();
    let mut worst = 0.0f32;
    let mut different = 0;
    for (inputs, expected) in inputs.chunks(input_bytes).zip(expected.chunks(output_bytes)) {
        for difference in differences(&model, &mut context, inputs, expected) {
            worst = worst.max(difference);
            different += usize::from(difference != 0.0);
        }
    }
    let tolerance = match model.outputs()[0].element {
        Element::F32 => FLOAT_TOLERANCE,
        _ if NEAR.contains(&name) => 1.0,
        _ => 0.0,
    };
    if worst <= tolerance {
        return Ok(());
    }
    Err(format!("{name} ({kernel}): {different} of {} values differ, by up to {worst}", expected.len()))
}

/// Of each output value how far it is from the expected one.
fn differences(model: &Arc<Model>, context: &mut Context, mut inputs: &[u8], mut expected: &[u8]) -> Vec<f32> {
    for (index, info) in model.inputs().iter().enumerate() {
        let (input, rest) = inputs.split_at(info.bytes);
        context.set_input(index, input).unwrap();
        inputs = rest;
    }
    context.run(&|| false).unwrap();
    let mut differences = Vec::new();
    for (index, info) in model.outputs().iter().enumerate() {
        let (want, rest) = expected.split_at(info.bytes);
        expected = rest;
        let (got, want) = (values(context.output(index).unwrap(), info.element), values(want, info.element));
        differences.extend(got.iter().zip(&want).map(|(got, want)| (got - want).abs()));
    }
    differences
}

fn values(bytes: &[u8], element: Element) -> Vec<f32> {
    match element {
        Element::U8 => bytes.iter().map(|byte| f32::from(*byte)).collect(),
        Element::I8 => bytes.iter().map(|byte| f32::from(*byte as i8)).collect(),
        Element::F32 => bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        other => panic!("no fixture has an output of {other}"),
    }
}

fn check_all(kernel: Kernel) {
    let names = names();
    assert!(names.len() > 100, "only {} fixtures", names.len());
    let failures: Vec<String> = names.iter().filter_map(|name| check(name, kernel).err()).collect();
    assert!(failures.is_empty(), "{} of {} models:\n{}", failures.len(), names.len(), failures.join("\n"));
}

#[test]
fn operators_answer_as_tensorflow_lite_does() {
    check_all(Kernel::detect());
}

#[test]
fn operators_answer_as_tensorflow_lite_does_without_vector_instructions() {
    check_all(Kernel::SCALAR);
}
