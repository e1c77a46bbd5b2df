//! CONCATENATION along one dimension.

use super::super::node::{Family, Io, Node, Operator};
use super::super::pace::Pace;
use super::Built;
use super::elementwise::{Table, requantising};
use crate::Error;

pub(super) fn build(node: &Node<'_, '_>) -> Result<Built, Error> {
    let (first, options) = (node.input(0)?, node.options()?);
    let rank = first.shape.len() as i64;
    let axis = i64::from(options.i32(0, 0)?);
    let axis = if axis < 0 { axis + rank } else { axis };
    if !(0..rank).contains(&axis) {
        return Err(node.malformed(format!("axis {axis} of shape {:?}", first.shape)));
    }
    if options.i8(1, 0)? != 0 {
        return Err(node.unsupported("with a fused activation"));
    }
    let axis = axis as usize;
    let family = node.family(node.inputs.len())?;
    let element = if family == Family::Float { size_of::<f32>() } else { 1 };
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    let mut parts = Vec::with_capacity(node.inputs.len());
    for number in 0..node.inputs.len() {
        let input = node.input(number)?;
        let fits =
            input.shape.len() == shape.len() && (0..shape.len()).all(|at| at == axis || input.shape[at] == shape[at]);
        if !fits {
            return Err(node.malformed(format!("shapes {:?} and {:?} don't fit together", first.shape, input.shape)));
        }
        shape[axis] += input.shape[axis];
        let table = match family {
            Family::Float => None,
            Family::Quantised => {
                let (from, to) = (node.scaled(input)?, node.scaled(node.output)?);
                (from != to).then(|| requantising(from, to))
            }
        };
        parts.push(Part { bytes: input.shape[axis..].iter().product::<usize>() * element, table });
    }
    node.expect_output(&shape)?;
    Ok(Built::Step { operator: Box::new(Concatenation(parts)), inputs: (0..node.inputs.len()).collect() })
}

/// One input's share of each stretch of the output.
#[derive(Debug)]
struct Part {
    bytes: usize,
    table: Option<Table>,
}

#[derive(Debug)]
struct Concatenation(Vec<Part>);

impl Operator for Concatenation {
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error> {
        pace.work(io.output.len())?;
        let stretch: usize = self.0.iter().map(|part| part.bytes).sum();
        for (index, mut output) in io.output.chunks_exact_mut(stretch).enumerate() {
            for (part, input) in self.0.iter().zip(&io.inputs) {
                let (target, rest) = output.split_at_mut(part.bytes);
                let source = &input[index * part.bytes..][..part.bytes];
                match &part.table {
                    Some(table) => table.apply(source, target),
                    None => target.copy_from_slice(source),
                }
                output = rest;
            }
        }
        Ok(())
    }
}
