//! The inverted residual block of MobileNetV2 (Sandler et al. 2018) in one pass over the image.
//!
//! Between its two pointwise convolutions a block is several times as wide as at its ends. So the image goes through
//! all three convolutions a few rows at a time: the wide rows, whose halo is carried on from one band to the next,
//! stay in the second-level cache and are never written to memory.

use std::ops::Range;

use super::activation::Activation;
use super::depthwise::{DepthwiseFilters, Extent, InputRows};
use super::dispatch::{self, Kernel};
use super::epilogue::Epilogue;
use super::linear::{Pointwise, linear_into};
use super::parallel;
use super::vector::vectorized;

/// Values of wide rows that a band aims at: half a megabyte with their halo, and what comes out of them.
const BAND: usize = 1 << 16;
/// Ranges of rows a thread: a second one evens out what threads of different speed take, each costs a halo.
const RANGES_A_THREAD: usize = 2;

/// A block: `project(depthwise(relu6(expand(x))))`, and its input where that is added.
#[derive(Clone, Copy)]
pub struct InvertedResidual<'a> {
    /// To the block's inner channels; the block's input has them already where there is none.
    pub expand: Option<Pointwise<'a>>,
    /// Followed by ReLU6.
    pub depthwise: &'a DepthwiseFilters,
    /// To the block's outputs.
    pub project: Pointwise<'a>,
    /// The input is added to the output, whose shape is the same.
    pub residual: bool,
}

impl InvertedResidual<'_> {
    /// The block's output for one image, `[height, width, channels]`. `means`, where it is given, becomes the mean
    /// over all pixels of each inner channel as the depthwise convolution takes it in.
    ///
    /// # Panics
    /// Where lengths do not match: callers are this workspace's model code.
    pub fn forward(&self, x: &[f32], input: Extent, means: Option<&mut [f32]>) -> Vec<f32> {
        self.forward_with(dispatch::best(), x, input, means)
    }

    /// [`Self::forward`] by a given implementation of the products.
    pub fn forward_with(
        &self,
        kernel: &Kernel,
        x: &[f32],
        input: Extent,
        means: Option<&mut [f32]>,
    ) -> Vec<f32> {
        let inner = Extent {
            channels: self.depthwise.channels(),
            ..input
        };
        let output = Extent {
            channels: self.project.matrix.n(),
            ..self.depthwise.output(inner)
        };
        assert!(x.len() == input.values() && (self.expand.is_some() || inner == input));
        assert!(!self.residual || output == input);
        let pass = Pass {
            block: self,
            kernel,
            x,
            input,
            inner,
            output,
        };
        let mut out = vec![0.0; output.values()];
        // A sum for each row, so that the order of the additions does not depend on the number of threads.
        let mut sums = vec![
            0.0;
            if means.is_some() {
                inner.height * inner.channels
            } else {
                0
            }
        ];
        pass.run(&mut out, &mut sums);
        if let Some(means) = means {
            assert_eq!(means.len(), inner.channels);
            let pixels = (inner.height * inner.width) as f32;
            means.fill(0.0);
            for row in sums.chunks_exact(inner.channels) {
                means
                    .iter_mut()
                    .zip(row)
                    .for_each(|(mean, sum)| *mean += sum / pixels);
            }
        }
        out
    }
}

/// One image going through a block.
struct Pass<'a> {
    block: &'a InvertedResidual<'a>,
    kernel: &'a Kernel,
    x: &'a [f32],
    input: Extent,
    inner: Extent,
    output: Extent,
}

impl Pass<'_> {
    /// All rows. `sums` is empty, or takes the sum over each row of input of each inner channel.
    fn run(&self, out: &mut [f32], sums: &mut [f32]) {
        let rows = match parallel::threads() {
            1 => self.output.height,
            threads => self.output.height.div_ceil(threads * RANGES_A_THREAD),
        };
        if rows == 0 || self.output.width == 0 {
            return;
        }
        let owned = rows * self.block.depthwise.window().stride() * self.inner.channels;
        let mut sums = sums.chunks_mut(owned);
        let ranges = out.chunks_mut(rows * self.output.width * self.output.channels);
        let jobs = ranges
            .enumerate()
            .map(|(i, out)| (i * rows, out, sums.next().unwrap_or_default()));
        let cost = rows * self.inner.width * self.inner.channels;
        parallel::each(jobs.collect(), cost, |(first, out, sums)| {
            self.range(first, out, sums)
        });
    }

    /// The rows of output from `first` on that `out` has room for, a band at a time. `sums` is for the rows of
    /// input under their strides.
    fn range(&self, first: usize, out: &mut [f32], sums: &mut [f32]) {
        let window = self.block.depthwise.window();
        let (wide_row, out_row) = (self.inner.row(), self.output.row());
        let band = (BAND / (window.stride() * wide_row)).max(1);
        let zeros = vec![0.0; wide_row];
        let (mut convolved, mut wide) = (Vec::new(), WideRows::default());
        for (i, out) in out.chunks_mut(band * out_row).enumerate() {
            let start = first + i * band;
            let outputs = start..start + out.len() / out_row;
            let under = window.under(&outputs, self.input.height);
            let (new, values) = wide.advance(&under, wide_row);
            self.widen(&new, values);
            for (row, values) in new.zip(values.chunks_exact(wide_row)) {
                let place = row.checked_sub(first * window.stride());
                let sums = place.and_then(|place| sums.chunks_exact_mut(self.inner.channels).nth(place));
                if let Some(sums) = sums {
                    add_pixels(values, sums);
                }
            }
            convolved.resize(outputs.len() * self.output.width * self.inner.channels, 0.0);
            let rows = InputRows {
                values: &wide.values,
                first: under.start,
                extent: self.inner,
                zeros: &zeros,
            };
            rows.convolve(outputs, self.block.depthwise, &mut convolved);
            let epilogue = match self.block.residual {
                true => Epilogue::Residual(&self.x[start * out_row..][..out.len()]),
                false => Epilogue::None,
            };
            linear_into(self.kernel, &convolved, self.block.project, epilogue, out);
        }
    }

    /// Rows of the input as wide as the depthwise convolution takes them.
    fn widen(&self, rows: &Range<usize>, out: &mut [f32]) {
        let x = &self.x[rows.start * self.input.row()..rows.end * self.input.row()];
        match self.block.expand {
            Some(expand) => {
                let epilogue = Epilogue::Activation(Activation::Relu6);
                linear_into(self.kernel, x, expand, epilogue, out);
            }
            None => out.copy_from_slice(x),
        }
    }
}

/// Some rows of an image, one after the other.
#[derive(Default)]
struct WideRows {
    rows: Range<usize>,
    values: Vec<f32>,
}

impl WideRows {
    /// Moves on to the rows `wanted`, none of them before the present ones. Gives those that are new, and room for
    /// their values.
    fn advance(&mut self, wanted: &Range<usize>, length: usize) -> (Range<usize>, &mut [f32]) {
        let carried = wanted.start..self.rows.end.max(wanted.start);
        if !carried.is_empty() {
            let start = (carried.start - self.rows.start) * length;
            self.values.copy_within(start..start + carried.len() * length, 0);
        }
        self.values.resize(wanted.len() * length, 0.0);
        self.rows = wanted.clone();
        (
            carried.end..wanted.end,
            &mut self.values[carried.len() * length..],
        )
    }
}

vectorized! {
    /// Adds up the channels of all pixels.
    fn add_pixels<V>(_isa; pixels: &[f32], sums: &mut [f32]) {
        for pixel in pixels.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value;
            }
        }
    }
}
