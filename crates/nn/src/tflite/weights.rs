//! An operator's weights, biases and scales, checked, in the file's order.

use super::node::Node;
use super::parse::Tensor;
use crate::{Element, Error};

/// The weights of an operator as wide integers less their zero point, in the file's order.
pub(super) fn centred_weights(node: &Node<'_, '_>, tensor: &Tensor<'_>, data: &[u8]) -> Result<Vec<i16>, Error> {
    let zero = *tensor.quantisation.zero_point.first().unwrap_or(&0);
    if tensor.quantisation.zero_point.iter().any(|other| *other != zero) {
        return Err(node.unsupported("whose weights have several zero points"));
    }
    let range = match tensor.element {
        Element::U8 => 0..=255,
        Element::I8 => -128..=127,
        other => return Err(node.unsupported(&format!("with weights of {other}"))),
    };
    let zero = i16::try_from(zero).ok().filter(|zero| range.contains(zero));
    let zero = zero.ok_or_else(|| node.malformed("its weights' zero point is out of range"))?;
    Ok(match tensor.element {
        Element::U8 => data.iter().map(|byte| i16::from(*byte) - zero).collect(),
        _ => data.iter().map(|byte| i16::from(*byte as i8) - zero).collect(),
    })
}

/// For each output channel the factor from a sum to the output's scale, in single precision as XNNPACK has it.
pub(super) fn factors(
    node: &Node<'_, '_>,
    input: &Tensor<'_>,
    weights: &Tensor<'_>,
    channels: usize,
) -> Result<Vec<f32>, Error> {
    let (input, output) = (node.scaled(input)?, node.scaled(node.output)?);
    let scales = &weights.quantisation.scale;
    if scales.len() != 1 && scales.len() != channels {
        return Err(node.malformed(format!("weights have {} scales for {channels} channels", scales.len())));
    }
    let factor = |channel: usize| {
        let scale = if scales.len() == 1 { scales[0] } else { scales[channel] };
        node.expect_scale(scale, weights)?;
        Ok(input.scale * scale / output.scale)
    };
    (0..channels).map(factor).collect()
}

/// The bias of a quantised operator, zeros where it has none.
pub(super) fn bias(node: &Node<'_, '_>, number: usize, channels: usize) -> Result<Vec<i32>, Error> {
    if node.inputs.get(number).copied().flatten().is_none() {
        return Ok(vec![0; channels]);
    }
    let (tensor, data) = node.constant(number)?;
    if tensor.element != Element::I32 || tensor.elements() != channels {
        return Err(node.malformed(format!("bias of {:?} {} for {channels} channels", tensor.shape, tensor.element)));
    }
    Ok(data.as_chunks().0.iter().map(|word| i32::from_le_bytes(*word)).collect())
}

/// The bias of a float operator, zeros where it has none.
pub(super) fn float_bias(node: &Node<'_, '_>, number: usize, channels: usize) -> Result<Vec<f32>, Error> {
    if node.inputs.get(number).copied().flatten().is_none() {
        return Ok(vec![0.0; channels]);
    }
    let (tensor, data) = node.constant(number)?;
    if tensor.element != Element::F32 || tensor.elements() != channels {
        return Err(node.malformed(format!("bias of {:?} {} for {channels} channels", tensor.shape, tensor.element)));
    }
    Ok(float_values(data))
}

/// Little-endian floats of a constant, which needn't be aligned in the file.
pub(super) fn float_values(data: &[u8]) -> Vec<f32> {
    data.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
