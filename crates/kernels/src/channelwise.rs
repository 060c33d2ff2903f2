//! Convolution of each channel by itself, over windows of any odd side up to eleven, padded alike on all sides as
//! PyTorch does, with a bias and perhaps an activation behind it: the mixing of pixels in a FastViT.
//!
//! Pixels lie row by row with their channels side by side (NHWC). A vector takes neighbouring channels, and a few
//! outputs of a row are summed at a time, so that each weight is loaded once for all of them.

use super::activation::Activation;
use super::depthwise::Extent;
use super::lanes::{BaselineIsa, Lanes};
use super::parallel;
use super::vector::vectorized;
use crate::{Error, Result};

/// Largest side of a window.
const MOST_SIDE: usize = 11;
/// Outputs of a row that are summed side by side.
const OUTPUTS: usize = 4;

/// The filters of such a convolution and its bias.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelFilters {
    side: usize,
    stride: usize,
    channels: usize,
    /// `[tap][channel]`, taps row by row.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl ChannelFilters {
    /// Filters of `weights`, `[channels, side, side]`, that move by `stride`, and a bias for each channel.
    ///
    /// # Errors
    /// [`Error`] for an even side or one over eleven, another stride than 1 and 2, and lengths that do not match.
    pub fn new(side: usize, stride: usize, weights: &[f32], bias: Vec<f32>) -> Result<Self> {
        let (channels, taps) = (bias.len(), side * side);
        if side.is_multiple_of(2) || side > MOST_SIDE || !matches!(stride, 1 | 2) {
            return Err(Error::new(format!(
                "a window of {side} by {side} that moves by {stride}; sides are odd and at most {MOST_SIDE}, strides 1 or 2"
            )));
        }
        if channels == 0 || weights.len() != channels * taps {
            let count = weights.len();
            return Err(Error::new(format!(
                "{count} weights do not make filters of {taps} taps for {channels} channels"
            )));
        }
        let by_tap = |at: usize| weights[at % channels * taps + at / channels];
        Ok(Self {
            side,
            stride,
            channels,
            weights: (0..weights.len()).map(by_tap).collect(),
            bias,
        })
    }

    /// Extent of what comes out for an image.
    pub fn output(&self, input: Extent) -> Extent {
        Extent {
            height: input.height.div_ceil(self.stride),
            width: input.width.div_ceil(self.stride),
            channels: self.channels,
        }
    }

    /// The input under a tap of an output, along a side of `inputs`; `None` beside the image.
    #[inline(always)]
    fn input(&self, output: usize, tap: usize, inputs: usize) -> Option<usize> {
        let place = (output * self.stride + tap).checked_sub(self.side / 2);
        place.filter(|place| *place < inputs)
    }
}

/// `activation(convolution(x) + bias)` of one image, `[height, width, channels]`.
///
/// # Panics
/// Where lengths do not match: callers are this workspace's model code.
pub fn channelwise(
    x: &[f32],
    input: Extent,
    filters: &ChannelFilters,
    activation: Option<Activation>,
) -> Vec<f32> {
    assert!(input.channels == filters.channels && x.len() == input.values());
    let output = filters.output(input);
    let mut out = vec![0.0; output.values()];
    if out.is_empty() {
        return out;
    }
    let jobs = out.chunks_exact_mut(output.row()).enumerate().collect();
    let cost = output.row() * filters.side * filters.side;
    parallel::each(jobs, cost, |(y, out)| {
        let row = Row::new(x, input, y, filters);
        convolve_row(&row, out);
        if let Some(activation) = activation {
            activation.apply(out);
        }
    });
    out
}

/// Reference of [`channelwise`] without an activation: one sum after the other. Results differ by the order of rounding
/// alone, a relative error of at most 1e-6 of the sum of magnitudes.
pub fn channelwise_reference(x: &[f32], input: Extent, filters: &ChannelFilters) -> Vec<f32> {
    let (output, side) = (filters.output(input), filters.side);
    let mut out = Vec::with_capacity(output.values());
    for y in 0..output.height {
        for x_out in 0..output.width {
            for channel in 0..output.channels {
                let mut sum = f64::from(filters.bias[channel]);
                for tap in 0..side * side {
                    let row = filters.input(y, tap / side, input.height);
                    let column = filters.input(x_out, tap % side, input.width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let value = x[(row * input.width + column) * input.channels + channel];
                        let weight = filters.weights[tap * filters.channels + channel];
                        sum += f64::from(value) * f64::from(weight);
                    }
                }
                out.push(sum as f32);
            }
        }
    }
    out
}

vectorized! {
    /// One row of the output.
    fn convolve_row<V>(isa; row: &Row, out: &mut [f32]) {
        row.outputs::<V>(isa, out);
    }
}

/// The rows of input under one row of output.
struct Row<'a> {
    /// By the window's rows; `None` beside the image.
    rows: [Option<&'a [f32]>; MOST_SIDE],
    width: usize,
    filters: &'a ChannelFilters,
}

impl<'a> Row<'a> {
    fn new(x: &'a [f32], input: Extent, y: usize, filters: &'a ChannelFilters) -> Self {
        let mut rows = [None; MOST_SIDE];
        for (tap, row) in rows[..filters.side].iter_mut().enumerate() {
            let place = filters.input(y, tap, input.height);
            *row = place.map(|place| &x[place * input.row()..][..input.row()]);
        }
        Self {
            rows,
            width: input.width,
            filters,
        }
    }

    /// All outputs: whole vectors of channels first.
    #[inline(always)]
    fn outputs<V: Lanes>(&self, isa: V::Isa, out: &mut [f32]) {
        let (whole, half) = (V::COUNT, V::Panel::COUNT);
        let mut channel = 0;
        while channel + whole <= self.filters.channels {
            self.tiles::<V>(isa, channel, out);
            channel += whole;
        }
        while channel + half <= self.filters.channels {
            self.tiles::<V::Panel>(isa.into(), channel, out);
            channel += half;
        }
        while channel < self.filters.channels {
            self.tiles::<f32>(BaselineIsa, channel, out);
            channel += 1;
        }
    }

    /// All outputs of the row in a vector of channels.
    #[inline(always)]
    fn tiles<V: Lanes>(&self, isa: V::Isa, channel: usize, out: &mut [f32]) {
        let (side, stride, channels) = (self.filters.side, self.filters.stride, self.filters.channels);
        let outputs = self.width.div_ceil(stride);
        for at in (0..outputs).step_by(OUTPUTS) {
            let last = (at + OUTPUTS - 1) * stride + side - 1;
            let is_inner = at * stride >= side / 2 && last - side / 2 < self.width;
            let sums = match is_inner {
                true => self.sums::<V, true>(isa, channel, at),
                false => self.sums::<V, false>(isa, channel, at),
            };
            let count = OUTPUTS.min(outputs - at);
            for (i, sum) in sums.into_iter().enumerate().take(count) {
                sum.store(&mut out[(at + i) * channels + channel..]);
            }
        }
    }

    /// Sums of the outputs from `at` on; of `INNER` ones all windows lie within the row.
    #[inline(always)]
    fn sums<V: Lanes, const INNER: bool>(&self, isa: V::Isa, channel: usize, at: usize) -> [V; OUTPUTS] {
        let (side, stride, channels) = (self.filters.side, self.filters.stride, self.filters.channels);
        let mut sums = [V::load(isa, &self.filters.bias[channel..]); OUTPUTS];
        for (ky, row) in self.rows[..side].iter().enumerate() {
            let Some(row) = row else { continue };
            for kx in 0..side {
                let weights = V::load(
                    isa,
                    &self.filters.weights[(ky * side + kx) * channels + channel..],
                );
                for (i, sum) in sums.iter_mut().enumerate() {
                    // Before the row, the place wraps around to one that is far behind it.
                    let place = ((at + i) * stride + kx).wrapping_sub(side / 2);
                    if INNER || place < self.width {
                        *sum = V::load(isa, &row[place * channels + channel..]).mul_add(weights, *sum);
                    }
                }
            }
        }
        sums
    }
}
