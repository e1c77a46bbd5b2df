//! The inference sessions of one call: what a guest opened, set, ran and read.

use super::compute::{infer, off_thread};
use super::memory;
use crate::call::Call;
use crate::instance::Host;
use crate::limits::key;
use pillion_api::{Code, Error};
use pillion_nn::Model;
use std::sync::Arc;
use wasmtime::Caller;

/// Names longer than this are of no tensor, and of no model.
pub(super) const MAX_NAME: u64 = 1024;
/// Dimensions of a tensor.
pub(super) const MAX_DIMENSIONS: i32 = 16;

/// What one call opened. Handles are indexes from 1, so that a forged one finds nothing.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: Vec<Option<Session>>,
    graphs: Vec<Option<Arc<Model>>>,
    tensors: Vec<Arc<[u8]>>,
    /// Why a host function answered with an errno; explains the trap that follows.
    pub(crate) failure: Option<Error>,
}

struct Session {
    model: Arc<Model>,
    inputs: Vec<(usize, Vec<u8>)>,
    outputs: Option<Vec<Arc<[u8]>>>,
}

impl Sessions {
    /// Bytes of inputs and outputs that the host holds. An output that has several handles counts for each.
    fn held(&self) -> u64 {
        let sessions = || self.sessions.iter().flatten();
        let inputs: usize = sessions().flat_map(|session| &session.inputs).map(|(_, data)| data.len()).sum();
        let outputs: usize =
            sessions().flat_map(|session| session.outputs.iter().flatten()).map(|data| data.len()).sum();
        let handles: usize = self.tensors.iter().map(|data| data.len()).sum();
        (inputs + outputs + handles) as u64
    }
}

pub(super) type Outcome<T> = Result<T, Error>;

pub(super) fn failed(caller: &Caller<'_, Host>, what: impl std::fmt::Display) -> Error {
    Error::new(Code::GuestTrap, format!("guest `{}` {what}", caller.data().call.hosted.name))
}

pub(super) fn of_nn(caller: &Caller<'_, Host>, error: &pillion_nn::Error) -> Error {
    match error {
        pillion_nn::Error::Stopped => caller.data().call.timed_out(),
        error => failed(caller, format!("can't infer: {error}")),
    }
}

pub(super) async fn create(caller: &mut Caller<'_, Host>, pointer: i32, length: i32) -> Outcome<u32> {
    caller.data().call.count_host_call()?;
    let limits = caller.data().call.hosted.limits().clone();
    let bytes = memory::read(caller, pointer, length, limits.host_buffers)?;
    let model = model(caller, bytes).await?;
    open(caller, model)
}

/// A session of a model, bounded by `limits.resources`.
pub(super) fn open(caller: &mut Caller<'_, Host>, model: Arc<Model>) -> Outcome<u32> {
    let most = caller.data().call.hosted.limits().resources;
    let sessions = &mut caller.data_mut().sessions;
    if sessions.sessions.len() >= most {
        return Err(too_many(caller, most, "sessions"));
    }
    sessions.sessions.push(Some(Session { model, inputs: Vec::new(), outputs: None }));
    u32::try_from(sessions.sessions.len()).map_err(|_| Error::new(Code::GuestLimit, "too many sessions"))
}

fn too_many(caller: &Caller<'_, Host>, most: usize, what: &str) -> Error {
    let name = &caller.data().call.hosted.name;
    Error::new(Code::GuestLimit, format!("guest `{name}` opened more than {most} {what}"))
        .limit(key::RESOURCES, most as u64)
}

/// The registry's copy of a model file.
pub(super) async fn packed(call: &Arc<Call>, bytes: Vec<u8>) -> Outcome<Result<Arc<Model>, pillion_nn::Error>> {
    let shared = Arc::clone(&call.hosted.shared);
    off_thread(call, move |_| shared.models.load(&bytes)).await
}

/// A graph of wasi-nn: a model that sessions can be opened of.
pub(super) fn keep_graph(caller: &mut Caller<'_, Host>, model: Arc<Model>) -> Outcome<u32> {
    let most = caller.data().call.hosted.limits().resources;
    let graphs = &mut caller.data_mut().sessions.graphs;
    if graphs.len() >= most {
        return Err(too_many(caller, most, "graphs"));
    }
    graphs.push(Some(model));
    u32::try_from(graphs.len()).map_err(|_| Error::new(Code::GuestLimit, "too many graphs"))
}

pub(super) fn graph(caller: &Caller<'_, Host>, graph: u32) -> Option<Arc<Model>> {
    index(graph).and_then(|index| caller.data().sessions.graphs.get(index)).cloned().flatten()
}

/// Forgets a graph; whether there was one.
pub(super) fn drop_graph(caller: &mut Caller<'_, Host>, graph: u32) -> bool {
    let graphs = &mut caller.data_mut().sessions.graphs;
    index(graph).and_then(|index| graphs.get_mut(index)).and_then(Option::take).is_some()
}

/// The model of a session; none where the guest has no such session.
pub(super) fn model_of(caller: &mut Caller<'_, Host>, session: u32) -> Option<Arc<Model>> {
    session_of(caller, session).ok().map(|session| Arc::clone(&session.model))
}

/// Sets an input by its index, of a session that there is.
pub(super) fn set(caller: &mut Caller<'_, Host>, session: u32, index: usize, data: Vec<u8>) -> Outcome<()> {
    let session = session_of(caller, session)?;
    session.inputs.retain(|(other, _)| *other != index);
    session.inputs.push((index, data));
    Ok(())
}

/// What the last run left in an output.
pub(super) fn result(caller: &mut Caller<'_, Host>, session: u32, index: usize) -> Option<Arc<[u8]>> {
    session_of(caller, session).ok()?.outputs.as_ref()?.get(index).cloned()
}

/// Bytes of inputs that the host may still take over.
pub(super) fn left(caller: &Caller<'_, Host>) -> u64 {
    caller.data().call.hosted.limits().host_buffers.saturating_sub(caller.data().sessions.held())
}

/// The registry's copy of the bytes that were handed over, or the model that they name.
async fn model(caller: &mut Caller<'_, Host>, bytes: Vec<u8>) -> Outcome<Arc<Model>> {
    let call = Arc::clone(&caller.data().call);
    if bytes.get(4..8) == Some(b"TFL3") {
        let loaded = packed(&call, bytes).await?;
        return loaded.map_err(|error| failed(caller, format!("handed over a model that can't be used: {error}")));
    }
    let models = &call.hosted.spec.models;
    let name = std::str::from_utf8(&bytes).ok().filter(|name| name.len() as u64 <= MAX_NAME);
    if let Some(model) = name.and_then(|name| models.get(name.trim_end_matches('\0'))) {
        return Ok(Arc::clone(model));
    }
    let asked = match name {
        Some(name) => {
            format!("asked for the model `{}`, which is not declared", crate::output::printable(name.as_bytes()))
        }
        None => format!("handed over {} bytes that are no TensorFlow Lite model", bytes.len()),
    };
    Err(failed(caller, asked).hint("declare the model under `models:` of the app, and hand over its name"))
}

pub(super) fn delete(caller: &mut Caller<'_, Host>, session: u32) {
    let sessions = &mut caller.data_mut().sessions.sessions;
    if let Some(session) = index(session).and_then(|index| sessions.get_mut(index)) {
        *session = None;
    }
}

pub(super) fn clear(caller: &mut Caller<'_, Host>, session: u32) {
    if let Ok(session) = session_of(caller, session) {
        session.inputs.clear();
    }
}

fn index(handle: u32) -> Option<usize> {
    (handle as usize).checked_sub(1)
}

fn session_of<'a>(caller: &'a mut Caller<'_, Host>, session: u32) -> Outcome<&'a mut Session> {
    let name = Arc::clone(&caller.data().call.hosted.name);
    let sessions = &mut caller.data_mut().sessions.sessions;
    let found = index(session).and_then(|index| sessions.get_mut(index)).and_then(Option::as_mut);
    found.ok_or_else(|| {
        Error::new(Code::GuestTrap, format!("guest `{name}` named an inference session that it has not"))
    })
}

pub(super) fn tensor_bytes(caller: &Caller<'_, Host>, tensor: u32) -> Option<Arc<[u8]>> {
    index(tensor).and_then(|index| caller.data().sessions.tensors.get(index)).cloned()
}

/// A tensor's name may carry an output's index after a colon.
fn tensor_name(caller: &mut Caller<'_, Host>, pointer: i32, length: i32) -> Outcome<String> {
    let bytes = memory::read(caller, pointer, length, MAX_NAME)?;
    let name = String::from_utf8(bytes).map_err(|_| failed(caller, "named a tensor that is no text"))?;
    Ok(name.trim_end_matches('\0').to_owned())
}

pub(super) fn append(caller: &mut Caller<'_, Host>, session: u32, name: (i32, i32), data: (i32, i32)) -> Outcome<()> {
    let name = tensor_name(caller, name.0, name.1)?;
    let left = left(caller);
    let data = memory::read(caller, data.0, data.1, left)?;
    let handle = session;
    let session = session_of(caller, handle)?;
    let inputs = session.model.inputs();
    let by_name = find(&name, |name| session.model.input_index(name));
    // Models are converted and renamed; a model of one input leaves no doubt which is meant.
    let Some(index) = by_name.or((inputs.len() == 1).then_some(0)) else {
        let known: Vec<_> = inputs.iter().map(|input| format!("`{}`", input.name)).collect();
        let what = format!(
            "named an input `{}` that the model has not; it has {}",
            crate::output::printable(name.as_bytes()),
            known.join(", ")
        );
        return Err(failed(caller, what));
    };
    set(caller, handle, index, data)
}

fn find(name: &str, index_of: impl Fn(&str) -> Option<usize>) -> Option<usize> {
    index_of(name).or_else(|| name.rsplit_once(':').and_then(|(name, _)| index_of(name)))
}

/// Shape times width must be what was handed over; the engine checks the rest.
pub(super) fn check_dimensions(
    caller: &mut Caller<'_, Host>,
    dims: i32,
    count: i32,
    dtype: i32,
    bytes: i32,
) -> Outcome<()> {
    if !(0..=MAX_DIMENSIONS).contains(&count) {
        return Err(failed(caller, format!("gave a tensor of {count} dimensions")));
    }
    let raw = memory::read(caller, dims, count * 8, 8 * MAX_DIMENSIONS.cast_unsigned() as u64)?;
    let width = match dtype {
        4 | 6 | 10 => 1,
        5 | 17 => 2,
        1 | 3 | 22 => 4,
        2 | 9 | 23 => 8,
        other => return Err(failed(caller, format!("gave a tensor of an unknown type {other}"))),
    };
    let product = raw.chunks_exact(8).try_fold(width as u64, |product, dimension| {
        let dimension = i64::from_le_bytes(*dimension.first_chunk()?);
        product.checked_mul(u64::try_from(dimension).ok()?)
    });
    if product == Some(u64::from(bytes.cast_unsigned())) {
        return Ok(());
    }
    Err(failed(caller, format!("gave a tensor whose shape is not that of its {} bytes", bytes.cast_unsigned())))
}

/// Refuses what would go over the bound on what the host holds for a call.
fn room_for(caller: &Caller<'_, Host>, bytes: usize) -> Outcome<()> {
    let limit = caller.data().call.hosted.limits().host_buffers;
    if caller.data().sessions.held().saturating_add(bytes as u64) <= limit {
        return Ok(());
    }
    let name = &caller.data().call.hosted.name;
    Err(Error::new(Code::GuestLimit, format!("guest `{name}` had the host hold more than {limit} bytes of tensors"))
        .hint(format!("raise `{}` of the guest if that much is meant", key::HOST_BUFFERS))
        .limit(key::HOST_BUFFERS, limit))
}

pub(super) async fn run(caller: &mut Caller<'_, Host>, session: u32) -> Outcome<()> {
    caller.data().call.count_host_call()?;
    let call = Arc::clone(&caller.data().call);
    let session_ref = session_of(caller, session)?;
    session_ref.outputs = None;
    let model = Arc::clone(&session_ref.model);
    room_for(caller, model.outputs().iter().map(|output| output.bytes).sum())?;
    // Lent, not copied: a picture's tensor is large. They come back below, for the guest may run the session again.
    let inputs = std::mem::take(&mut session_of(caller, session)?.inputs);
    let (outputs, inputs) = infer(&call, model, inputs).await?;
    session_of(caller, session)?.inputs = inputs;
    let outputs = outputs.map_err(|error| of_nn(caller, &error))?;
    session_of(caller, session)?.outputs = Some(outputs);
    Ok(())
}

/// A handle of an output; 0 where there is none of that name, which the crates read as an empty tensor.
pub(super) fn output(caller: &mut Caller<'_, Host>, session: u32, name: i32, length: i32) -> Outcome<u32> {
    let name = tensor_name(caller, name, length)?;
    let most = caller.data().call.hosted.limits().resources;
    let session = session_of(caller, session)?;
    let by_name = find(&name, |name| session.model.output_index(name));
    let only = (session.model.outputs().len() == 1).then_some(0);
    let bytes = by_name.or(only).and_then(|index| session.outputs.as_ref()?.get(index).cloned());
    let Some(bytes) = bytes else { return Ok(0) };
    room_for(caller, bytes.len())?;
    let tensors = &mut caller.data_mut().sessions.tensors;
    if tensors.len() >= most {
        let error = failed(caller, format!("opened more than {most} tensors"));
        return Err(error.limit(key::RESOURCES, most as u64));
    }
    tensors.push(bytes);
    Ok(u32::try_from(tensors.len()).unwrap_or(0))
}

pub(super) fn copy_out(
    caller: &mut Caller<'_, Host>,
    tensor: u32,
    buffer: i32,
    room: u32,
    written: i32,
) -> Outcome<()> {
    let bytes = tensor_bytes(caller, tensor).unwrap_or_else(|| Arc::from([]));
    let length = bytes.len().min(room as usize);
    memory::write(caller, buffer, &bytes[..length])?;
    memory::write_u32(caller, written, u32::try_from(length).unwrap_or(0))
}
