//! The operators: one builder each, found by its name in the schema.

mod binary;
mod concatenation;
mod convolution;
mod depthwise;
mod elementwise;
mod fold;
mod fully_connected;
mod image_rows;
mod mean;
mod pad;
mod pool;
mod reshape;
mod resize;
mod softmax;
mod transpose_convolution;

use super::node::{Node, Operator};
use crate::Error;

/// What becomes of an operator of the file.
pub(super) enum Built {
    /// Work at each run, on these inputs of the operator.
    Step { operator: Box<dyn Operator>, inputs: Vec<usize> },
    /// Nothing: the output is the first input under another shape.
    Alias,
    /// A value known at load.
    Constant(Vec<u8>),
}

impl Built {
    /// A step that reads input 0 alone at run time.
    fn unary(operator: impl Operator + 'static) -> Self {
        Self::Step { operator: Box::new(operator), inputs: vec![0] }
    }
}

/// Checks and packs an operator.
pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    match node.name {
        "ADD" | "MUL" | "SUB" => binary::build(node),
        "AVERAGE_POOL_2D" | "MAX_POOL_2D" => pool::build(node),
        "CONCATENATION" => concatenation::build(node),
        "CONV_2D" => convolution::build(node),
        "DEPTHWISE_CONV_2D" => depthwise::build(node),
        "DEQUANTIZE" => elementwise::dequantize(node),
        "EXPAND_DIMS" | "RESHAPE" | "SQUEEZE" => reshape::build(node),
        "FULLY_CONNECTED" => fully_connected::build(node),
        "HARD_SWISH" | "LOGISTIC" | "RELU" | "RELU6" | "TANH" => elementwise::build(node),
        "MEAN" => mean::build(node),
        "PACK" => fold::pack(node),
        "PAD" => pad::build(node),
        "QUANTIZE" => elementwise::quantize(node),
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => resize::build(node),
        "SHAPE" => fold::shape(node),
        "SOFTMAX" => softmax::build(node),
        "STRIDED_SLICE" => fold::strided_slice(node),
        "TRANSPOSE_CONV" => transpose_convolution::build(node),
        other => Err(Error::unsupported(format!("operator {other}"))),
    }
}
