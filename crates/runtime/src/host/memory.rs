//! Reading and writing a guest's memory at the addresses that it names, every one checked.

use crate::instance::Host;
use pillion_api::{Code, Error};
use wasmtime::{Caller, Memory};

/// The memory of the guest that calls.
///
/// # Errors
/// Where it exports none.
pub(crate) fn of(caller: &mut Caller<'_, Host>) -> Result<Memory, Error> {
    let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    memory.ok_or_else(|| Error::new(Code::GuestTrap, "the guest exports no memory"))
}

/// A copy of bytes of the guest, at most `limit`.
pub(crate) fn read(caller: &mut Caller<'_, Host>, pointer: i32, length: i32, limit: u64) -> Result<Vec<u8>, Error> {
    let (pointer, length) = (pointer.cast_unsigned() as usize, length.cast_unsigned() as usize);
    if length as u64 > limit {
        let what = format!("guest `{}` handed over {length} bytes at once", caller.data().call.hosted.name);
        return Err(Error::new(Code::GuestLimit, what).limit(crate::limits::key::HOST_BUFFERS, limit));
    }
    let memory = of(caller)?;
    let data = memory.data(&*caller);
    let bytes = pointer.checked_add(length).and_then(|end| data.get(pointer..end)).map(<[u8]>::to_vec);
    bytes.ok_or_else(|| bad_pointer(caller, pointer, length))
}

/// Writes bytes to where the guest wants them.
pub(crate) fn write(caller: &mut Caller<'_, Host>, pointer: i32, bytes: &[u8]) -> Result<(), Error> {
    let pointer = pointer.cast_unsigned() as usize;
    let memory = of(caller)?;
    memory.write(&mut *caller, pointer, bytes).map_err(|_| bad_pointer(caller, pointer, bytes.len()))
}

/// Writes a number of four bytes.
pub(crate) fn write_u32(caller: &mut Caller<'_, Host>, pointer: i32, value: u32) -> Result<(), Error> {
    write(caller, pointer, &value.to_le_bytes())
}

fn bad_pointer(caller: &Caller<'_, Host>, pointer: usize, length: usize) -> Error {
    let name = &caller.data().call.hosted.name;
    Error::new(
        Code::GuestTrap,
        format!("guest `{name}` gave a pointer outside of its memory: {length} bytes at {pointer:#x}"),
    )
}
