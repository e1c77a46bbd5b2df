//! From the file's tables to plain tensors and operators, with every index and size checked.

use super::flatbuffer::{File, Table};
use super::names::{CUSTOM, operator_name};
use crate::{Element, Error};
use std::borrow::Cow;

/// Operators of one model.
const MAX_OPERATORS: usize = 4096;
/// Tensors of one model.
const MAX_TENSORS: usize = 16384;
/// Buffers of one file: one a tensor, one for each metadata.
const MAX_BUFFERS: usize = 2 * MAX_TENSORS;
/// Inputs of one operator.
const MAX_OPERATOR_INPUTS: usize = 256;
/// Inputs or outputs of one model.
const MAX_PORTS: usize = 256;
/// Dimensions of one tensor.
pub(super) const MAX_RANK: usize = 6;
/// Bytes of a name that are kept, for messages and look-ups.
const MAX_NAME: usize = 256;
/// Elements of one tensor; keeps every product of a size in bytes far from overflow.
const MAX_ELEMENTS: usize = 1 << 28;

/// How real numbers are stored: `real = scale * (stored - zero_point)`.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantisation {
    /// One scale for the tensor, or one for each index of one dimension.
    pub(super) scale: Vec<f32>,
    /// As many zero points as scales.
    pub(super) zero_point: Vec<i32>,
}

/// A tensor as the file describes it.
#[derive(Clone, Debug)]
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) element: Element,
    pub(super) quantisation: Quantisation,
    /// The content of a constant, of exactly the tensor's size; owned where it was folded.
    pub(super) data: Option<Cow<'a, [u8]>>,
}

/// An operator as the file describes it; tensor indices are in range, `None` is an optional input left out.
#[derive(Clone, Debug)]
pub(super) struct Operator<'a> {
    pub(super) name: &'static str,
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) output: usize,
    pub(super) options: Option<Table<'a>>,
}

/// The one subgraph of a model file.
#[derive(Clone, Debug)]
pub(super) struct Description<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

impl Tensor<'_> {
    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn bytes(&self) -> usize {
        self.elements() * self.element.bytes()
    }

    /// What messages call it.
    pub(super) fn label(&self) -> String {
        format!("tensor `{}`", self.name)
    }
}

/// Reads a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Description<'_>, Error> {
    let model = File(bytes).root("model")?;
    let codes = model.tables(1, "operator codes", MAX_OPERATORS)?;
    let buffers = model.tables(4, "buffers", MAX_BUFFERS)?;
    let subgraphs = model.tables(2, "subgraphs", MAX_OPERATORS)?;
    let [subgraph] = subgraphs.as_slice() else {
        return Err(Error::unsupported(format!("{} subgraphs (one is)", subgraphs.len())));
    };
    let tensors = subgraph.tables(0, "tensors", MAX_TENSORS)?;
    let tensors = tensors.iter().map(|table| tensor(table, &buffers)).collect::<Result<Vec<_>, _>>()?;
    let operators = subgraph.tables(3, "operators", MAX_OPERATORS)?;
    let operators = operators.iter().map(|table| operator(table, &codes, tensors.len())).collect::<Result<_, _>>()?;
    let inputs = ports(subgraph, 1, "inputs", tensors.len())?;
    let outputs = ports(subgraph, 2, "outputs", tensors.len())?;
    Ok(Description { tensors, operators, inputs, outputs })
}

fn ports(subgraph: &Table<'_>, field: usize, what: &'static str, tensors: usize) -> Result<Vec<usize>, Error> {
    let indices = subgraph.i32s(field, what, MAX_PORTS)?;
    if indices.is_empty() {
        return Err(Error::malformed("model", format!("it has no {what}")));
    }
    indices.into_iter().map(|index| tensor_index(index, tensors, what)).collect()
}

fn tensor_index(index: i32, tensors: usize, place: &str) -> Result<usize, Error> {
    let index_in_range = usize::try_from(index).ok().filter(|index| *index < tensors);
    index_in_range.ok_or_else(|| Error::malformed(place, format!("tensor index {index}, there are {tensors} tensors")))
}

fn tensor<'a>(table: &Table<'a>, buffers: &[Table<'a>]) -> Result<Tensor<'a>, Error> {
    let name = table.text(3, MAX_NAME)?;
    let place = || format!("tensor `{name}`");
    if table.bool(5)? {
        return Err(Error::unsupported(format!("variable {}", place())));
    }
    if table.has(6) {
        return Err(Error::unsupported(format!("sparse {}", place())));
    }
    let shape = shape(&table.i32s(0, "dimensions", MAX_RANK)?).map_err(|what| Error::malformed(place(), what))?;
    let element =
        element(table.i8(1, 0)?).map_err(|kind| Error::unsupported(format!("{} of element type {kind}", place())))?;
    let quantisation = match table.table(4, "quantisation")? {
        Some(quantisation) => self::quantisation(&quantisation, &shape, &place())?,
        None => Quantisation::default(),
    };
    let data = data(table, buffers, &place())?.map(Cow::Borrowed);
    let tensor = Tensor { shape, element, quantisation, data, name };
    match &tensor.data {
        Some(data) if data.len() != tensor.bytes() => {
            let what = format!("its buffer has {} bytes, its shape needs {}", data.len(), tensor.bytes());
            Err(Error::malformed(tensor.label(), what))
        }
        _ => Ok(tensor),
    }
}

fn shape(dimensions: &[i32]) -> Result<Vec<usize>, String> {
    let positive = |dimension: &i32| usize::try_from(*dimension).ok().filter(|dimension| *dimension > 0);
    let shape: Option<Vec<usize>> = dimensions.iter().map(positive).collect();
    let shape = shape.ok_or_else(|| format!("shape {dimensions:?} has a dimension below 1"))?;
    let elements = shape.iter().try_fold(1usize, |product, dimension| product.checked_mul(*dimension));
    match elements {
        Some(elements) if elements <= MAX_ELEMENTS => Ok(shape),
        _ => Err(format!("shape {shape:?} has more than {MAX_ELEMENTS} elements")),
    }
}

/// `TensorType` of the schema.
fn element(code: i8) -> Result<Element, String> {
    Ok(match code {
        0 => Element::F32,
        1 => Element::F16,
        2 => Element::I32,
        3 => Element::U8,
        4 => Element::I64,
        6 => Element::Bool,
        7 => Element::I16,
        9 => Element::I8,
        10 => Element::F64,
        5 => return Err("string".into()),
        8 => return Err("complex64".into()),
        11 => return Err("complex128".into()),
        12 => return Err("uint64".into()),
        13 => return Err("resource".into()),
        14 => return Err("variant".into()),
        15 => return Err("uint32".into()),
        16 => return Err("uint16".into()),
        17 => return Err("int4".into()),
        18 => return Err("bfloat16".into()),
        19 => return Err("int2".into()),
        other => return Err(format!("number {other}")),
    })
}

fn quantisation(table: &Table<'_>, shape: &[usize], place: &str) -> Result<Quantisation, Error> {
    let (scales, _) = table.vector(2, 4, "scales")?.as_chunks::<4>();
    let (zeros, _) = table.vector(3, 8, "zero points")?.as_chunks::<8>();
    if scales.is_empty() {
        return Ok(Quantisation::default());
    }
    let axis = usize::try_from(table.i32(6, 0)?).unwrap_or(usize::MAX);
    // A scalar's or a vector's only scale is "per tensor" whatever the axis says.
    if scales.len() != 1 && shape.get(axis) != Some(&scales.len()) {
        let what = format!("{} scales along axis {axis} of shape {shape:?}", scales.len());
        return Err(Error::malformed(place, what));
    }
    if zeros.len() != scales.len() && !zeros.is_empty() {
        return Err(Error::malformed(place, format!("{} scales, but {} zero points", scales.len(), zeros.len())));
    }
    let scale: Vec<f32> = scales.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let zero = |word: &[u8; 8]| i32::try_from(i64::from_le_bytes(*word)).ok();
    let zero_point: Option<Vec<i32>> = zeros.iter().map(zero).collect();
    let mut zero_point = zero_point.ok_or_else(|| Error::malformed(place, "zero point out of range"))?;
    zero_point.resize(scale.len(), 0);
    Ok(Quantisation { scale, zero_point })
}

fn data<'a>(table: &Table<'a>, buffers: &[Table<'a>], place: &str) -> Result<Option<&'a [u8]>, Error> {
    let index = table.i32(2, 0)? as u32 as usize;
    // Buffer 0 is the schema's sentinel for "no content".
    if index == 0 {
        return Ok(None);
    }
    let buffer = buffers.get(index);
    let buffer = buffer.ok_or_else(|| Error::malformed(place, format!("no buffer of index {index}")))?;
    if buffer.has(1) {
        return Err(Error::unsupported("buffers outside the FlatBuffer (files over 2 GB)"));
    }
    let bytes = buffer.vector(0, 1, "buffer")?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

fn operator<'a>(table: &Table<'a>, codes: &[Table<'a>], tensors: usize) -> Result<Operator<'a>, Error> {
    let index = table.i32(0, 0)? as u32 as usize;
    let code = codes.get(index).ok_or_else(|| Error::malformed("operator", format!("no operator code {index}")))?;
    let name = name(code)?;
    let optional = |index: i32| match index {
        -1 => Ok(None),
        _ => tensor_index(index, tensors, name).map(Some),
    };
    let inputs = table.i32s(1, "operator inputs", MAX_OPERATOR_INPUTS)?;
    let outputs = table.i32s(2, "operator outputs", MAX_OPERATOR_INPUTS)?;
    let [output] = outputs.as_slice() else {
        return Err(Error::unsupported(format!("{name} with {} outputs", outputs.len())));
    };
    Ok(Operator {
        name,
        inputs: inputs.into_iter().map(optional).collect::<Result<_, _>>()?,
        output: tensor_index(*output, tensors, name)?,
        options: table.table(4, "operator options")?,
    })
}

/// Old files have the code in a byte, new ones in a word; the larger one counts, as in TensorFlow Lite.
fn name(code: &Table<'_>) -> Result<&'static str, Error> {
    let number = i32::from(code.i8(0, 0)?).max(code.i32(3, 0)?);
    if number == CUSTOM {
        return Err(Error::unsupported(format!("custom operator `{}`", code.text(1, MAX_NAME)?)));
    }
    operator_name(number).ok_or_else(|| Error::unsupported(format!("operator of unknown code {number}")))
}
