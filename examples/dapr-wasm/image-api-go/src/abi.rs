//! The classic wasm-bindgen ABI of 2021, as a Go host drove it: allocate, call with a return slot, read, free.
//!
//! The host calls `__wbindgen_malloc(len)`, copies the picture there, calls `infer(slot, pointer, len)`, reads
//! `pointer, len` of the answer as two u32 at `slot` (address 8), copies the answer and calls `__wbindgen_free`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::process;

use crate::classify::{self, Failure};

/// Reserves room for an argument. Nothing needs no room, so that a length of 0 is answered with a dangling pointer.
#[unsafe(no_mangle)]
extern "C" fn __wbindgen_malloc(len: usize) -> *mut u8 {
    let layout = bytes(len);
    if len == 0 {
        return std::ptr::dangling_mut();
    }
    // SAFETY: the layout has a size over 0.
    let pointer = unsafe { alloc(layout) };
    if pointer.is_null() {
        handle_alloc_error(layout);
    }
    pointer
}

/// Gives back what `__wbindgen_malloc` or `infer` handed out.
///
/// # Safety
/// `pointer` and `len` are those of one such buffer that was not freed before.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wbindgen_free(pointer: *mut u8, len: usize) {
    if len != 0 {
        // SAFETY: the caller's promise; every buffer of this ABI has the layout `bytes(len)`.
        unsafe { dealloc(pointer, bytes(len)) };
    }
}

/// Classifies a picture. This ABI has no way to say an error: the line goes to stderr, the kind to the exit code.
///
/// # Safety
/// `pointer` and `len` are of a buffer of `__wbindgen_malloc`, which this function takes over; `slot` has room for two u32.
#[unsafe(no_mangle)]
unsafe extern "C" fn infer(slot: *mut [u32; 2], pointer: *mut u8, len: usize) {
    // SAFETY: the caller's promise; a buffer of `__wbindgen_malloc` is that of a `Vec` of just that capacity.
    let picture = unsafe { Vec::from_raw_parts(pointer, len, len) };
    match classify::classify(&picture) {
        // SAFETY: the caller's promise about the slot, which need not be aligned.
        Ok(answer) => unsafe { slot.write_unaligned(hand_out(answer.into_bytes())) },
        Err(failure) => give_up(&failure),
    }
}

/// The host frees the answer with `len` as its size: a boxed slice has no spare capacity.
fn hand_out(answer: Vec<u8>) -> [u32; 2] {
    let answer = Box::leak(answer.into_boxed_slice());
    [answer.as_mut_ptr() as u32, answer.len() as u32]
}

fn give_up(failure: &Failure) -> ! {
    eprintln!("{failure}");
    process::exit(failure.exit_code())
}

fn bytes(len: usize) -> Layout {
    Layout::array::<u8>(len).expect("a length over half of the address space is the host's mistake")
}
