//! Old modules whose functions take bytes and give bytes: the ABI of `rustwasmc` (classic wasm-bindgen), the newer forms of
//! wasm-bindgen, and `wasmedge-bindgen`. Nothing that a guest returns as a pointer is believed.
//!
//! A function of one argument gets the request's body. One of two arguments gets the name of the only model under
//! `models:` first, then the body. The first result is the response.

use super::respond;
use crate::call::Call;
use crate::inspect::invalid;
use crate::instance::{self, Host, in_time};
use crate::output::{Lines, Stream, response_over};
use crate::{Inspection, trap};
use bytes::Bytes;
use http::Response;
use pillion_api::{Body, Code, Error};
use std::pin::pin;
use std::sync::Arc;
use wasmtime::{Func, Instance, InstancePre, Memory, Store, Val};

/// Where a classic host has the guest put pointer and length of its result: scratch in low memory, below all data.
const CLASSIC_SLOT: u32 = 8;
/// Room on the guest's stack for the newer form.
const STACK_SLOT: i32 = -16;
/// Values that a `wasmedge-bindgen` function may return.
const MAX_VALUES: u32 = 64;

/// Linked code and the way to call it.
pub(crate) struct BindgenPre {
    pre: InstancePre<Host>,
    call: String,
    abi: Abi,
    initialize: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Abi {
    Classic { shape: Shape, align: bool, stack: bool },
    Wasmedge,
}

/// How a classic function takes arguments and gives its result, which only its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    arguments: usize,
    result: Return,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    Nothing,
    Number,
    /// Through a slot whose address is the first parameter.
    Slot,
    /// As two results: pointer and length.
    Pair,
}

/// Exports that can be called with bytes.
pub(crate) fn candidates(inspection: &Inspection) -> Vec<String> {
    let names = inspection.exports.iter().filter(|export| {
        let internal = export.name.starts_with("__")
            || ["_initialize", "_start", "allocate", "deallocate"].contains(&&*export.name);
        !internal && abi_of(inspection, &export.signature).is_some()
    });
    names.map(|export| export.name.clone()).collect()
}

fn abi_of(inspection: &Inspection, signature: &str) -> Option<Abi> {
    if inspection.exports("allocate") && inspection.exports("deallocate") {
        return (signature == "(i32, i32) -> i32").then_some(Abi::Wasmedge);
    }
    let align = match inspection.signature("__wbindgen_malloc")? {
        "(i32) -> i32" => false,
        "(i32, i32) -> i32" => true,
        _ => return None,
    };
    let stack = inspection.signature("__wbindgen_add_to_stack_pointer") == Some("(i32) -> i32");
    let (arguments, result) = match signature {
        "(i32, i32)" => (1, Return::Nothing),
        "(i32, i32) -> i32" => (1, Return::Number),
        "(i32, i32) -> (i32, i32)" => (1, Return::Pair),
        "(i32, i32, i32)" => (1, Return::Slot),
        "(i32, i32, i32, i32) -> (i32, i32)" => (2, Return::Pair),
        "(i32, i32, i32, i32, i32)" => (2, Return::Slot),
        _ => return None,
    };
    Some(Abi::Classic { shape: Shape { arguments, result }, align, stack })
}

impl BindgenPre {
    /// # Errors
    /// [`Code::GuestInvalid`] where the export can't be called with bytes.
    pub(crate) fn new(pre: InstancePre<Host>, inspection: &Inspection, call: &str) -> Result<Self, Error> {
        let signature = inspection.signature(call).unwrap_or_default();
        let abi = abi_of(inspection, signature)
            .ok_or_else(|| invalid(format!("exports `{call}` as `{signature}`, which takes no bytes")))?;
        if !inspection.exports("memory") {
            return Err(invalid("exports no memory, so no bytes can be handed over"));
        }
        Ok(Self { pre, call: call.into(), abi, initialize: inspection.exports("_initialize") })
    }

    pub(crate) fn instance_pre(&self) -> &InstancePre<Host> {
        &self.pre
    }
}

/// One request.
pub(crate) async fn call(call: &Arc<Call>, pre: &BindgenPre, body: Bytes) -> Result<Response<Body>, Error> {
    let stdout = Stream::new(Lines::new(call, "stdout"));
    let stderr = Stream::new(Lines::new(call, "stderr"));
    let mut wasi = instance::wasi(call, &stderr).map_err(|error| super::command::preopen_failed(call, &error))?;
    let mut store = instance::store(call, wasi.stdout(stdout).build_p1());
    let outcome = in_time(call, pin!(run(&mut store, pre, &body))).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = stderr.sink().finish();
    match outcome {
        Ok(answer) => Ok(respond(answer)),
        // What a host module had refused is the better explanation of the trap that followed.
        Err(error) => match store.data_mut().sessions.failure.take() {
            Some(cause) if error.is::<wasmtime::Trap>() => Err(cause),
            _ => Err(trap::error(call, store.data(), &error, &last_line)),
        },
    }
}

async fn run(store: &mut Store<Host>, pre: &BindgenPre, body: &[u8]) -> wasmtime::Result<Bytes> {
    let instance = pre.pre.instantiate_async(&mut *store).await?;
    let mut guest = Running::new(store, instance)?;
    if pre.initialize {
        guest.function("_initialize")?.call_async(&mut *guest.store, &[], &mut []).await?;
    }
    let model = guest.only_model();
    match pre.abi {
        Abi::Classic { shape, align, stack } => {
            let arguments = match (shape.arguments, &model) {
                (2, Some(model)) => vec![model.as_bytes(), body],
                (2, None) => return Err(guest.wants_model(&pre.call).into()),
                _ => vec![body],
            };
            guest.classic(&pre.call, shape.result, Allocator { align, stack }, &arguments).await
        }
        Abi::Wasmedge => guest.wasmedge(&pre.call, body, model.as_deref()).await,
    }
}

struct Allocator {
    align: bool,
    stack: bool,
}

/// An instance with its memory.
struct Running<'a> {
    store: &'a mut Store<Host>,
    instance: Instance,
    memory: Memory,
}

impl<'a> Running<'a> {
    fn new(store: &'a mut Store<Host>, instance: Instance) -> wasmtime::Result<Self> {
        let memory = instance.get_memory(&mut *store, "memory").ok_or_else(|| wasmtime::format_err!("no memory"))?;
        Ok(Self { store, instance, memory })
    }

    fn function(&mut self, name: &str) -> wasmtime::Result<Func> {
        self.instance.get_func(&mut *self.store, name).ok_or_else(|| wasmtime::format_err!("no function `{name}`"))
    }

    fn only_model(&self) -> Option<String> {
        let models = &self.store.data().call.hosted.spec.models;
        if models.len() == 1 { models.keys().next().cloned() } else { None }
    }

    fn wants_model(&self, call: &str) -> Error {
        let name = &self.store.data().call.hosted.name;
        Error::new(Code::GuestTrap, format!("`{call}` of guest `{name}` takes two arguments: a model and the body"))
            .hint("declare exactly one model under `models:`")
    }

    /// Calls a function whose results are all i32.
    async fn call<const N: usize>(&mut self, name: &str, arguments: &[i32]) -> wasmtime::Result<[u32; N]> {
        let function = self.function(name)?;
        let arguments: Vec<Val> = arguments.iter().map(|value| Val::I32(*value)).collect();
        let mut results = [const { Val::I32(0) }; N];
        function.call_async(&mut *self.store, &arguments, &mut results).await?;
        Ok(results.map(|value| value.i32().unwrap_or(0).cast_unsigned()))
    }

    fn write(&mut self, pointer: u32, bytes: &[u8]) -> wasmtime::Result<()> {
        self.memory.write(&mut *self.store, pointer as usize, bytes).map_err(|_| self.bad_pointer(pointer, bytes.len()))
    }

    fn read<const N: usize>(&self, pointer: u32) -> wasmtime::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.memory.read(&*self.store, pointer as usize, &mut bytes).map_err(|_| self.bad_pointer(pointer, N))?;
        Ok(bytes)
    }

    fn bytes(&self, pointer: u32, length: u32) -> wasmtime::Result<Bytes> {
        let hosted = &self.store.data().call.hosted;
        let limit = hosted.limits().response;
        if u64::from(length) > limit {
            return Err(response_over(&hosted.name, limit).into());
        }
        let data = self.memory.data(&*self.store);
        let end = (pointer as usize).checked_add(length as usize);
        let bytes = end.and_then(|end| data.get(pointer as usize..end));
        bytes.map(Bytes::copy_from_slice).ok_or_else(|| self.bad_pointer(pointer, length as usize))
    }

    fn bad_pointer(&self, pointer: u32, length: usize) -> wasmtime::Error {
        let name = &self.store.data().call.hosted.name;
        let what = format!("guest `{name}` gave a pointer outside of its memory: {length} bytes at {pointer:#x}");
        Error::new(Code::GuestTrap, what).into()
    }

    async fn classic(
        &mut self,
        call: &str,
        result: Return,
        allocator: Allocator,
        arguments: &[&[u8]],
    ) -> wasmtime::Result<Bytes> {
        let mut flat = Vec::with_capacity(5);
        let slot = match allocator.stack {
            true => self.call::<1>("__wbindgen_add_to_stack_pointer", &[STACK_SLOT]).await?[0],
            false => CLASSIC_SLOT,
        };
        if result == Return::Slot {
            flat.push(slot.cast_signed());
        }
        for argument in arguments {
            let length = i32::try_from(argument.len())?;
            let sizes: &[i32] = if allocator.align { &[length, 1] } else { &[length] };
            let [pointer] = self.call("__wbindgen_malloc", sizes).await?;
            self.write(pointer, argument)?;
            flat.extend([pointer.cast_signed(), length]);
        }
        match result {
            Return::Nothing => self.call::<0>(call, &flat).await.map(|_| Bytes::new()),
            Return::Number => self.call::<1>(call, &flat).await.map(|[n]| n.cast_signed().to_string().into()),
            Return::Pair => {
                let [pointer, length] = self.call(call, &flat).await?;
                self.bytes(pointer, length)
            }
            Return::Slot => {
                self.call::<0>(call, &flat).await?;
                let [pointer, length] = words(&self.read::<8>(slot)?);
                self.bytes(pointer, length)
            }
        }
    }

    async fn wasmedge(&mut self, call: &str, body: &[u8], model: Option<&str>) -> wasmtime::Result<Bytes> {
        let outcome = self.wasmedge_call(call, &[body]).await?;
        match (outcome, model) {
            (Ok(bytes), _) => Ok(bytes),
            // The number of arguments isn't in the type; the guest itself says it.
            (Err(text), Some(model)) if text.starts_with("Invalid params count, expect 2") => {
                let outcome = self.wasmedge_call(call, &[model.as_bytes(), body]).await?;
                outcome.map_err(|text| unprocessable(&text))
            }
            (Err(text), None) if text.starts_with("Invalid params count, expect 2") => {
                Err(self.wants_model(call).into())
            }
            (Err(text), _) => Err(unprocessable(&text)),
        }
    }

    async fn wasmedge_call(&mut self, call: &str, arguments: &[&[u8]]) -> wasmtime::Result<Result<Bytes, String>> {
        let count = i32::try_from(arguments.len())?;
        let [table] = self.call("allocate", &[count * 8]).await?;
        for (index, argument) in (0u32..).zip(arguments) {
            let at = table.wrapping_add(index * 8);
            let length = u32::try_from(argument.len())?;
            let [pointer] = self.call("allocate", &[length.cast_signed()]).await?;
            self.write(pointer, argument)?;
            let entry = [pointer.to_le_bytes(), length.to_le_bytes()].concat();
            self.write(at, &entry)?;
        }
        let [result] = self.call(call, &[table.cast_signed(), count]).await?;
        let [status, rest @ ..] = self.read::<9>(result)?;
        let [pointer, size] = words(&rest);
        if status != 0 {
            let text = self.bytes(pointer, size)?;
            return Ok(Err(String::from_utf8_lossy(&text).into_owned()));
        }
        if size > MAX_VALUES {
            return Err(self.bad_pointer(pointer, size as usize));
        }
        if size == 0 {
            return Ok(Ok(Bytes::new()));
        }
        let value = self.read::<12>(pointer)?;
        let [at, length] = [0, 8].map(|offset| word(&value[offset..]));
        let bytes = self.bytes(at, length)?;
        Ok(Ok(as_text(word(&value[4..]), bytes)))
    }
}

fn unprocessable(text: &str) -> wasmtime::Error {
    Error::new(Code::UnprocessableData, crate::output::error_text(text)).into()
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn words(bytes: &[u8; 8]) -> [u32; 2] {
    [word(&bytes[..4]), word(&bytes[4..])]
}

/// Text and bytes go out as they are, a single number as text. The codes are those of `wasmedge-bindgen`.
fn as_text(code: u32, bytes: Bytes) -> Bytes {
    let mut wide = [0; 8];
    let length = bytes.len().min(8);
    wide[..length].copy_from_slice(&bytes[..length]);
    let unsigned = u64::from_le_bytes(wide);
    let unused = 64 - 8 * u32::try_from(length).unwrap_or(8);
    let signed = unsigned.checked_shl(unused).unwrap_or(0).cast_signed().checked_shr(unused).unwrap_or(0);
    let text = match code {
        1 | 3 | 5 | 7 => unsigned.to_string(),
        2 | 4 | 6 | 8 => signed.to_string(),
        9 => f32::from_bits(word(&wide)).to_string(),
        10 => f64::from_bits(unsigned).to_string(),
        11 => (unsigned != 0).to_string(),
        12 => char::from_u32(word(&wide)).map(String::from).unwrap_or_default(),
        _ => return bytes,
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_export_tells_how_to_call_it() {
        let wat = r#"(module (memory (export "memory") 1)
            (func (export "__wbindgen_malloc") (param i32) (result i32) i32.const 0)
            (func (export "__wbindgen_free") (param i32 i32))
            (func (export "reverse") (param i32 i32 i32))
            (func (export "count") (param i32 i32) (result i32) i32.const 0)
            (func (export "other") (param f32)))"#;
        let inspection = crate::inspect(wat.as_bytes()).expect("a module");
        assert_eq!(inspection.calls, ["reverse", "count"]);
        let abi = |result| Abi::Classic { shape: Shape { arguments: 1, result }, align: false, stack: false };
        assert_eq!(abi_of(&inspection, "(i32, i32, i32)"), Some(abi(Return::Slot)));
        assert_eq!(abi_of(&inspection, "(i32, i32) -> i32"), Some(abi(Return::Number)));
    }

    #[test]
    fn numbers_are_read_by_their_code() {
        for (code, bytes, text) in [
            (1, &[200u8][..], "200"),
            (2, &[200], "-56"),
            (5, &[7, 0, 0, 0], "7"),
            (8, &[0xff; 8], "-1"),
            (9, &[0, 0, 0xc0, 0x3f], "1.5"),
            (11, &[1], "true"),
            (12, &[b'x', 0, 0, 0], "x"),
            (31, b"text", "text"),
            (2, &[], "0"),
        ] {
            assert_eq!(as_text(code, Bytes::copy_from_slice(bytes)), text, "{code} {bytes:?}");
        }
    }
}
