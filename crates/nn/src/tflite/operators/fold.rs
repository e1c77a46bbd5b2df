//! SHAPE, STRIDED_SLICE and PACK of values known at load: what Keras exports before a RESHAPE.

use super::super::node::Node;
use super::Built;
use crate::{Element, Error};

pub(super) fn shape(node: &Node<'_, '_>) -> Result<Built, Error> {
    constant(node, node.input(0)?.shape.iter().map(|side| *side as i64).collect())
}

pub(super) fn pack(node: &Node<'_, '_>) -> Result<Built, Error> {
    let mut values = Vec::with_capacity(node.inputs.len());
    for number in 0..node.inputs.len() {
        if !node.input(number)?.shape.is_empty() {
            return Err(node.unsupported("of more than single numbers"));
        }
        values.extend(node.integers(number)?);
    }
    constant(node, values)
}

pub(super) fn strided_slice(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (values, options) = (node.integers(0)?, node.options()?);
    let single = |number| match node.integers(number)?[..] {
        [value] => Ok(value),
        _ => Err(node.unsupported("of more than one dimension")),
    };
    let (begin, end, step) = (single(1)?, single(2)?, single(3)?);
    let mask = |field| Ok::<bool, Error>(options.i32(field, 0)? & 1 != 0);
    if node.input(0)?.shape.len() != 1 || mask(2)? || mask(3)? || step != 1 {
        return Err(node.unsupported("with a step, an ellipsis or a new dimension"));
    }
    let len = values.len() as i64;
    let place = |at: i64| (if at < 0 { at.saturating_add(len) } else { at }).clamp(0, len) as usize;
    let begin = if mask(0)? { 0 } else { place(begin) };
    let end = if mask(1)? { values.len() } else { place(end) };
    let end = if mask(4)? { begin + 1 } else { end };
    let slice = values.get(begin..end.max(begin)).ok_or_else(|| node.malformed("it slices past the end"))?;
    constant(node, slice.to_vec())
}

/// The numbers as the content of the output.
fn constant(node: &Node<'_, '_>, values: Vec<i64>) -> Result<Built, Error> {
    node.expect_elements(values.len())?;
    match node.output.element {
        Element::I64 => Ok(Built::Constant(values.into_iter().flat_map(i64::to_le_bytes).collect())),
        Element::I32 => {
            Ok(Built::Constant(values.into_iter().flat_map(|value| (value as i32).to_le_bytes()).collect()))
        }
        other => Err(node.unsupported(&format!("of {other}"))),
    }
}
