//! The first convolution of a network: planes of colours to pixels of many channels.
//!
//! An image comes as a plane a colour (NCHW) and leaves with its channels side by side (NHWC), so each input value
//! meets a vector of output channels, and nothing is gathered first.

use super::activation::relu6;
use super::depthwise::Extent;
use super::lanes::{BaselineIsa, Lanes};
use super::parallel;
use super::vector::vectorized;
use super::window::Window;
use crate::{Error, Result};

/// Planes of an image.
const COLORS: usize = 3;
/// Outputs of a row that are summed side by side.
const OUTPUTS: usize = 4;
/// Vectors of channels of each that are.
const VECTORS: usize = 2;

/// The filters of a convolution of three planes, followed by a bias and ReLU6.
#[derive(Clone, Debug, PartialEq)]
pub struct StemFilters {
    window: Window,
    channels: usize,
    /// `[color][tap][channel]`, taps row by row.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl StemFilters {
    /// Filters of `weights`, `[channels, 3, side, side]`, and a bias for each channel.
    ///
    /// # Errors
    /// [`Error`] where the lengths do not match or there are no channels.
    pub fn new(window: Window, weights: &[f32], bias: Vec<f32>) -> Result<Self> {
        let (channels, inputs) = (bias.len(), COLORS * window.taps());
        if channels == 0 || weights.len() != channels * inputs {
            let count = weights.len();
            return Err(Error::new(format!(
                "{count} weights do not make filters of {inputs} inputs for {channels} channels"
            )));
        }
        let by_input = |at: usize| weights[at % channels * inputs + at / channels];
        Ok(Self {
            window,
            channels,
            weights: (0..weights.len()).map(by_input).collect(),
            bias,
        })
    }

    /// The window that each filter covers.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Extent of what comes out for an image of `height` by `width` pixels.
    pub fn output(&self, height: usize, width: usize) -> Extent {
        Extent {
            height: self.window.outputs(height),
            width: self.window.outputs(width),
            channels: self.channels,
        }
    }
}

/// `relu6(convolution(planes) + bias)` of one image: `[3, height, width]` to `[height, width, channels]`.
///
/// # Panics
/// Where the length does not match: callers are this workspace's model code.
pub fn stem(planes: &[f32], (height, width): (usize, usize), filters: &StemFilters) -> Vec<f32> {
    assert_eq!(planes.len(), COLORS * height * width);
    let output = filters.output(height, width);
    let mut out = vec![0.0; output.values()];
    if out.is_empty() {
        return out;
    }
    let row = output.width * output.channels;
    let jobs = out.chunks_exact_mut(row).enumerate().collect();
    parallel::each(jobs, row * COLORS * filters.window.taps(), |(y, out)| {
        let row = Row {
            planes,
            height,
            width,
            y,
            filters,
        };
        convolve_row(&row, out);
    });
    out
}

/// The same by one sum after the other: what [`stem`] must equal but for the order of rounding, which a relative
/// error of 1e-6 of the sum of magnitudes bounds.
pub fn stem_reference(planes: &[f32], (height, width): (usize, usize), filters: &StemFilters) -> Vec<f32> {
    let (output, window) = (filters.output(height, width), filters.window);
    let mut out = Vec::with_capacity(output.values());
    for y in 0..output.height {
        for x in 0..output.width {
            for channel in 0..output.channels {
                let mut sum = f64::from(filters.bias[channel]);
                for input in 0..COLORS * window.taps() {
                    let (color, tap) = (input / window.taps(), input % window.taps());
                    let place = |at: usize, tap: usize, inputs: usize| {
                        let place = (at * window.stride() + tap).checked_sub(window.padding(inputs).0);
                        place.filter(|&place| place < inputs)
                    };
                    let row = place(y, tap / window.side(), height);
                    let column = place(x, tap % window.side(), width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let value = planes[(color * height + row) * width + column];
                        sum +=
                            f64::from(value) * f64::from(filters.weights[input * filters.channels + channel]);
                    }
                }
                out.push(sum.clamp(0.0, 6.0) as f32);
            }
        }
    }
    out
}

vectorized! {
    /// Row `y` of the output.
    fn convolve_row<V>(isa; row: &Row, out: &mut [f32]) {
        let mut channel = 0;
        while channel + VECTORS * V::COUNT <= row.filters.channels {
            row.channels::<V, VECTORS>(isa, channel, out);
            channel += VECTORS * V::COUNT;
        }
        while channel + V::Panel::COUNT <= row.filters.channels {
            row.channels::<V::Panel, 1>(isa.into(), channel, out);
            channel += V::Panel::COUNT;
        }
        while channel < row.filters.channels {
            row.channels::<f32, 1>(BaselineIsa, channel, out);
            channel += 1;
        }
    }
}

/// What a row of output is made of.
struct Row<'a> {
    planes: &'a [f32],
    height: usize,
    width: usize,
    y: usize,
    filters: &'a StemFilters,
}

impl Row<'_> {
    /// All outputs of the row in `N` vectors of channels.
    #[inline(always)]
    fn channels<V: Lanes, const N: usize>(&self, isa: V::Isa, channel: usize, out: &mut [f32]) {
        let inner = self.filters.window.inner(self.width);
        let outputs = self.filters.window.outputs(self.width);
        let mut at = 0;
        while at < outputs {
            if inner.contains(&at) && at + OUTPUTS <= inner.end {
                self.outputs::<V, N, OUTPUTS>(isa, channel, at, out);
                at += OUTPUTS;
            } else {
                self.outputs::<V, N, 1>(isa, channel, at, out);
                at += 1;
            }
        }
    }

    /// `M` outputs from `at` on; the window of a single one need not lie within the row.
    #[inline(always)]
    fn outputs<V: Lanes, const N: usize, const M: usize>(
        &self,
        isa: V::Isa,
        channel: usize,
        at: usize,
        out: &mut [f32],
    ) {
        let (window, channels) = (self.filters.window, self.filters.channels);
        let (rows, first_row) = window.covered(self.y, self.height);
        let (columns, first_column) = window.covered(at, self.width);
        let mut sums = [[V::splat(isa, 0.0); N]; M];
        for sums in &mut sums {
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(isa, &self.filters.bias[channel + n * V::COUNT..]);
            }
        }
        let reach = (M - 1) * window.stride() + columns.len();
        for color in 0..COLORS {
            for (i, ky) in rows.clone().enumerate() {
                let start = (color * self.height + first_row + i) * self.width + first_column;
                let inputs = &self.planes[start..][..reach];
                let weights =
                    &self.filters.weights[(color * window.taps() + ky * window.side()) * channels..];
                for (i, kx) in columns.clone().enumerate() {
                    let weights = &weights[kx * channels + channel..][..N * V::COUNT];
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let x = V::splat(isa, inputs[m * window.stride() + i]);
                        for (n, sum) in sums.iter_mut().enumerate() {
                            *sum = x.mul_add(V::load(isa, &weights[n * V::COUNT..]), *sum);
                        }
                    }
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (n, sum) in sums.into_iter().enumerate() {
                relu6(sum).store(&mut out[(at + m) * channels + channel + n * V::COUNT..]);
            }
        }
    }
}
