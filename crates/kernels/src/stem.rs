//! The first convolution of a network: planes of colors to pixels of many channels.
//!
//! An image comes as a plane a color (NCHW) and leaves with its channels side by side (NHWC), so each input value
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
/// Columns of input under as many of the largest windows, two apart.
const MOST_COLUMNS: usize = (OUTPUTS - 1) * 2 + 5;

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

/// Reference of [`stem`]: one sum after the other. Results differ by the order of rounding alone, a relative error of
/// at most 1e-6 of the sum of magnitudes.
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
    /// One row of the output.
    fn convolve_row<V>(isa; row: &Row, out: &mut [f32]) {
        match (row.filters.window.side(), row.filters.window.stride()) {
            (3, 1) => row.outputs::<V, 3, 1>(isa, out),
            (3, _) => row.outputs::<V, 3, 2>(isa, out),
            (_, 1) => row.outputs::<V, 5, 1>(isa, out),
            _ => row.outputs::<V, 5, 2>(isa, out),
        }
    }
}

/// Input of a row of output.
struct Row<'a> {
    planes: &'a [f32],
    height: usize,
    width: usize,
    y: usize,
    filters: &'a StemFilters,
}

impl Row<'_> {
    /// All outputs, for a window of side `K` and stride `S`: pairs of vectors of channels first.
    #[inline(always)]
    fn outputs<V: Lanes, const K: usize, const S: usize>(&self, isa: V::Isa, out: &mut [f32]) {
        let channels = self.filters.channels;
        let mut channel = 0;
        while channel + VECTORS * V::COUNT <= channels {
            self.tiles::<V, K, S, VECTORS>(isa, channel, out);
            channel += VECTORS * V::COUNT;
        }
        while channel + V::Panel::COUNT <= channels {
            self.tiles::<V::Panel, K, S, 1>(isa.into(), channel, out);
            channel += V::Panel::COUNT;
        }
        while channel < channels {
            self.tiles::<f32, K, S, 1>(BaselineIsa, channel, out);
            channel += 1;
        }
    }

    /// All outputs of the row in `N` vectors of channels. The last tile begins early, so that it is as wide as the
    /// others.
    #[inline(always)]
    fn tiles<V: Lanes, const K: usize, const S: usize, const N: usize>(
        &self,
        isa: V::Isa,
        channel: usize,
        out: &mut [f32],
    ) {
        let last = self.filters.window.outputs(self.width).saturating_sub(OUTPUTS);
        let mut at = 0;
        loop {
            self.tile::<V, K, S, N>(isa, channel, at, out);
            if at == last {
                return;
            }
            at = last.min(at + OUTPUTS);
        }
    }

    /// Outputs from `at` on, those that there are.
    #[inline(always)]
    fn tile<V: Lanes, const K: usize, const S: usize, const N: usize>(
        &self,
        isa: V::Isa,
        channel: usize,
        at: usize,
        out: &mut [f32],
    ) {
        let (window, channels) = (self.filters.window, self.filters.channels);
        let (rows, first_row) = window.covered(self.y, self.height);
        let before = window.padding(self.width).0;
        let mut sums = [[V::splat(isa, 0.0); N]; OUTPUTS];
        for sums in &mut sums {
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(isa, &self.filters.bias[channel + n * V::COUNT..]);
            }
        }
        for color in 0..COLORS {
            for (i, ky) in rows.clone().enumerate() {
                let row = &self.planes[(color * self.height + first_row + i) * self.width..][..self.width];
                let mut columns = [0.0; MOST_COLUMNS];
                for (i, column) in columns[..(OUTPUTS - 1) * S + K].iter_mut().enumerate() {
                    // Before the row, the place wraps around to one that is far behind it.
                    *column = row.get((at * S + i).wrapping_sub(before)).copied().unwrap_or(0.0);
                }
                let weights = &self.filters.weights[(color * K + ky) * K * channels..];
                for kx in 0..K {
                    let weights = &weights[kx * channels + channel..][..N * V::COUNT];
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let x = V::splat(isa, columns[m * S + kx]);
                        for (n, sum) in sums.iter_mut().enumerate() {
                            *sum = x.mul_add(V::load(isa, &weights[n * V::COUNT..]), *sum);
                        }
                    }
                }
            }
        }
        let count = OUTPUTS.min(window.outputs(self.width) - at);
        for (m, sums) in sums.into_iter().enumerate().take(count) {
            for (n, sum) in sums.into_iter().enumerate() {
                relu6(sum).store(&mut out[(at + m) * channels + channel + n * V::COUNT..]);
            }
        }
    }
}
