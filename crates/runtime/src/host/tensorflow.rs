//! `wasmedge_tensorflow` and `wasmedge_tensorflowlite`: sessions over the shared model registry.
//!
//! The model argument is the bytes of a TensorFlow Lite file, or the name of a model under `models:`. The first generation
//! (crate 0.2) ignores return codes, so a failure there ends the guest at once; the second (0.3) gets an errno, and its
//! crate traps on it: the trap is reported by its cause.

use super::memory;
use super::sessions::{append, check_dimensions, clear, copy_out, create, delete, failed, output, run, tensor_bytes};
use crate::instance::Host;
use pillion_api::Error;
use wasmtime::{Caller, Linker};

/// The errno of the second generation for anything that went wrong.
const INVALID_ARGUMENT: i32 = 1;
const SUCCESS: i32 = 0;

/// Defines both modules in both generations; their function names are disjoint.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    for module in ["wasmedge_tensorflow", "wasmedge_tensorflowlite"] {
        first(linker, module)?;
        second(linker, module)?;
    }
    first_full(linker)?;
    second_full(linker)
}

/// `module_function` names, i64 handles.
fn first(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    let name = |function: &str| format!("{module}_{function}");
    linker.func_wrap_async(
        module,
        &name("create_session"),
        |mut caller: Caller<'_, Host>, (model, length): (i32, i32)| {
            Box::new(async move { Ok(i64::from(create(&mut caller, model, length).await?)) })
        },
    )?;
    linker.func_wrap(module, &name("delete_session"), |mut caller: Caller<'_, Host>, session: i64| {
        delete(&mut caller, handle(session));
    })?;
    linker.func_wrap_async(module, &name("run_session"), |mut caller: Caller<'_, Host>, (session,): (i64,)| {
        Box::new(async move { run(&mut caller, handle(session)).await.map(|()| SUCCESS).map_err(Into::into) })
    })?;
    linker.func_wrap(module, &name("get_tensor_len"), |caller: Caller<'_, Host>, tensor: i64| {
        tensor_bytes(&caller, handle(tensor)).map_or(0, |bytes| i32::try_from(bytes.len()).unwrap_or(0))
    })?;
    linker.func_wrap(
        module,
        &name("get_tensor_data"),
        |mut caller: Caller<'_, Host>, tensor: i64, buffer: i32| -> wasmtime::Result<()> {
            match tensor_bytes(&caller, handle(tensor)) {
                Some(bytes) => Ok(memory::write(&mut caller, buffer, &bytes)?),
                None => Ok(()),
            }
        },
    )?;
    if module == "wasmedge_tensorflow" {
        return Ok(());
    }
    linker.func_wrap(
        module,
        &name("get_output_tensor"),
        |mut caller: Caller<'_, Host>, session: i64, name: i32, length: i32| -> wasmtime::Result<i64> {
            Ok(output(&mut caller, handle(session), name, length)?.into())
        },
    )?;
    linker.func_wrap(
        module,
        &name("append_input"),
        |mut caller: Caller<'_, Host>,
         session: i64,
         name: i32,
         length: i32,
         data: i32,
         bytes: i32|
         -> wasmtime::Result<()> { Ok(append(&mut caller, handle(session), (name, length), (data, bytes))?) },
    )?;
    Ok(())
}

/// What only the module of full TensorFlow has, or has with more parameters.
fn first_full(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let module = "wasmedge_tensorflow";
    linker.func_wrap(
        module,
        "wasmedge_tensorflow_get_output_tensor",
        |mut caller: Caller<'_, Host>, session: i64, name: i32, length: i32, _index: i32| -> wasmtime::Result<i64> {
            Ok(output(&mut caller, handle(session), name, length)?.into())
        },
    )?;
    #[allow(clippy::too_many_arguments)]
    let append_input = |mut caller: Caller<'_, Host>,
                        session: i64,
                        name: i32,
                        length: i32,
                        _index: i32,
                        dims: i32,
                        count: i32,
                        dtype: i32,
                        data: i32,
                        bytes: i32|
     -> wasmtime::Result<()> {
        check_dimensions(&mut caller, dims, count, dtype, bytes)?;
        Ok(append(&mut caller, handle(session), (name, length), (data, bytes))?)
    };
    linker.func_wrap(module, "wasmedge_tensorflow_append_input", append_input)?;
    linker.func_wrap(
        module,
        "wasmedge_tensorflow_append_output",
        |_: Caller<'_, Host>, _session: i64, _name: i32, _length: i32, _index: i32| {},
    )?;
    linker.func_wrap(module, "wasmedge_tensorflow_clear_input", |mut caller: Caller<'_, Host>, session: i64| {
        clear(&mut caller, handle(session));
    })?;
    linker.func_wrap(module, "wasmedge_tensorflow_clear_output", |_: Caller<'_, Host>, _session: i64| {})?;
    Ok(())
}

/// Plain names, i32 handles, an errno, the result through a pointer.
fn second(linker: &mut Linker<Host>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        module,
        "create_session",
        |mut caller: Caller<'_, Host>, (model, length, out): (i32, i32, i32)| {
            Box::new(async move {
                let created = create(&mut caller, model, length).await;
                let stored = created.and_then(|session| memory::write_u32(&mut caller, out, session));
                Ok(errno(&mut caller, stored))
            })
        },
    )?;
    linker.func_wrap(module, "delete_session", |mut caller: Caller<'_, Host>, session: i32| {
        delete(&mut caller, session.cast_unsigned());
        SUCCESS
    })?;
    linker.func_wrap_async(module, "run_session", |mut caller: Caller<'_, Host>, (session,): (i32,)| {
        Box::new(async move {
            let outcome = run(&mut caller, session.cast_unsigned()).await;
            Ok(errno(&mut caller, outcome))
        })
    })?;
    linker.func_wrap(
        module,
        "get_output_tensor",
        |mut caller: Caller<'_, Host>, session: i32, name: i32, length: i32, out: i32| {
            let found = output(&mut caller, session.cast_unsigned(), name, length);
            let stored = found.and_then(|tensor| memory::write_u32(&mut caller, out, tensor));
            errno(&mut caller, stored)
        },
    )?;
    linker.func_wrap(
        module,
        "get_tensor_len",
        |mut caller: Caller<'_, Host>, _session: i32, tensor: i32, out: i32| {
            let length = tensor_bytes(&caller, tensor.cast_unsigned()).map_or(0, |bytes| bytes.len());
            let stored = memory::write_u32(&mut caller, out, u32::try_from(length).unwrap_or(0));
            errno(&mut caller, stored)
        },
    )?;
    linker.func_wrap(
        module,
        "get_tensor_data",
        |mut caller: Caller<'_, Host>, _session: i32, tensor: i32, buffer: i32, room: i32, written: i32| {
            let copied = copy_out(&mut caller, tensor.cast_unsigned(), buffer, room.cast_unsigned(), written);
            errno(&mut caller, copied)
        },
    )?;
    if module == "wasmedge_tensorflow" {
        return Ok(());
    }
    linker.func_wrap(
        module,
        "append_input",
        |mut caller: Caller<'_, Host>, session: i32, name: i32, length: i32, data: i32, bytes: i32| {
            let appended = append(&mut caller, session.cast_unsigned(), (name, length), (data, bytes));
            errno(&mut caller, appended)
        },
    )?;
    Ok(())
}

fn second_full(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let module = "wasmedge_tensorflow";
    linker.func_wrap(
        module,
        "create_session_saved_model",
        |mut caller: Caller<'_, Host>, _path: i32, _path_len: i32, _tags: i32, _tags_count: i32, _out: i32| {
            let error = failed(&caller, "asked for a saved model of TensorFlow, which is not supported")
                .hint("convert it to TensorFlow Lite and declare it under `models:`");
            errno(&mut caller, Err(error))
        },
    )?;
    #[allow(clippy::too_many_arguments)]
    let append_input = |mut caller: Caller<'_, Host>,
                        session: i32,
                        name: i32,
                        length: i32,
                        dims: i32,
                        count: i32,
                        dtype: i32,
                        data: i32,
                        bytes: i32| {
        let checked = check_dimensions(&mut caller, dims, count, dtype, bytes);
        let appended =
            checked.and_then(|()| append(&mut caller, session.cast_unsigned(), (name, length), (data, bytes)));
        errno(&mut caller, appended)
    };
    linker.func_wrap(module, "append_input", append_input)?;
    linker
        .func_wrap(module, "append_output", |_: Caller<'_, Host>, _session: i32, _name: i32, _length: i32| SUCCESS)?;
    linker.func_wrap(module, "clear_input", |mut caller: Caller<'_, Host>, session: i32| {
        clear(&mut caller, session.cast_unsigned());
        SUCCESS
    })?;
    linker.func_wrap(module, "clear_output", |_: Caller<'_, Host>, _session: i32| SUCCESS)?;
    Ok(())
}

/// Old handles are 64-bit values; one that is no index finds nothing.
fn handle(handle: i64) -> u32 {
    u32::try_from(handle).unwrap_or(0)
}

fn errno(caller: &mut Caller<'_, Host>, outcome: Result<(), Error>) -> i32 {
    let Err(error) = outcome else { return SUCCESS };
    // The first failure explains those that follow from it; a guest that goes on all the same fills no log.
    if caller.data().sessions.failure.is_none() {
        let (app, guest, request_id) = caller.data().call.names();
        tracing::warn!(app, guest, request_id, hint = error.help(), "inference: {error}");
    }
    caller.data_mut().sessions.failure = Some(error);
    INVALID_ARGUMENT
}
