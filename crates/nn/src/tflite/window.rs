//! Where a sliding window of a convolution or pooling lies over its input.

use super::flatbuffer::Table;
use crate::Error;

/// Longest stride, dilation and window side.
const MAX_SIDE: i32 = 1 << 16;

/// One axis of a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Rows or columns of padding before the first.
    pub(super) before: usize,
}

impl Axis {
    /// Extent of the window with its dilation.
    pub(super) fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// Positions that windows reach, from the first padding on.
    pub(super) fn reach(&self) -> usize {
        (self.output - 1) * self.stride + self.extent()
    }

    /// The input index under a tap, none in the padding.
    pub(super) fn at(&self, output: usize, tap: usize) -> Option<usize> {
        let index = (output * self.stride + tap * self.dilation).checked_sub(self.before)?;
        (index < self.input).then_some(index)
    }
}

/// Both axes of a window over NHWC data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) batch: usize,
    pub(super) y: Axis,
    pub(super) x: Axis,
    pub(super) channels: usize,
}

impl Window {
    /// Output positions of the whole batch.
    pub(super) fn positions(&self) -> usize {
        self.batch * self.y.output * self.x.output
    }

    /// Whether each output position sees just the input position of the same index.
    pub(super) fn is_pointwise(&self) -> bool {
        let plain = |axis: &Axis| axis.kernel == 1 && axis.stride == 1 && axis.before == 0 && axis.input == axis.output;
        plain(&self.y) && plain(&self.x)
    }
}

/// The window's parameters as operators' options hold them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    pub(super) same: bool,
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
}

impl Sliding {
    /// Reads padding, strides and, where the operator has them, dilations (both from `[y, x]` field numbers).
    pub(super) fn read(options: &Table<'_>, dilation: Option<[usize; 2]>, place: &str) -> Result<Self, Error> {
        let same = match options.i8(0, 0)? {
            0 => true,
            1 => false,
            other => return Err(Error::malformed(place, format!("unknown padding {other}"))),
        };
        let stride = [side(options, 2, 0, place)?, side(options, 1, 0, place)?];
        let dilation = match dilation {
            Some([y, x]) => [side(options, y, 1, place)?, side(options, x, 1, place)?],
            None => [1, 1],
        };
        Ok(Self { same, stride, dilation })
    }

    /// The window of this kernel over this input: TensorFlow's rules for `SAME` and `VALID`.
    pub(super) fn over(&self, shape: &[usize], kernel: [usize; 2], place: &str) -> Result<Window, Error> {
        let &[batch, height, width, channels] = shape else {
            return Err(Error::malformed(place, format!("input of shape {shape:?} instead of four dimensions")));
        };
        let y = self.axis(0, height, kernel[0], place)?;
        let x = self.axis(1, width, kernel[1], place)?;
        Ok(Window { batch, y, x, channels })
    }

    fn axis(&self, which: usize, input: usize, kernel: usize, place: &str) -> Result<Axis, Error> {
        let (stride, dilation) = (self.stride[which], self.dilation[which]);
        let too_big = || Error::malformed(place, format!("window of {kernel} over {input}"));
        let extent = (kernel.checked_sub(1)).and_then(|gaps| gaps.checked_mul(dilation)).ok_or_else(too_big)? + 1;
        let output = if self.same { input.div_ceil(stride) } else { (input + stride).saturating_sub(extent) / stride };
        if output == 0 || extent > MAX_SIDE as usize * 4 {
            return Err(too_big());
        }
        let reach = (output - 1) * stride + extent;
        let before = if self.same { reach.saturating_sub(input) / 2 } else { 0 };
        Ok(Axis { input, output, kernel, stride, dilation, before })
    }
}

/// A side or step, at least 1.
pub(super) fn side(options: &Table<'_>, field: usize, default: i32, place: &str) -> Result<usize, Error> {
    let value = options.i32(field, default)?;
    if (1..=MAX_SIDE).contains(&value) {
        return Ok(value as usize);
    }
    Err(Error::malformed(place, format!("stride, dilation or window side {value} is not in 1..={MAX_SIDE}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(same: bool, input: usize, kernel: usize, stride: usize, dilation: usize) -> (usize, usize) {
        let sliding = Sliding { same, stride: [stride; 2], dilation: [dilation; 2] };
        let window = sliding.over(&[1, input, input, 1], [kernel; 2], "test").unwrap();
        (window.y.output, window.y.before)
    }

    #[test]
    fn same_and_valid_are_those_of_tensorflow() {
        assert_eq!(axis(true, 224, 3, 2, 1), (112, 0));
        assert_eq!(axis(true, 7, 3, 1, 1), (7, 1));
        assert_eq!(axis(false, 7, 3, 2, 1), (3, 0));
        assert_eq!(axis(true, 9, 3, 1, 2), (9, 2));
        assert_eq!(axis(false, 9, 3, 1, 2), (5, 0));
    }

    #[test]
    fn a_valid_window_larger_than_the_input_is_refused() {
        let sliding = Sliding { same: false, stride: [1; 2], dilation: [1; 2] };
        assert!(sliding.over(&[1, 2, 2, 1], [3, 3], "test").is_err());
    }
}
