//! wasi:nn 0.2.0-rc-2024-10-28: the app's models by name, or a TensorFlow Lite file by its bytes.

mod define;

pub(super) use define::{errors, graph, inference, tensor};

use super::asking::{Held, shown};
use crate::call::Call;
use crate::host::compute::infer;
use crate::host::sessions::{MAX_DIMENSIONS, packed};
use crate::host::wasi_nn;
use pillion_api::Error;
use pillion_nn::{Element, Model, TensorInfo};
use std::sync::Arc;
use wasmtime::component::{ComponentType, Lift, Lower};

#[derive(Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum Kind {
    #[component(name = "FP16")]
    Fp16,
    #[component(name = "FP32")]
    Fp32,
    #[component(name = "FP64")]
    Fp64,
    #[component(name = "BF16")]
    #[allow(dead_code)]
    Bf16,
    #[component(name = "U8")]
    U8,
    #[component(name = "I32")]
    I32,
    #[component(name = "I64")]
    I64,
}

impl Kind {
    /// The interface has one type of a byte; it has none of 16 bits that is whole.
    fn of(element: Element) -> Option<Self> {
        match element {
            Element::F16 => Some(Self::Fp16),
            Element::F32 => Some(Self::Fp32),
            Element::F64 => Some(Self::Fp64),
            Element::U8 | Element::I8 | Element::Bool => Some(Self::U8),
            Element::I32 => Some(Self::I32),
            Element::I64 => Some(Self::I64),
            Element::I16 => None,
        }
    }
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Guests make them.
enum Encoding {
    #[component(name = "openvino")]
    Openvino,
    #[component(name = "onnx")]
    Onnx,
    #[component(name = "tensorflow")]
    Tensorflow,
    #[component(name = "pytorch")]
    Pytorch,
    #[component(name = "tensorflowlite")]
    Tensorflowlite,
    #[component(name = "ggml")]
    Ggml,
    #[component(name = "autodetect")]
    Autodetect,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Guests make them.
enum Target {
    #[component(name = "cpu")]
    Cpu,
    #[component(name = "gpu")]
    Gpu,
    #[component(name = "tpu")]
    Tpu,
}

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // All of the interface's, not all of which are said.
enum ErrorCode {
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "invalid-encoding")]
    InvalidEncoding,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "runtime-error")]
    RuntimeError,
    #[component(name = "unsupported-operation")]
    UnsupportedOperation,
    #[component(name = "too-large")]
    TooLarge,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "security")]
    Security,
    #[component(name = "unknown")]
    Unknown,
}

/// A failure as the guest asks for it.
struct Failure {
    code: ErrorCode,
    why: String,
}

/// A tensor that the guest has a handle of.
struct Tensor {
    dimensions: Vec<u32>,
    kind: Kind,
    data: Vec<u8>,
    _held: Held,
}

/// A loaded model.
struct Graph(Arc<Model>);

/// Runs of a model.
struct Execution(Arc<Model>);

/// A failure that the guest hears of, or an error that ends it.
enum Failed {
    Told(Failure),
    Ends(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Ends(error)
    }
}

fn told<T>(code: ErrorCode, why: impl Into<String>) -> Result<T, Failed> {
    Err(Failed::Told(Failure { code, why: why.into() }))
}

impl Tensor {
    fn new(call: &Arc<Call>, dimensions: Vec<u32>, kind: Kind, data: Vec<u8>) -> Result<Self, Error> {
        let held = Held::new(call, data.len() + dimensions.len() * 4)?;
        Ok(Self { dimensions, kind, data, _held: held })
    }

    /// An output of a model.
    fn of(call: &Arc<Call>, info: &TensorInfo, data: &[u8]) -> Result<Self, Failed> {
        let Some(kind) = Kind::of(info.element) else {
            return told(ErrorCode::UnsupportedOperation, format!("an output of {} has no type here", info.element));
        };
        let dimensions = info.shape.iter().map(|side| u32::try_from(*side).unwrap_or(u32::MAX)).collect();
        Ok(Self::new(call, dimensions, kind, data.to_vec())?)
    }

    /// Whether it is what an input takes.
    fn check(&self, name: &str, info: &TensorInfo) -> Result<(), Failed> {
        let width = info.element.bytes() as u64;
        let bytes = self.dimensions.iter().try_fold(width, |product, side| product.checked_mul(u64::from(*side)));
        let fits = self.dimensions.len() <= MAX_DIMENSIONS.cast_unsigned() as usize
            && bytes == Some(self.data.len() as u64)
            && self.data.len() == info.bytes
            && Kind::of(info.element) == Some(self.kind);
        if fits {
            return Ok(());
        }
        let (bytes, element) = (info.bytes, info.element);
        let why = format!("input `{}` takes {bytes} bytes of {element}, shape {:?}", shown(name), info.shape);
        told(ErrorCode::InvalidArgument, why)
    }
}

async fn load(call: &Arc<Call>, parts: Vec<Vec<u8>>, encoding: Encoding) -> Result<Graph, Failed> {
    if !matches!(encoding, Encoding::Tensorflowlite | Encoding::Autodetect) {
        return told(ErrorCode::InvalidEncoding, "only models of TensorFlow Lite can be loaded");
    }
    match packed(call, parts.concat()).await? {
        Ok(model) => Ok(Graph(model)),
        Err(error) => told(ErrorCode::InvalidEncoding, format!("the model can't be used: {error}")),
    }
}

fn load_by_name(call: &Call, name: &str) -> Result<Graph, Failed> {
    wasi_nn::named(call, name).map(Graph).or_else(|why| told(ErrorCode::NotFound, why))
}

/// Which input a name means: by the model's own names, by its number, or the only one.
fn input_index(model: &Model, name: &str) -> Result<usize, Failed> {
    let count = model.inputs().len();
    let numbered = || name.parse().ok().filter(|index| *index < count);
    let found = model.input_index(name).or_else(numbered).or((count == 1).then_some(0));
    found.map_or_else(|| told(ErrorCode::InvalidArgument, format!("the model has no input `{}`", shown(name))), Ok)
}

async fn compute(
    call: &Arc<Call>,
    model: Arc<Model>,
    tensors: Vec<(String, Tensor)>,
) -> Result<Vec<(String, Tensor)>, Failed> {
    let mut inputs = Vec::with_capacity(tensors.len().min(model.inputs().len()));
    for (name, tensor) in tensors {
        let index = input_index(&model, &name)?;
        tensor.check(&name, &model.inputs()[index])?;
        inputs.push((index, tensor.data));
    }
    let of_outputs = model.outputs().iter().map(|output| output.bytes).sum();
    let held = Held::new(call, of_outputs)?;
    let (outputs, _) = infer(call, Arc::clone(&model), inputs).await?;
    // Each tensor counts for itself from here.
    drop(held);
    let outputs = match outputs {
        Err(pillion_nn::Error::Stopped) => return Err(call.timed_out().into()),
        Err(error) => return told(ErrorCode::RuntimeError, error.to_string()),
        Ok(outputs) => outputs,
    };
    let named = model.outputs().iter().zip(outputs);
    named.map(|(info, data)| Ok((info.name.clone(), Tensor::of(call, info, &data)?))).collect()
}
