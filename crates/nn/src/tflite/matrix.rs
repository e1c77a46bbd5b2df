//! What convolutions and fully connected layers have in common: rows times packed weights.

use super::pace::Pace;
use crate::Error;
use crate::kernel::Kernel;
use bytemuck::Pod;
use std::fmt::Debug;

/// Bytes of left-hand rows that are worked on at once: they stay in the second-level cache, for every panel.
const BLOCK_BYTES: usize = 128 << 10;
/// Rows of a block at most.
const BLOCK_ROWS: usize = 256;

/// Packed weights, and how to multiply with them.
pub(super) trait Matrix: Debug + Send + Sync {
    /// Elements of the activations.
    type Value: Pod;
    /// Elements of the left-hand rows.
    type Left: Pod;

    /// Weights of a column.
    fn depth(&self) -> usize;

    /// Columns: output channels.
    fn columns(&self) -> usize;

    /// Elements from one left-hand row to the next; what lies beyond the depth has no effect.
    fn stride(&self) -> usize;

    /// The input itself as rows, where it needs no preparation.
    fn direct<'a>(&self, input: &'a [Self::Value]) -> Option<&'a [Self::Left]>;

    /// Makes left-hand elements of activations.
    fn prepare(&self, kernel: Kernel, source: &[Self::Value], target: &mut [Self::Left]);

    /// The left-hand element of real zero.
    fn padding(&self) -> Self::Left;

    /// As many rows as make the output, times all columns.
    fn multiply(
        &self,
        kernel: Kernel,
        rows: &[Self::Left],
        out: &mut [Self::Value],
        pace: &mut Pace<'_>,
    ) -> Result<(), Error>;

    /// Bytes held.
    fn bytes(&self) -> usize;

    /// Rows that are worked on at once.
    fn block_rows(&self) -> usize {
        let row = self.stride() * size_of::<Self::Left>();
        (BLOCK_BYTES / row.max(1) / 4 * 4).clamp(4, BLOCK_ROWS)
    }
}
