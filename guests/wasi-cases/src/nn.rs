//! wasi:nn.

use crate::unknown;
use crate::wasi::nn::graph::{self, ExecutionTarget, GraphEncoding};
use crate::wasi::nn::tensor::{Tensor, TensorType};

pub fn run(call: &[&str]) -> String {
    match call {
        ["load", encoding] => {
            let encoding = if *encoding == "onnx" { GraphEncoding::Onnx } else { GraphEncoding::Autodetect };
            let loaded = graph::load(&[b"no model".to_vec()], encoding, ExecutionTarget::Cpu);
            loaded.map_or_else(|error| told(&error), |_| "loaded".into())
        }
        ["run", name, dimensions, numbers] => infer(name, dimensions, numbers).unwrap_or_else(|error| told(&error)),
        _ => unknown(call),
    }
}

fn told(error: &crate::wasi::nn::errors::Error) -> String {
    format!("{:?}: {}", error.code(), error.data())
}

fn infer(name: &str, dimensions: &str, numbers: &str) -> Result<String, crate::wasi::nn::errors::Error> {
    let dimensions: Vec<u32> = dimensions.split(',').filter_map(|side| side.parse().ok()).collect();
    let bytes: Vec<u8> =
        numbers.split(',').filter_map(|number| number.parse::<f32>().ok()).flat_map(f32::to_le_bytes).collect();
    let execution = graph::load_by_name(name)?.init_execution_context()?;
    let tensor = Tensor::new(&dimensions, TensorType::Fp32, &bytes);
    let outputs = execution.compute(vec![("0".to_owned(), tensor)])?;
    let output = &outputs[0].1;
    let numbers: Vec<String> = output.data().chunks(4).map(|word| number(word).to_string()).collect();
    Ok(format!("{:?} {:?} {}", output.dimensions(), output.ty(), numbers.join(",")))
}

fn number(word: &[u8]) -> f32 {
    f32::from_le_bytes(word.try_into().expect("four bytes"))
}
