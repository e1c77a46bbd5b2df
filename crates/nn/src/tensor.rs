//! What a caller sees of a model's inputs and outputs.

use std::fmt;

/// The element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Unsigned byte, usually quantised.
    U8,
    /// Signed byte, usually quantised.
    I8,
    /// Signed 16 bits.
    I16,
    /// Signed 32 bits.
    I32,
    /// Signed 64 bits.
    I64,
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// One byte, zero or one.
    Bool,
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether this is one of the two byte types of quantised models.
    pub(crate) fn is_quantised(self) -> bool {
        matches!(self, Self::U8 | Self::I8)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Bool => "bool",
        })
    }
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// The name in the file; may be empty.
    pub name: String,
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Element type, in the file's little-endian layout.
    pub element: Element,
    /// Quantisation scale; 1 where the tensor isn't quantised.
    pub scale: f32,
    /// Quantised value of real zero; 0 where the tensor isn't quantised.
    pub zero_point: i32,
    /// Size of the whole tensor in bytes.
    pub bytes: usize,
}
