//! The functions of wasi:nn by their names.

use super::{
    Encoding, ErrorCode, Execution, Failed, Failure, Graph, Kind, Target, Tensor, compute, load, load_by_name,
};
use crate::host::interfaces::asking::call_of;
use crate::instance::Host;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

type Store<'a> = StoreContextMut<'a, Host>;
type Instance<'a> = LinkerInstance<'a, Host>;
type Told<T> = wasmtime::Result<(Result<T, Resource<Failure>>,)>;

/// A value as it is, a failure as a handle.
fn told<T>(store: &mut Store<'_>, outcome: Result<T, Failed>) -> Told<T> {
    match outcome {
        Ok(value) => Ok((Ok(value),)),
        Err(Failed::Ends(error)) => Err(error.into()),
        Err(Failed::Told(failure)) => Ok((Err(store.data_mut().table().push(failure)?),)),
    }
}

fn resource<T: Send + 'static>(instance: &mut Instance<'_>, name: &str) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |mut store, handle| {
        store.data_mut().table().delete(Resource::<T>::new_own(handle))?;
        Ok(())
    })
}

/// `tensor`.
pub(in super::super) fn tensor(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Tensor>(instance, "tensor")?;
    instance.func_wrap(
        "[constructor]tensor",
        |mut store: Store<'_>, (dimensions, kind, data): (Vec<u32>, Kind, Vec<u8>)| {
            let tensor = Tensor::new(&call_of(&mut store)?, dimensions, kind, data)?;
            Ok((store.data_mut().table().push(tensor)?,))
        },
    )?;
    instance.func_wrap("[method]tensor.dimensions", |mut store: Store<'_>, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data_mut().table().get(&tensor)?.dimensions.clone(),))
    })?;
    instance.func_wrap("[method]tensor.ty", |mut store: Store<'_>, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data_mut().table().get(&tensor)?.kind,))
    })?;
    instance.func_wrap("[method]tensor.data", |mut store: Store<'_>, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data_mut().table().get(&tensor)?.data.clone(),))
    })
}

/// `graph`.
pub(in super::super) fn graph(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Graph>(instance, "graph")?;
    instance.func_wrap_async(
        "load",
        |mut store: Store<'_>, (parts, encoding, _target): (Vec<Vec<u8>>, Encoding, Target)| {
            Box::new(async move {
                let call = call_of(&mut store)?;
                call.count_host_call()?;
                let loaded = load(&call, parts, encoding).await;
                hand_out(&mut store, loaded)
            })
        },
    )?;
    instance.func_wrap("load-by-name", |mut store: Store<'_>, (name,): (String,)| {
        let call = call_of(&mut store)?;
        call.count_host_call()?;
        let loaded = load_by_name(&call, &name);
        hand_out(&mut store, loaded)
    })?;
    instance.func_wrap("[method]graph.init-execution-context", |mut store: Store<'_>, (graph,): (Resource<Graph>,)| {
        let execution = Execution(store.data_mut().table().get(&graph)?.0.clone());
        hand_out(&mut store, Ok(execution))
    })
}

fn hand_out<T: Send + 'static>(store: &mut Store<'_>, made: Result<T, Failed>) -> Told<Resource<T>> {
    match made {
        Ok(made) => Ok((Ok(store.data_mut().table().push(made)?),)),
        Err(failed) => told(store, Err(failed)),
    }
}

/// `inference`.
pub(in super::super) fn inference(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Named = Vec<(String, Resource<Tensor>)>;
    resource::<Execution>(instance, "graph-execution-context")?;
    instance.func_wrap_async(
        "[method]graph-execution-context.compute",
        |mut store: Store<'_>, (execution, inputs): (Resource<Execution>, Named)| {
            Box::new(async move {
                let call = call_of(&mut store)?;
                call.count_host_call()?;
                let model = store.data_mut().table().get(&execution)?.0.clone();
                let mut tensors = Vec::with_capacity(inputs.len());
                for (name, tensor) in inputs {
                    tensors.push((name, store.data_mut().table().delete(tensor)?));
                }
                let outputs = match compute(&call, model, tensors).await {
                    Ok(outputs) => outputs,
                    Err(failed) => return told(&mut store, Err(failed)),
                };
                let mut handles: Named = Vec::with_capacity(outputs.len());
                for (name, tensor) in outputs {
                    handles.push((name, store.data_mut().table().push(tensor)?));
                }
                told(&mut store, Ok(handles))
            })
        },
    )
}

/// `errors`.
pub(in super::super) fn errors(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Failure>(instance, "error")?;
    instance.func_wrap("[method]error.code", |mut store: Store<'_>, (error,): (Resource<Failure>,)| {
        let code: ErrorCode = store.data_mut().table().get(&error)?.code;
        Ok((code,))
    })?;
    instance.func_wrap("[method]error.data", |mut store: Store<'_>, (error,): (Resource<Failure>,)| {
        Ok((store.data_mut().table().get(&error)?.why.clone(),))
    })
}
