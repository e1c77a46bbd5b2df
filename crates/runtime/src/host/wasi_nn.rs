//! `wasi_ephemeral_nn`, inference as modules of preview 1 know it: graphs by name from the app's `models:` or by bytes,
//! and what WasmEdge adds to let go of them. A pointer outside of the guest's memory and a limit end the guest; what else
//! goes wrong is an errno, whose reason is logged and explains a trap that follows.

use super::interfaces::note;
use super::memory;
use super::sessions::{self, MAX_DIMENSIONS, MAX_NAME};
use crate::call::Call;
use crate::instance::Host;
use pillion_api::{Code, Error};
use pillion_nn::{Element, Model};
use std::sync::Arc;
use wasmtime::{Caller, Linker};

const MODULE: &str = "wasi_ephemeral_nn";
/// Bytes of a tensor's description: two lists and a type.
const TENSOR: i32 = 20;
/// Parts of a model's file; formats of several files have two.
const MAX_PARTS: i32 = 16;
/// Encodings under which a TensorFlow Lite file may come: its own, and "find out", which has two numbers.
const ENCODINGS: [i32; 3] = [4, 5, 6];

/// `nn_errno`.
#[derive(Clone, Copy)]
enum Errno {
    InvalidArgument = 1,
    InvalidEncoding = 2,
    RuntimeError = 5,
    UnsupportedOperation = 6,
    TooLarge = 7,
    NotFound = 8,
}

/// Why a function answers with an errno, or ends the guest.
enum Failed {
    Errno(Errno, String),
    Ends(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Ends(error)
    }
}

type Done = Result<(), Failed>;

fn errno<T>(errno: Errno, why: impl Into<String>) -> Result<T, Failed> {
    Err(Failed::Errno(errno, why.into()))
}

/// What the guest is answered.
fn told(caller: &mut Caller<'_, Host>, done: Done) -> wasmtime::Result<i32> {
    match done {
        Ok(()) => Ok(0),
        Err(Failed::Ends(error)) => Err(error.into()),
        Err(Failed::Errno(errno, why)) => {
            let error = sessions::failed(caller, why);
            note(&caller.data().call, &error);
            caller.data_mut().sessions.failure = Some(error);
            Ok(errno as i32)
        }
    }
}

/// Defines the module.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "load",
        |mut caller: Caller<'_, Host>, (parts, count, encoding, _target, to): (i32, i32, i32, i32, i32)| {
            Box::new(async move {
                let done = load(&mut caller, (parts, count), encoding, to).await;
                told(&mut caller, done)
            })
        },
    )?;
    linker.func_wrap(MODULE, "load_by_name", |mut caller: Caller<'_, Host>, name: i32, length: i32, to: i32| {
        let done = load_by_name(&mut caller, (name, length), to);
        told(&mut caller, done)
    })?;
    linker.func_wrap(
        MODULE,
        "load_by_name_with_config",
        |mut caller: Caller<'_, Host>, name: i32, length: i32, _: i32, config: i32, to: i32| {
            let done = match config {
                0 => load_by_name(&mut caller, (name, length), to),
                _ => errno(Errno::UnsupportedOperation, "gave a configuration for a model, which takes none"),
            };
            told(&mut caller, done)
        },
    )?;
    linker.func_wrap(MODULE, "init_execution_context", |mut caller: Caller<'_, Host>, graph: i32, to: i32| {
        let done = init(&mut caller, graph, to);
        told(&mut caller, done)
    })?;
    linker.func_wrap(MODULE, "set_input", |mut caller: Caller<'_, Host>, context: i32, index: i32, tensor: i32| {
        let done = set_input(&mut caller, context, index, tensor);
        told(&mut caller, done)
    })?;
    linker.func_wrap_async(MODULE, "compute", |mut caller: Caller<'_, Host>, (context,): (i32,)| {
        Box::new(async move {
            let done = compute(&mut caller, context).await;
            told(&mut caller, done)
        })
    })?;
    linker.func_wrap(
        MODULE,
        "get_output",
        |mut caller: Caller<'_, Host>, context: i32, index: i32, buffer: i32, room: i32, written: i32| {
            let done = get_output(&mut caller, (context, index), (buffer, room), written);
            told(&mut caller, done)
        },
    )?;
    of_wasmedge(linker)
}

/// What WasmEdge adds.
fn of_wasmedge(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "unload", |mut caller: Caller<'_, Host>, graph: i32| {
        let done = match sessions::drop_graph(&mut caller, graph.cast_unsigned()) {
            true => Ok(()),
            false => errno(Errno::InvalidArgument, "let go of a graph that it has not"),
        };
        told(&mut caller, done)
    })?;
    linker.func_wrap(MODULE, "finalize_execution_context", |mut caller: Caller<'_, Host>, context: i32| {
        let done = model_of(&mut caller, context).map(|_| ());
        sessions::delete(&mut caller, context.cast_unsigned());
        told(&mut caller, done)
    })?;
    Ok(())
}

/// One model file, which may come in parts.
async fn load(caller: &mut Caller<'_, Host>, parts: (i32, i32), encoding: i32, to: i32) -> Done {
    let call = Arc::clone(&caller.data().call);
    call.count_host_call()?;
    if !ENCODINGS.contains(&encoding) {
        return errno(Errno::InvalidEncoding, format!("gave a model of encoding {encoding}: 4 is TensorFlow Lite"));
    }
    if !(1..=MAX_PARTS).contains(&parts.1) {
        return errno(Errno::InvalidArgument, format!("gave a model of {} parts", parts.1));
    }
    let list = memory::read(caller, parts.0, parts.1 * 8, 8 * u64::from(MAX_PARTS.cast_unsigned()))?;
    let mut bytes = Vec::new();
    for part in list.chunks_exact(8) {
        let (pointer, length) = (word(part, 0), word(part, 4));
        let left = call.hosted.limits().host_buffers.saturating_sub(bytes.len() as u64);
        bytes.extend(memory::read(caller, pointer, length, left)?);
    }
    match sessions::packed(&call, bytes).await? {
        Ok(model) => hand_out(caller, model, to),
        Err(error) => errno(Errno::InvalidEncoding, format!("gave a model that can't be used: {error}")),
    }
}

fn load_by_name(caller: &mut Caller<'_, Host>, name: (i32, i32), to: i32) -> Done {
    let call = Arc::clone(&caller.data().call);
    call.count_host_call()?;
    let name = memory::read(caller, name.0, name.1, MAX_NAME)?;
    match named(&call, &String::from_utf8_lossy(&name)) {
        Ok(model) => hand_out(caller, model, to),
        Err(why) => errno(Errno::NotFound, why),
    }
}

/// A model of the app, or why there is none.
pub(super) fn named(call: &Call, name: &str) -> Result<Arc<Model>, String> {
    let models = &call.hosted.spec.models;
    models.get(name.trim_end_matches('\0')).cloned().ok_or_else(|| {
        let known: Vec<_> = models.keys().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let name = crate::output::printable(name.as_bytes());
        format!("asked for the model `{name}`; `models:` of the app declares {known}")
    })
}

fn hand_out(caller: &mut Caller<'_, Host>, model: Arc<Model>, to: i32) -> Done {
    let graph = sessions::keep_graph(caller, model)?;
    Ok(memory::write_u32(caller, to, graph)?)
}

fn init(caller: &mut Caller<'_, Host>, graph: i32, to: i32) -> Done {
    let Some(model) = sessions::graph(caller, graph.cast_unsigned()) else {
        return errno(Errno::InvalidArgument, "named a graph that it has not");
    };
    let context = sessions::open(caller, model)?;
    Ok(memory::write_u32(caller, to, context)?)
}

fn model_of(caller: &mut Caller<'_, Host>, context: i32) -> Result<Arc<Model>, Failed> {
    match sessions::model_of(caller, context.cast_unsigned()) {
        Some(model) => Ok(model),
        None => errno(Errno::InvalidArgument, "named an execution context that it has not"),
    }
}

fn word(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| i32::from_le_bytes(*word))
}

fn set_input(caller: &mut Caller<'_, Host>, context: i32, index: i32, tensor: i32) -> Done {
    let model = model_of(caller, context)?;
    let tensor = memory::read(caller, tensor, TENSOR, u64::from(TENSOR.cast_unsigned()))?;
    let input = usize::try_from(index).ok().and_then(|index| Some((index, model.inputs().get(index)?)));
    let Some((index, input)) = input else {
        return errno(Errno::InvalidArgument, format!("set input {index} of a model of {}", model.inputs().len()));
    };
    let kind = tensor.get(8).copied().unwrap_or(u8::MAX);
    if !is_of(kind, input.element) {
        let why = format!("set input {index} with a tensor of type {kind}: the model takes {}", input.element);
        return errno(Errno::InvalidArgument, why);
    }
    let (pointer, length) = (word(&tensor, 12), word(&tensor, 16));
    check_shape(caller, (word(&tensor, 0), word(&tensor, 4)), input.element, length)?;
    let left = sessions::left(caller);
    let data = memory::read(caller, pointer, length, left)?;
    if data.len() != input.bytes {
        let why = format!("set input {index} with {} bytes: the model takes {}", data.len(), input.bytes);
        return errno(Errno::InvalidArgument, why);
    }
    Ok(sessions::set(caller, context.cast_unsigned(), index, data)?)
}

/// Shape times width must be what was handed over.
fn check_shape(caller: &mut Caller<'_, Host>, dimensions: (i32, i32), element: Element, bytes: i32) -> Done {
    if !(0..=MAX_DIMENSIONS).contains(&dimensions.1) {
        return errno(Errno::InvalidArgument, format!("gave a tensor of {} dimensions", dimensions.1));
    }
    let limit = 4 * u64::from(MAX_DIMENSIONS.cast_unsigned());
    let raw = memory::read(caller, dimensions.0, dimensions.1 * 4, limit)?;
    let product = raw.chunks_exact(4).try_fold(element.bytes() as u64, |product, dimension| {
        product.checked_mul(u64::from(word(dimension, 0).cast_unsigned()))
    });
    match product == Some(u64::from(bytes.cast_unsigned())) {
        true => Ok(()),
        false => errno(Errno::InvalidArgument, "gave a tensor whose shape is not that of its bytes"),
    }
}

/// Whether a type's number can mean this element. The list grew in its middle: 2 was a byte and is a double, 3 was 32 bits
/// and is a byte.
fn is_of(kind: u8, element: Element) -> bool {
    match kind {
        0 => element == Element::F16,
        1 => element == Element::F32,
        2 => matches!(element, Element::F64 | Element::U8 | Element::I8),
        3 => matches!(element, Element::U8 | Element::I8 | Element::I32),
        4 => element == Element::I32,
        5 => element == Element::I64,
        _ => false,
    }
}

async fn compute(caller: &mut Caller<'_, Host>, context: i32) -> Done {
    model_of(caller, context)?;
    match sessions::run(caller, context.cast_unsigned()).await {
        // An input that was not set, say; the deadline and limits end the guest.
        Err(error) if error.code() == Code::GuestTrap => errno(Errno::RuntimeError, reason(caller, &error)),
        done => Ok(done?),
    }
}

/// An error's text without the guest's name before it, which the next one adds.
fn reason(caller: &Caller<'_, Host>, error: &Error) -> String {
    let name = format!("guest `{}` ", caller.data().call.hosted.name);
    error.message().strip_prefix(&name).unwrap_or(error.message()).to_owned()
}

fn get_output(caller: &mut Caller<'_, Host>, of: (i32, i32), to: (i32, i32), written: i32) -> Done {
    let model = model_of(caller, of.0)?;
    let (context, index) = (of.0.cast_unsigned(), usize::try_from(of.1).unwrap_or(usize::MAX));
    if index >= model.outputs().len() {
        return errno(Errno::InvalidArgument, format!("read output {} of a model of {}", of.1, model.outputs().len()));
    }
    let Some(bytes) = sessions::result(caller, context, index) else {
        return errno(Errno::RuntimeError, "read an output before a run");
    };
    if bytes.len() > to.1.cast_unsigned() as usize {
        let why = format!("gave room for {} bytes of an output of {}", to.1.cast_unsigned(), bytes.len());
        return errno(Errno::TooLarge, why);
    }
    memory::write(caller, to.0, &bytes)?;
    Ok(memory::write_u32(caller, written, u32::try_from(bytes.len()).unwrap_or(u32::MAX))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_of_types_are_read() {
        for (kind, element, same) in [
            (1, Element::F32, true),
            (2, Element::U8, true),
            (3, Element::U8, true),
            (3, Element::I32, true),
            (4, Element::I32, true),
            (1, Element::U8, false),
            (9, Element::F32, false),
        ] {
            assert_eq!(is_of(kind, element), same, "{kind} {element}");
        }
    }
}
