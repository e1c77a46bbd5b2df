//! Memory that begins at a cache line, so that vector loads never straddle two.

use crate::arena::ALIGNMENT;

/// Elements of which the first lies at a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    values: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(crate) fn zeroed(len: usize) -> Self {
        let slack = ALIGNMENT / size_of::<T>();
        let values = vec![T::default(); len + slack];
        let start = values.as_ptr().align_offset(ALIGNMENT).min(slack);
        Self { values, start, len }
    }

    pub(crate) fn of(source: &[T]) -> Self {
        let mut copy = Self::zeroed(source.len());
        copy.get_mut().copy_from_slice(source);
        copy
    }

    pub(crate) fn get(&self) -> &[T] {
        &self.values[self.start..][..self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..][..self.len]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * size_of::<T>()
    }
}
