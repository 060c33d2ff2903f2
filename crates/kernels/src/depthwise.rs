//! Depthwise convolution: every channel by a filter of its own (Howard et al. 2017, MobileNets).
//!
//! Pixels lie row by row with their channels side by side (NHWC), so a vector takes neighbouring channels of one
//! pixel and no value is ever moved between lanes. A few outputs of a row are summed at a time: their windows
//! overlap, and each weight is loaded once for all of them. Bias and ReLU6 follow while the sums are in registers.

use std::ops::Range;

use super::activation::relu6;
use super::lanes::{BaselineIsa, Lanes};
use super::parallel;
use super::vector::vectorized;
use super::window::Window;
use crate::{Error, Result};

/// Outputs of a row that are summed side by side.
const OUTPUTS: usize = 4;
/// Rows of input under the largest window.
const MOST_ROWS: usize = 5;
/// Columns of input under as many of the largest windows, two apart.
const MOST_COLUMNS: usize = (OUTPUTS - 1) * 2 + MOST_ROWS;

/// The filters of a depthwise convolution, followed by a bias and ReLU6.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthwiseFilters {
    window: Window,
    channels: usize,
    /// `[tap][channel]`, taps row by row.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// Height, width and channels of an image between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Values a pixel.
    pub channels: usize,
}

impl Extent {
    /// Values of a row of pixels.
    pub fn row(self) -> usize {
        self.width * self.channels
    }

    /// Number of values.
    pub fn values(self) -> usize {
        self.height * self.width * self.channels
    }
}

impl DepthwiseFilters {
    /// Filters of `weights`, `[channels, side, side]`, and a bias for each channel.
    ///
    /// # Errors
    /// [`Error`] where the lengths do not match or there are no channels.
    pub fn new(window: Window, weights: &[f32], bias: Vec<f32>) -> Result<Self> {
        let (channels, taps) = (bias.len(), window.taps());
        if channels == 0 || weights.len() != channels * taps {
            let count = weights.len();
            return Err(Error::new(format!(
                "{count} weights do not make filters of {taps} taps for {channels} channels"
            )));
        }
        let by_tap = |at: usize| weights[at % channels * taps + at / channels];
        Ok(Self {
            window,
            channels,
            weights: (0..weights.len()).map(by_tap).collect(),
            bias,
        })
    }

    /// The window that each filter covers.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Extent of what comes out for an image of `input`.
    pub fn output(&self, input: Extent) -> Extent {
        Extent {
            height: self.window.outputs(input.height),
            width: self.window.outputs(input.width),
            channels: self.channels,
        }
    }
}

/// `relu6(convolution(x) + bias)` of one image, `[height, width, channels]`.
///
/// # Panics
/// Where lengths do not match: callers are this workspace's model code.
pub fn depthwise(x: &[f32], input: Extent, filters: &DepthwiseFilters) -> Vec<f32> {
    assert!(input.channels == filters.channels && x.len() == input.values());
    let output = filters.output(input);
    let mut out = vec![0.0; output.values()];
    if out.is_empty() {
        return out;
    }
    let rows = InputRows {
        values: x,
        first: 0,
        extent: input,
        zeros: &vec![0.0; input.row()],
    };
    let jobs = out.chunks_exact_mut(output.row()).enumerate().collect();
    parallel::each(jobs, output.row() * filters.window.taps(), |(y, out)| {
        rows.convolve(y..y + 1, filters, out);
    });
    out
}

/// Reference of [`depthwise`]: one sum after the other. Results differ by the order of rounding alone, a relative
/// error of at most 1e-6 of the sum of magnitudes.
pub fn depthwise_reference(x: &[f32], input: Extent, filters: &DepthwiseFilters) -> Vec<f32> {
    let (output, window) = (filters.output(input), filters.window);
    let mut out = Vec::with_capacity(output.values());
    for y in 0..output.height {
        for x_out in 0..output.width {
            for channel in 0..output.channels {
                let mut sum = f64::from(filters.bias[channel]);
                for tap in 0..window.taps() {
                    let place = |at: usize, tap: usize, inputs: usize| {
                        let place = (at * window.stride() + tap).checked_sub(window.padding(inputs).0);
                        place.filter(|&place| place < inputs)
                    };
                    let row = place(y, tap / window.side(), input.height);
                    let column = place(x_out, tap % window.side(), input.width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let value = x[(row * input.width + column) * input.channels + channel];
                        sum +=
                            f64::from(value) * f64::from(filters.weights[tap * filters.channels + channel]);
                    }
                }
                out.push(sum.clamp(0.0, 6.0) as f32);
            }
        }
    }
    out
}

vectorized! {
    /// One row of the output.
    fn convolve_row<V>(isa; row: &Row, out: &mut [f32]) {
        match row.filters.window.side() {
            3 => row.outputs::<V, 3>(isa, out),
            _ => row.outputs::<V, 5>(isa, out),
        }
    }
}

/// Rows of an image that lie one after the other.
#[derive(Clone, Copy)]
pub(crate) struct InputRows<'a> {
    pub values: &'a [f32],
    /// Which row of the image the first is.
    pub first: usize,
    /// Of the whole image.
    pub extent: Extent,
    /// A row beside the image.
    pub zeros: &'a [f32],
}

impl InputRows<'_> {
    /// Rows of output, whose windows must lie on these rows or beside the image.
    pub fn convolve(&self, outputs: Range<usize>, filters: &DepthwiseFilters, out: &mut [f32]) {
        let length = self.extent.row();
        for (y, out) in outputs.zip(out.chunks_exact_mut(filters.output(self.extent).row())) {
            let (covered, first) = filters.window.covered(y, self.extent.height);
            let mut rows = [self.zeros; MOST_ROWS];
            for (i, row) in rows[covered].iter_mut().enumerate() {
                *row = &self.values[(first + i - self.first) * length..][..length];
            }
            let row = Row {
                rows,
                width: self.extent.width,
                filters,
            };
            convolve_row(&row, out);
        }
    }
}

/// The rows of input under one row of output.
struct Row<'a> {
    /// As many as the window's side are used.
    rows: [&'a [f32]; MOST_ROWS],
    width: usize,
    filters: &'a DepthwiseFilters,
}

impl Row<'_> {
    /// All outputs, for a window of side `K`: whole vectors of channels first.
    #[inline(always)]
    fn outputs<V: Lanes, const K: usize>(&self, isa: V::Isa, out: &mut [f32]) {
        let (whole, half) = (V::COUNT, V::Panel::COUNT);
        let mut channel = 0;
        while channel + whole <= self.filters.channels {
            self.channels::<V, K>(isa, channel, out);
            channel += whole;
        }
        while channel + half <= self.filters.channels {
            self.channels::<V::Panel, K>(isa.into(), channel, out);
            channel += half;
        }
        while channel < self.filters.channels {
            self.channels::<f32, K>(BaselineIsa, channel, out);
            channel += 1;
        }
    }

    /// All outputs of the row in a vector of channels.
    #[inline(always)]
    fn channels<V: Lanes, const K: usize>(&self, isa: V::Isa, channel: usize, out: &mut [f32]) {
        match self.filters.window.stride() {
            1 => self.tiles::<V, K, 1>(isa, channel, out),
            _ => self.tiles::<V, K, 2>(isa, channel, out),
        }
    }

    /// All outputs of the row in a vector of channels, for stride `S`. The last tile begins early, so that it is as
    /// wide as the others.
    #[inline(always)]
    fn tiles<V: Lanes, const K: usize, const S: usize>(&self, isa: V::Isa, channel: usize, out: &mut [f32]) {
        let (window, channels) = (self.filters.window, self.filters.channels);
        let (inner, outputs) = (window.inner(self.width), window.outputs(self.width));
        let last = outputs.saturating_sub(OUTPUTS);
        let mut at = 0;
        loop {
            let sums = if at >= inner.start && at + OUTPUTS <= inner.end {
                self.inner::<V, K, S>(isa, channel, at)
            } else {
                self.edge::<V, K, S>(isa, channel, at)
            };
            let count = OUTPUTS.min(outputs - at);
            for (i, sum) in sums.into_iter().enumerate().take(count) {
                relu6(sum).store(&mut out[(at + i) * channels + channel..]);
            }
            if at == last {
                return;
            }
            at = last.min(at + OUTPUTS);
        }
    }

    /// Sums of the outputs from `at` on, whose windows lie within the row.
    #[inline(always)]
    fn inner<V: Lanes, const K: usize, const S: usize>(
        &self,
        isa: V::Isa,
        channel: usize,
        at: usize,
    ) -> [V; OUTPUTS] {
        let channels = self.filters.channels;
        let start = at * S - self.filters.window.padding(self.width).0;
        let mut sums = [V::load(isa, &self.filters.bias[channel..]); OUTPUTS];
        for (ky, row) in self.rows[..K].iter().enumerate() {
            // One check for all loads: of the last input of the last window.
            let row = &row[start * channels + channel..][..((OUTPUTS - 1) * S + K - 1) * channels + V::COUNT];
            for kx in 0..K {
                let weights = V::load(isa, &self.filters.weights[(ky * K + kx) * channels + channel..]);
                for (i, sum) in sums.iter_mut().enumerate() {
                    let place = (i * S + kx) * channels;
                    // SAFETY: i < OUTPUTS and kx < K, so the place is at most the last input's, whose whole
                    // vector the slice was just checked to hold.
                    let x = unsafe { row.get_unchecked(place..place + V::COUNT) };
                    *sum = V::load(isa, x).mul_add(weights, *sum);
                }
            }
        }
        sums
    }

    /// Sums of the outputs from `at` on, whose windows need not lie within the row.
    #[inline(always)]
    fn edge<V: Lanes, const K: usize, const S: usize>(
        &self,
        isa: V::Isa,
        channel: usize,
        at: usize,
    ) -> [V; OUTPUTS] {
        let (channels, before) = (self.filters.channels, self.filters.window.padding(self.width).0);
        let mut sums = [V::load(isa, &self.filters.bias[channel..]); OUTPUTS];
        for (ky, row) in self.rows[..K].iter().enumerate() {
            let mut columns = [V::splat(isa, 0.0); MOST_COLUMNS];
            for (i, column) in columns.iter_mut().enumerate().take((OUTPUTS - 1) * S + K) {
                // Before the row, the place wraps around to one that is far behind it.
                let place = (at * S + i).wrapping_sub(before);
                if place < self.width {
                    *column = V::load(isa, &row[place * channels + channel..]);
                }
            }
            for kx in 0..K {
                let weights = V::load(isa, &self.filters.weights[(ky * K + kx) * channels + channel..]);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = columns[i * S + kx].mul_add(weights, *sum);
                }
            }
        }
        sums
    }
}
