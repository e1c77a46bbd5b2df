//! An operator with its tensors, as the operators' builders see it; and what they build.

use super::flatbuffer::Table;
use super::pace::Pace;
use super::parse::Tensor;
use crate::kernel::{Clamp, Kernel, Requantise};
use crate::{Element, Error};
use std::fmt::Debug;

/// A step of a loaded model. Everything was checked when it was built: sizes of the slices are those of the tensors.
pub(super) trait Operator: Debug + Send + Sync {
    /// Computes the output wholly from the inputs.
    fn run(&self, io: Io<'_>, pace: &mut Pace<'_>) -> Result<(), Error>;

    /// Bytes of scratch that `run` wants.
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// Bytes that this holds beyond its own size.
    fn packed_bytes(&self) -> usize {
        0
    }
}

/// The memory of one step.
pub(super) struct Io<'a> {
    /// Inputs that aren't folded into the step, in order.
    pub(super) inputs: Vec<&'a [u8]>,
    pub(super) output: &'a mut [u8],
    /// At least [`Operator::scratch_bytes`], aligned, with anything in it.
    pub(super) scratch: &'a mut [u8],
}

/// Bytes as floats: tensors are aligned and of whole elements.
pub(super) fn floats(bytes: &[u8]) -> &[f32] {
    bytemuck::cast_slice(bytes)
}

/// Bytes as floats to write.
pub(super) fn floats_mut(bytes: &mut [u8]) -> &mut [f32] {
    bytemuck::cast_slice_mut(bytes)
}

/// One scale and zero point, the latter as an unsigned byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaled {
    pub(super) scale: f32,
    pub(super) zero: u8,
    /// Whether the file's type is int8: matters where rounding is symmetric about zero.
    pub(super) signed: bool,
}

/// The two families of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Quantised,
    Float,
}

/// An operator of the file, with its tensors.
#[derive(Debug)]
pub(super) struct Node<'n, 'a> {
    pub(super) name: &'static str,
    pub(super) index: usize,
    pub(super) options: Option<Table<'a>>,
    pub(super) inputs: Vec<Option<&'n Tensor<'a>>>,
    pub(super) output: &'n Tensor<'a>,
    pub(super) kernel: Kernel,
    /// Bytes that the model has taken so far.
    pub(super) taken: usize,
    /// Bytes that it may take.
    pub(super) limit: usize,
}

impl<'n, 'a> Node<'n, 'a> {
    /// What messages call it.
    pub(super) fn place(&self) -> String {
        format!("operator {} ({})", self.index, self.name)
    }

    pub(super) fn malformed(&self, what: impl Into<String>) -> Error {
        Error::malformed(self.place(), what)
    }

    pub(super) fn unsupported(&self, what: &str) -> Error {
        Error::unsupported(format!("{} {what}", self.name))
    }

    /// A required input.
    pub(super) fn input(&self, number: usize) -> Result<&'n Tensor<'a>, Error> {
        let input = self.inputs.get(number).copied().flatten();
        input.ok_or_else(|| self.malformed(format!("input {number} is missing")))
    }

    /// An input that must be a constant of the file.
    pub(super) fn constant(&self, number: usize) -> Result<(&'n Tensor<'a>, &'n [u8]), Error> {
        let tensor = self.input(number)?;
        let data =
            tensor.data.as_deref().ok_or_else(|| self.unsupported(&format!("whose input {number} isn't constant")))?;
        Ok((tensor, data))
    }

    /// A constant input of 32- or 64-bit integers.
    pub(super) fn integers(&self, number: usize) -> Result<Vec<i64>, Error> {
        let (tensor, data) = self.constant(number)?;
        match tensor.element {
            Element::I32 => Ok(data.as_chunks().0.iter().map(|word| i64::from(i32::from_le_bytes(*word))).collect()),
            Element::I64 => Ok(data.as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect()),
            other => Err(self.malformed(format!("input {number} is {other}, not integers"))),
        }
    }

    pub(super) fn options(&self) -> Result<&Table<'a>, Error> {
        self.options.as_ref().ok_or_else(|| self.malformed("its options are missing"))
    }

    /// Refuses to pack what would exceed the limit, before memory is taken for it.
    pub(super) fn expect_room(&self, elements: Option<usize>, element_bytes: usize) -> Result<(), Error> {
        let bytes = elements.and_then(|elements| elements.checked_mul(element_bytes)).unwrap_or(usize::MAX);
        Error::check_limit("total_bytes", self.limit, self.taken.saturating_add(bytes))
    }

    /// The family of the first `count` inputs and the output, which must be of one type.
    pub(super) fn family(&self, count: usize) -> Result<Family, Error> {
        let first = self.input(0)?.element;
        for number in 1..count {
            self.expect_element(self.input(number)?, first)?;
        }
        self.expect_element(self.output, first)?;
        match first {
            Element::U8 | Element::I8 => Ok(Family::Quantised),
            Element::F32 => Ok(Family::Float),
            other => Err(self.unsupported(&format!("of {other}"))),
        }
    }

    fn expect_element(&self, tensor: &Tensor<'_>, element: Element) -> Result<(), Error> {
        if tensor.element == element {
            return Ok(());
        }
        Err(self.unsupported(&format!("of {element} with {} of {}", tensor.label(), tensor.element)))
    }

    /// Refuses an output of another shape than the inputs give.
    pub(super) fn expect_output(&self, shape: &[usize]) -> Result<(), Error> {
        if self.output.shape == shape {
            return Ok(());
        }
        Err(self.malformed(format!("output has shape {:?}, its inputs give {shape:?}", self.output.shape)))
    }

    /// Refuses an output of another number of elements.
    pub(super) fn expect_elements(&self, elements: usize) -> Result<(), Error> {
        if self.output.elements() == elements {
            return Ok(());
        }
        Err(self.malformed(format!("output has shape {:?}, its inputs give {elements} elements", self.output.shape)))
    }

    /// Scale and zero point of a quantised activation.
    pub(super) fn scaled(&self, tensor: &Tensor<'_>) -> Result<Scaled, Error> {
        let (&[scale], &[zero]) = (&tensor.quantisation.scale[..], &tensor.quantisation.zero_point[..]) else {
            return Err(self.malformed(format!("{} has no single scale", tensor.label())));
        };
        self.expect_scale(scale, tensor)?;
        let signed = tensor.element == Element::I8;
        let zero = zero.checked_add(if signed { 128 } else { 0 }).and_then(|zero| u8::try_from(zero).ok());
        let zero = zero.ok_or_else(|| self.malformed(format!("{} has a zero point out of range", tensor.label())))?;
        Ok(Scaled { scale, zero, signed })
    }

    /// Refuses a scale that isn't a positive number.
    pub(super) fn expect_scale(&self, scale: f32, tensor: &Tensor<'_>) -> Result<(), Error> {
        if scale.is_finite() && scale > 0.0 {
            return Ok(());
        }
        Err(self.malformed(format!("{} has the scale {scale}", tensor.label())))
    }

    /// The bounds of a fused activation (`ActivationFunctionType` of the schema) for floats.
    pub(super) fn clamp(&self, activation: i8) -> Result<Clamp, Error> {
        let (low, high) = match activation {
            0 => (f32::NEG_INFINITY, f32::INFINITY),
            1 => (0.0, f32::INFINITY),
            2 => (-1.0, 1.0),
            3 => (0.0, 6.0),
            4 => return Err(self.unsupported("with fused activation TANH")),
            5 => return Err(self.unsupported("with fused activation SIGN_BIT")),
            other => return Err(self.malformed(format!("unknown activation {other}"))),
        };
        Ok(Clamp { low, high })
    }

    /// The bounds of a fused activation in the output's bytes.
    pub(super) fn requantise(&self, activation: i8) -> Result<Requantise, Error> {
        let output = self.scaled(self.output)?;
        let Clamp { low, high } = self.clamp(activation)?;
        let byte = |real: f32| (real / output.scale + f32::from(output.zero)).round_ties_even() as u8;
        Ok(Requantise { zero: output.zero, low: byte(low), high: byte(high) })
    }
}
