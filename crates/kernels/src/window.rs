//! The geometry of a convolution over a plane of pixels, padded as TensorFlow's "SAME" padding does.

use std::ops::Range;

use crate::{Error, Result};

/// A square window that moves over a plane by a stride. There is an output for every `stride` inputs; the zeros
/// that this takes are split evenly before and after the plane, an odd one goes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    side: usize,
    stride: usize,
}

impl Window {
    /// A window of `side` by `side` inputs that moves by `stride`.
    ///
    /// # Errors
    /// [`Error`] for other sides than 3 and 5 and other strides than 1 and 2.
    pub fn new(side: usize, stride: usize) -> Result<Self> {
        if matches!(side, 3 | 5) && matches!(stride, 1 | 2) {
            Ok(Self { side, stride })
        } else {
            Err(Error::new(format!(
                "a window of {side} by {side} that moves by {stride}; sides are 3 or 5, strides 1 or 2"
            )))
        }
    }

    /// Length of a side.
    pub fn side(self) -> usize {
        self.side
    }

    /// Inputs from one output's window to the next.
    pub fn stride(self) -> usize {
        self.stride
    }

    /// Inputs that the window covers.
    pub fn taps(self) -> usize {
        self.side * self.side
    }

    /// Outputs along a side of `inputs`.
    pub fn outputs(self, inputs: usize) -> usize {
        inputs.div_ceil(self.stride)
    }

    /// Zeros before the first of `inputs`, and after the last.
    pub fn padding(self, inputs: usize) -> (usize, usize) {
        let covered = self.outputs(inputs).saturating_sub(1) * self.stride + self.side;
        let missing = covered.saturating_sub(inputs);
        (missing / 2, missing - missing / 2)
    }

    /// The taps of the window of `output` that lie on one of `inputs`, and the input under the first of them.
    pub(crate) fn covered(self, output: usize, inputs: usize) -> (Range<usize>, usize) {
        let (start, before) = (output * self.stride, self.padding(inputs).0);
        let first = before.saturating_sub(start).min(self.side);
        let end = (inputs + before).saturating_sub(start).min(self.side);
        (first..end.max(first), (start + first).saturating_sub(before))
    }

    /// The inputs under the windows of some outputs, at least one.
    pub(crate) fn under(self, outputs: &Range<usize>, inputs: usize) -> Range<usize> {
        let (taps, last) = self.covered(outputs.end - 1, inputs);
        self.covered(outputs.start, inputs).1..last + taps.len()
    }

    /// The outputs whose whole window lies on one of `inputs`.
    pub(crate) fn inner(self, inputs: usize) -> Range<usize> {
        let (before, outputs) = (self.padding(inputs).0, self.outputs(inputs));
        let first = before.div_ceil(self.stride).min(outputs);
        let end = match (inputs + before).checked_sub(self.side) {
            Some(last) => last / self.stride + 1,
            None => 0,
        };
        first..end.clamp(first, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of TensorFlow's documentation of "SAME", and of what EfficientNet-Lite meets.
    #[test]
    fn padding_is_split_evenly_and_the_odd_zero_goes_after() {
        for (side, stride, inputs, outputs, padding) in [
            (3, 1, 7, 7, (1, 1)),
            (5, 1, 14, 14, (2, 2)),
            (3, 2, 224, 112, (0, 1)),
            (3, 2, 65, 33, (1, 1)),
            (5, 2, 28, 14, (1, 2)),
            (5, 2, 33, 17, (2, 2)),
            (5, 2, 1, 1, (2, 2)),
        ] {
            let window = Window::new(side, stride).unwrap();
            assert_eq!(
                (window.outputs(inputs), window.padding(inputs)),
                (outputs, padding)
            );
        }
        assert!(Window::new(4, 1).is_err() && Window::new(3, 3).is_err());
    }

    #[test]
    fn inner_outputs_are_those_whose_taps_are_all_covered() {
        for (side, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            let window = Window::new(side, stride).unwrap();
            for inputs in 1..20 {
                let inner = window.inner(inputs);
                for output in 0..window.outputs(inputs) {
                    let (taps, first) = window.covered(output, inputs);
                    assert!(!taps.is_empty() && first + taps.len() <= inputs);
                    let place = output * stride + taps.start;
                    assert_eq!(first + window.padding(inputs).0, place);
                    assert_eq!(
                        taps.len() == side,
                        inner.contains(&output),
                        "{side} {stride} {inputs}"
                    );
                }
            }
        }
    }
}
