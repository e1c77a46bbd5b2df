//! Memory for the pixels between decoding and scaling, kept by each thread: fresh memory of a picture's size comes from the
//! kernel page by page, which takes longer than scaling it.

use std::cell::Cell;

/// A larger buffer is given back to the system.
const MOST: usize = 4 << 20;

thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

/// Zeroes: a decoder that leaves out a part must not show what an earlier caller had there.
pub(super) fn take(bytes: usize) -> Vec<u8> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer.resize(bytes, 0);
    buffer
}

/// Keeps a buffer for the thread's next picture.
pub(super) fn give(buffer: Vec<u8>) {
    if buffer.capacity() <= MOST {
        BUFFER.set(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_sees_zeroes_in_the_same_memory() {
        let mut buffer = take(1000);
        let address = buffer.as_ptr();
        buffer.fill(7);
        give(buffer);
        let buffer = take(900);
        assert_eq!(buffer.as_ptr(), address);
        assert!(buffer.len() == 900 && buffer.iter().all(|byte| *byte == 0));
        give(Vec::with_capacity(MOST + 1));
        assert_eq!(BUFFER.take().capacity(), 0);
    }
}
