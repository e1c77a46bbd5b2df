//! Bindgen, classic: `reverse` bytes → bytes, `count` bytes → i32, `sum` (i64, i64) → i64, `keep` bytes → nothing, `kept` → i32, `trap`.

use std::alloc::{Layout, alloc, dealloc};
use std::sync::atomic::{AtomicU32, Ordering};

/// What `keep` saw last: shows whether memory outlives a call.
static KEPT: AtomicU32 = AtomicU32::new(0);

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

/// The return slot takes pointer and length of the result.
///
/// # Safety
/// As `take`; the slot has room for two u32.
#[unsafe(no_mangle)]
unsafe extern "C" fn reverse(slot: *mut [u32; 2], pointer: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { take(pointer, len) };
    let pointer = __wbindgen_malloc(len);
    // SAFETY: just allocated with room for `len` bytes.
    let result = unsafe { std::slice::from_raw_parts_mut(pointer, len) };
    result.copy_from_slice(&bytes);
    result.reverse();
    // SAFETY: the caller's promise; the slot need not be aligned.
    unsafe { slot.write_unaligned([pointer as u32, len as u32]) }
}

/// # Safety
/// As `take`.
#[unsafe(no_mangle)]
unsafe extern "C" fn count(pointer: *mut u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { take(pointer, len) }.len() as i32
}

/// An i64 travels as two i32, the low half first; the result goes to the return slot.
#[unsafe(no_mangle)]
extern "C" fn sum(slot: usize, a_low: u32, a_high: u32, b_low: u32, b_high: u32) {
    let whole = |low: u32, high: u32| i64::from(low) | (i64::from(high) << 32);
    store_i64(slot, whole(a_low, a_high).wrapping_add(whole(b_low, b_high)));
}

/// # Safety
/// As `take`.
#[unsafe(no_mangle)]
unsafe extern "C" fn keep(pointer: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { take(pointer, len) };
    KEPT.store(bytes.iter().map(|&byte| u32::from(byte)).sum(), Ordering::Relaxed);
}

#[unsafe(no_mangle)]
extern "C" fn kept() -> i32 {
    KEPT.load(Ordering::Relaxed) as i32
}

/// # Safety
/// As `take`.
#[unsafe(no_mangle)]
unsafe extern "C" fn trap(_slot: *mut [u32; 2], pointer: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { take(pointer, len) };
    panic!("trapped on {} bytes as asked", bytes.len());
}

/// # Safety
/// `pointer` is of `__wbindgen_malloc(len)` and is not used again.
unsafe fn take(pointer: *mut u8, len: usize) -> Vec<u8> {
    // SAFETY: the caller's promise; `layout` rounds 0 up, which this copy does not depend on.
    let bytes = unsafe { std::slice::from_raw_parts(pointer, len) }.to_vec();
    // SAFETY: the caller's promise.
    unsafe { __wbindgen_free(pointer, len) };
    bytes
}

/// malloc(0) is called for an empty argument, too.
fn layout(len: usize) -> Layout {
    Layout::array::<u8>(len.max(1)).expect("less than half of the address space")
}

/// The host reads its result at the address 0, below all of Rust's data.
fn store_i64(address: usize, value: i64) {
    // SAFETY: a volatile write may go to memory that is no Rust allocation, address 0 among it; 8 divides 0.
    unsafe { std::ptr::with_exposed_provenance_mut::<i64>(address).write_volatile(value) }
}
