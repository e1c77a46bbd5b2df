//! What lies under each position of a sliding window, as the left-hand rows of a matrix product.

use super::super::window::{Axis, Window};

/// Short runs are copied as this many elements at once: what is too much is overwritten by the next run.
const RUN: usize = 16;

/// A padded copy of one picture of the batch, and the rows gathered from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageRows {
    window: Window,
}

impl ImageRows {
    pub(super) fn new(window: Window) -> Self {
        Self { window }
    }

    /// Elements of one picture.
    pub(super) fn input_elements(&self) -> usize {
        self.window.y.input * self.window.x.input * self.window.channels
    }

    /// Elements of the padded copy; `None` where that overflows.
    pub(super) fn padded_elements(&self) -> Option<usize> {
        let (y, x) = (self.window.y.reach(), self.window.x.reach());
        y.checked_mul(x)?.checked_mul(self.window.channels)?.checked_add(RUN)
    }

    /// Output positions of one picture.
    pub(super) fn positions(&self) -> usize {
        self.window.y.output * self.window.x.output
    }

    /// Fills the padded copy. `copy` writes a run of elements, `zero` is what padding is.
    pub(super) fn pad<S, T: Copy>(&self, source: &[S], zero: T, padded: &mut [T], copy: impl Fn(&[S], &mut [T])) {
        let Window { y, x, channels, .. } = self.window;
        let row = x.reach() * channels;
        let inside = x.before * channels..(x.before + x.input.min(x.reach() - x.before)) * channels;
        for (index, target) in padded[..y.reach() * row].chunks_exact_mut(row).enumerate() {
            let Some(line) = line(&y, index) else {
                target.fill(zero);
                continue;
            };
            target[..inside.start].fill(zero);
            copy(&source[line * x.input * channels..][..inside.len()], &mut target[inside.clone()]);
            target[inside.end..].fill(zero);
        }
    }

    /// Gathers what the window covers at this position. `row` may be longer: what follows is undefined.
    pub(super) fn gather<T: Copy>(&self, padded: &[T], position: usize, row: &mut [T]) {
        let Window { y, x, channels, .. } = self.window;
        let (top, left) = (position / x.output * y.stride, position % x.output * x.stride);
        let (runs, run) = if x.dilation == 1 { (1, x.kernel * channels) } else { (x.kernel, channels) };
        let mut at = 0;
        for tap in 0..y.kernel {
            let line = ((top + tap * y.dilation) * x.reach() + left) * channels;
            for index in 0..runs {
                copy_run(&padded[line + index * x.dilation * channels..], &mut row[at..], run);
                at += run;
            }
        }
    }
}

/// The input line at a padded line.
fn line(y: &Axis, padded: usize) -> Option<usize> {
    padded.checked_sub(y.before).filter(|line| *line < y.input)
}

#[inline(always)]
fn copy_run<T: Copy>(source: &[T], target: &mut [T], run: usize) {
    match (source.first_chunk::<RUN>(), target.first_chunk_mut::<RUN>()) {
        (Some(source), Some(target)) if run <= RUN => *target = *source,
        _ => target[..run].copy_from_slice(&source[..run]),
    }
}
