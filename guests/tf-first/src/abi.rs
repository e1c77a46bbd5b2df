//! The classic bytes ABI for a function of two arguments.

use std::alloc::{Layout, alloc, dealloc};

#[unsafe(no_mangle)]
extern "C" fn __wbindgen_malloc(len: usize) -> *mut u8 {
    // SAFETY: the layout has a size over 0.
    unsafe { alloc(layout(len)) }
}

/// # Safety
/// `pointer` and `len` are those of a buffer of this module.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wbindgen_free(pointer: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(pointer, layout(len)) }
}

/// # Safety
/// Both buffers are of `__wbindgen_malloc` and stay whole during the call; the slot has room for two u32.
#[unsafe(no_mangle)]
unsafe extern "C" fn classify(
    slot: *mut [u32; 2],
    model: *const u8,
    model_len: usize,
    picture: *const u8,
    picture_len: usize,
) {
    // SAFETY: the caller's promise.
    let (model, picture) =
        unsafe { (std::slice::from_raw_parts(model, model_len), std::slice::from_raw_parts(picture, picture_len)) };
    let answer = Box::leak(super::classify(model, picture).into_bytes().into_boxed_slice());
    // SAFETY: the caller's promise; the slot need not be aligned.
    unsafe { slot.write_unaligned([answer.as_ptr() as u32, answer.len() as u32]) }
}

fn layout(len: usize) -> Layout {
    Layout::array::<u8>(len.max(1)).expect("less than half of the address space")
}
