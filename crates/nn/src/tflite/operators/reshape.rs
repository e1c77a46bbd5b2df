//! RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes under another shape.

use super::super::node::Node;
use super::Built;
use crate::Error;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let input = node.input(0)?;
    if input.element != node.output.element {
        return Err(node.malformed(format!("it makes {} of {}", node.output.element, input.element)));
    }
    // The output's shape is in the file already; a target shape in the options or an input must agree with it, and
    // all that matters for memory is that the number of elements does.
    node.expect_elements(input.elements())?;
    Ok(Built::Alias)
}
