//! `wasi_ephemeral_nn`: a run by name and by bytes, an errno for each mistake, and pointers that lie.

mod common;

use common::{no_dapr, post, runtime, spec};
use pillion_api::Code;
use pillion_nn::Model;
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, Runtime};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

fn fixture(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures").join(file);
    std::fs::read(path).expect(file)
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

fn words(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|word| u32::try_from(*word).expect("small").to_le_bytes()).collect()
}

/// A program with the model's input, its shape and its file in memory. Each errno of `body` becomes a byte of the answer;
/// what is at 0x8000 follows, as many bytes as the word at 8 says.
fn program(model: &Model, input: &[u8], file: &[u8], body: &str) -> String {
    let shape = words(&model.inputs()[0].shape);
    let dimensions = model.inputs()[0].shape.len();
    let tensor = [words(&[0x1000, dimensions]), vec![1, 0, 0, 0], words(&[0x2000, input.len()])].concat();
    let parts = words(&[0x10000, file.len()]);
    let halves = words(&[0x10000, 100, 0x10064, file.len() - 100]);
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "load" (func $load (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "load_by_name" (func $named (param i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "init_execution_context" (func $init (param i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "set_input" (func $set (param i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "compute" (func $compute (param i32) (result i32)))
        (import "wasi_ephemeral_nn" "get_output" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_ephemeral_nn" "unload" (func $unload (param i32) (result i32)))
        (import "wasi_ephemeral_nn" "finalize_execution_context" (func $finish (param i32) (result i32)))
        (memory (export "memory") 3)
        (data (i32.const 0x40) "relu") (data (i32.const 0x100) "{tensor}") (data (i32.const 0x200) "{parts}")
        (data (i32.const 0x300) "{halves}") (data (i32.const 0x1000) "{shape}") (data (i32.const 0x2000) "{input}")
        (data (i32.const 0x10000) "{file}")
        (global $n (mut i32) (i32.const 0))
        (func $note (param i32)
          (i32.store8 (i32.add (i32.const 0x7000) (global.get $n)) (local.get 0))
          (global.set $n (i32.add (global.get $n) (i32.const 1))))
        (func $graph (result i32) (i32.load (i32.const 0)))
        (func $context (result i32) (i32.load (i32.const 4)))
        (func $open (call $note (call $named (i32.const 0x40) (i32.const 4) (i32.const 0)))
          (call $note (call $init (call $graph) (i32.const 4))))
        (func $run (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))
          (call $note (call $compute (call $context)))
          (call $note (call $get (call $context) (i32.const 0) (i32.const 0x8000) (i32.const 0x4000) (i32.const 8))))
        (func (export "_start") {body}
          (i32.store (i32.const 0x20) (i32.const 0x7000)) (i32.store (i32.const 0x24) (global.get $n))
          (i32.store (i32.const 0x28) (i32.const 0x8000)) (i32.store (i32.const 0x2c) (i32.load (i32.const 8)))
          (drop (call $w (i32.const 1) (i32.const 0x20) (i32.const 1) (i32.const 0x30)))
          (drop (call $w (i32.const 1) (i32.const 0x28) (i32.const 1) (i32.const 0x30)))))"#,
        tensor = escaped(&tensor),
        parts = escaped(&parts),
        halves = escaped(&halves),
        shape = escaped(&shape),
        input = escaped(input),
        file = escaped(file),
    )
}

struct Nn {
    runtime: Runtime,
    model: Arc<Model>,
    file: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Nn {
    fn new() -> Self {
        let (runtime, file) = (runtime(), fixture("relu_f32.tflite"));
        let model = runtime.models().load(&file).expect("a model");
        let input = fixture("relu_f32.in")[..model.inputs()[0].bytes].to_vec();
        let output = fixture("relu_f32.out")[..model.outputs()[0].bytes].to_vec();
        Self { runtime, model, file, input, output }
    }

    fn app(&self, body: &str, limits: Limits) -> App {
        let wat = program(&self.model, &self.input, &self.file, body);
        let guest = self.runtime.load("nn", wat.into_bytes(), None).expect("a guest");
        let models = BTreeMap::from([("relu".to_owned(), Arc::clone(&self.model))]);
        let spec = AppSpec { guests: vec![GuestSpec { limits, models, ..GuestSpec::new("nn", guest) }], ..spec() };
        self.runtime.app(spec, Arc::new(common::FakeSidecar::default()), no_dapr()).expect("an app")
    }

    async fn answer(&self, body: &str) -> Vec<u8> {
        post(&self.app(body, Limits::default()), "").await.expect("an answer").1.to_vec()
    }
}

#[tokio::test]
async fn a_model_runs_by_its_name_and_by_its_bytes() {
    let nn = Nn::new();
    let by_bytes = |parts: &str, count: u32, encoding: u32| {
        format!(
            "(call $note (call $load (i32.const {parts}) (i32.const {count}) (i32.const {encoding}) (i32.const 0) (i32.const 0)))
             (call $note (call $init (call $graph) (i32.const 4))) (call $run)"
        )
    };
    let good = [vec![0; 5], nn.output.clone()].concat();
    for body in [
        "(call $open) (call $run)".to_owned(),
        by_bytes("0x200", 1, 4),
        by_bytes("0x300", 2, 5),
        by_bytes("0x200", 1, 6),
    ] {
        assert_eq!(nn.answer(&body).await, good, "{body}");
    }
    let twice = nn.answer("(call $open) (call $run) (call $run) (call $note (call $finish (call $context))) (call $note (call $unload (call $graph)))").await;
    assert_eq!(twice, [vec![0; 10], nn.output.clone()].concat());
}

#[tokio::test]
async fn each_mistake_has_its_errno() {
    let nn = Nn::new();
    for (body, errnos) in [
        ("(call $note (call $named (i32.const 0x40) (i32.const 3) (i32.const 0)))", &[8][..]),
        ("(call $note (call $load (i32.const 0x200) (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 0)))", &[2]),
        ("(call $note (call $load (i32.const 0x200) (i32.const 17) (i32.const 4) (i32.const 0) (i32.const 0)))", &[1]),
        ("(call $note (call $load (i32.const 0x200) (i32.const -1) (i32.const 4) (i32.const 0) (i32.const 0)))", &[1]),
        (
            "(i32.store (i32.const 0x204) (i32.const 50)) (call $note (call $load (i32.const 0x200) (i32.const 1) (i32.const 4) (i32.const 0) (i32.const 0)))",
            &[2],
        ),
        ("(call $note (call $init (i32.const 7) (i32.const 4)))", &[1]),
        ("(call $note (call $compute (i32.const 1)))", &[1]),
        ("(call $note (call $unload (i32.const 0)))", &[1]),
        ("(call $open) (call $note (call $compute (call $context)))", &[0, 0, 5]),
        (
            "(call $open) (call $note (call $get (call $context) (i32.const 0) (i32.const 0x8000) (i32.const 99) (i32.const 8)))",
            &[0, 0, 5],
        ),
        (
            "(call $open) (call $note (call $get (call $context) (i32.const 9) (i32.const 0x8000) (i32.const 99) (i32.const 8)))",
            &[0, 0, 1],
        ),
        ("(call $open) (call $note (call $set (call $context) (i32.const 1) (i32.const 0x100)))", &[0, 0, 1]),
        ("(call $open) (call $note (call $set (call $context) (i32.const -1) (i32.const 0x100)))", &[0, 0, 1]),
        (
            "(call $open) (i32.store8 (i32.const 0x108) (i32.const 5)) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))",
            &[0, 0, 1],
        ),
        (
            "(call $open) (i32.store (i32.const 0x110) (i32.const 4)) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))",
            &[0, 0, 1],
        ),
        (
            "(call $open) (i32.store (i32.const 0x104) (i32.const 17)) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))",
            &[0, 0, 1],
        ),
    ] {
        assert_eq!(nn.answer(body).await, errnos, "{body}");
    }
    let small = "(call $open) (call $run) (i32.store (i32.const 8) (i32.const 0))
        (call $note (call $get (call $context) (i32.const 0) (i32.const 0x8000) (i32.const 1) (i32.const 8)))";
    assert_eq!(nn.answer(small).await, [0, 0, 0, 0, 0, 7]);
}

#[tokio::test]
async fn no_pointer_is_believed_and_limits_end_the_guest() {
    let nn = Nn::new();
    for (body, code) in [
        ("(call $note (call $named (i32.const 0x2ffff) (i32.const 4) (i32.const 0)))", Code::GuestTrap),
        ("(call $note (call $named (i32.const 0x40) (i32.const 4) (i32.const 0x2fffe)))", Code::GuestTrap),
        ("(call $note (call $named (i32.const 0x40) (i32.const 5000) (i32.const 0)))", Code::GuestLimit),
        ("(call $note (call $named (i32.const 0x40) (i32.const -1) (i32.const 0)))", Code::GuestLimit),
        (
            "(call $note (call $load (i32.const 0x2fffc) (i32.const 1) (i32.const 4) (i32.const 0) (i32.const 0)))",
            Code::GuestTrap,
        ),
        (
            "(i32.store (i32.const 0x204) (i32.const -1)) (call $note (call $load (i32.const 0x200) (i32.const 1) (i32.const 4) (i32.const 0) (i32.const 0)))",
            Code::GuestLimit,
        ),
        ("(call $open) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x2fff0)))", Code::GuestTrap),
        (
            "(call $open) (i32.store (i32.const 0x100) (i32.const -4)) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))",
            Code::GuestTrap,
        ),
        (
            "(call $open) (i32.store (i32.const 0x10c) (i32.const 0x2ffff)) (call $note (call $set (call $context) (i32.const 0) (i32.const 0x100)))",
            Code::GuestTrap,
        ),
        (
            "(call $open) (call $run) (call $note (call $get (call $context) (i32.const 0) (i32.const 0x2fffe) (i32.const 0x4000) (i32.const 8)))",
            Code::GuestTrap,
        ),
        ("(loop $l (call $note (call $named (i32.const 0x40) (i32.const 4) (i32.const 0))) (br $l))", Code::GuestLimit),
    ] {
        let error = post(&nn.app(body, Limits::default()), "").await.expect_err(body);
        assert_eq!(error.code(), code, "{body}: {error}");
    }
    let few = nn.app("(call $open) (call $run) (call $open) (call $run)", Limits { resources: 1, ..Limits::default() });
    assert_eq!(
        post(&few, "").await.expect_err("too many graphs").reached().map(|limit| &*limit.key),
        Some("limits.resources")
    );
}
