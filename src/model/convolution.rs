//! The convolutions of an image tower, with batch normalization folded in and ReLU6 behind them.
//!
//! Between two convolutions an image is a row a pixel, its channels side by side (NHWC): a pointwise convolution is
//! then a product of matrices, a [`Linear`], and the kernels convolve the others. Where those do not run, candle
//! adds up shifted images, one for each tap of a window.

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::model::batch_norm::BatchNorm;
use crate::model::cpu;
use crate::model::linear::{Epilogue, Linear};
use crate::weights::{Backend, Weights};
use cliplet_kernels::{DepthwiseFilters, Extent, StemFilters, Window, depthwise, stem};

/// A batch of images between two convolutions.
pub struct FeatureMap {
    /// `[batch * height * width, channels]`.
    pub values: Tensor,
    /// Number of images.
    pub batch: usize,
    /// Height, width and channels of each.
    pub extent: Extent,
}

impl FeatureMap {
    /// `[batch, height, width, channels]`.
    pub fn images(&self) -> candle_core::Result<Tensor> {
        let Extent {
            height,
            width,
            channels,
        } = self.extent;
        self.values.reshape((self.batch, height, width, channels))
    }

    /// Each pixel mapped by itself.
    pub fn map(&self, linear: &Linear, epilogue: Epilogue) -> candle_core::Result<Self> {
        let values = linear.forward(&self.values, epilogue)?;
        let extent = Extent {
            channels: values.dim(1)?,
            ..self.extent
        };
        Ok(Self {
            values,
            batch: self.batch,
            extent,
        })
    }

    /// Each channel `count` times, side by side.
    pub fn repeat_channels(&self, count: usize) -> candle_core::Result<Self> {
        let channels = self.extent.channels;
        let values = self.values.unsqueeze(2)?.repeat((1, 1, count))?;
        Ok(Self {
            values: values.reshape(((), channels * count))?,
            batch: self.batch,
            extent: Extent {
                channels: channels * count,
                ..self.extent
            },
        })
    }

    /// Mean over the pixels of each image, `[batch, channels]`, summed in float32.
    pub fn mean(&self) -> candle_core::Result<Tensor> {
        let pixels = self.extent.height * self.extent.width;
        let values = self.values.reshape((self.batch, pixels, self.extent.channels))?;
        values
            .to_dtype(DType::F32)?
            .mean(1)?
            .to_dtype(self.values.dtype())
    }
}

/// The first convolution, from planes of colors to pixels of many channels, and ReLU6.
pub enum Stem {
    /// By the kernels.
    Cpu(StemFilters),
    /// By candle, on any device.
    Device {
        window: Window,
        /// `[taps * 3, channels]`, taps row by row.
        weight: Tensor,
        bias: Tensor,
    },
}

impl Stem {
    /// Takes `name.weight`, `[channels, 3, side, side]`, out of `weights`, and the normalization `norm`.
    pub fn load(weights: &mut Weights, (name, norm): (&str, &str), window: Window, eps: f32) -> Result<Self> {
        let norm = BatchNorm::load(weights, norm, eps)?;
        let weight = norm.fold(&weights.take_dense(&format!("{name}.weight"))?)?;
        if weights.placement.backend == Backend::Kernels {
            return Ok(Self::Cpu(StemFilters::new(
                window,
                &cpu::to_vec(&weight)?,
                norm.shift,
            )?));
        }
        let taps = weight.permute((2, 3, 1, 0))?.flatten_to(2)?.contiguous()?;
        Ok(Self::Device {
            window,
            bias: Tensor::new(norm.shift, weight.device())?.to_dtype(weight.dtype())?,
            weight: taps,
        })
    }

    /// Convolves a batch of images, `[batch, 3, size, size]`.
    pub fn forward(&self, pixels: &Tensor) -> candle_core::Result<FeatureMap> {
        let (batch, colors, height, width) = pixels.dims4()?;
        let window = match self {
            Self::Cpu(filters) => filters.window(),
            Self::Device { window, .. } => *window,
        };
        let values = match self {
            Self::Cpu(filters) => cpu::map_images(pixels, colors * height * width, |planes| {
                stem(planes, (height, width), filters)
            })?,
            Self::Device { weight, bias, .. } => {
                let taps = Shifted::new(&pixels.permute((0, 2, 3, 1))?.contiguous()?, window)?;
                let inputs = (0..window.taps())
                    .map(|tap| taps.under(tap))
                    .collect::<candle_core::Result<Vec<_>>>()?;
                let inputs = Tensor::cat(&inputs, 3)?.flatten_to(2)?;
                inputs.matmul(weight)?.broadcast_add(bias)?.clamp(0f32, 6f32)?
            }
        };
        let extent = Extent {
            height: window.outputs(height),
            width: window.outputs(width),
            channels: values.elem_count() / (batch * window.outputs(height) * window.outputs(width)),
        };
        let values = values.reshape(((), extent.channels))?;
        Ok(FeatureMap {
            values,
            batch,
            extent,
        })
    }
}

/// A convolution of each channel by itself, and ReLU6.
pub enum Depthwise {
    /// By the kernels.
    Cpu(DepthwiseFilters),
    /// By candle, on any device.
    Device {
        window: Window,
        /// `[taps, channels]`, taps row by row.
        weight: Tensor,
        bias: Tensor,
    },
}

impl Depthwise {
    /// Takes `name.weight`, `[channels, 1, side, side]`, out of `weights`, and the normalization `norm`.
    pub fn load(weights: &mut Weights, (name, norm): (&str, &str), window: Window, eps: f32) -> Result<Self> {
        let norm = BatchNorm::load(weights, norm, eps)?;
        let weight = norm.fold(&weights.take_dense(&format!("{name}.weight"))?)?;
        if weights.placement.backend == Backend::Kernels {
            let weight = cpu::to_vec(&weight)?;
            return Ok(Self::Cpu(DepthwiseFilters::new(window, &weight, norm.shift)?));
        }
        Ok(Self::Device {
            window,
            bias: Tensor::new(norm.shift, weight.device())?.to_dtype(weight.dtype())?,
            weight: weight.flatten_from(1)?.t()?.contiguous()?,
        })
    }

    /// Convolves each image.
    pub fn forward(&self, x: &FeatureMap) -> candle_core::Result<FeatureMap> {
        let (window, values) = match self {
            Self::Cpu(filters) => {
                let values = cpu::map_images(&x.values, x.extent.values(), |image| {
                    depthwise(image, x.extent, filters)
                })?;
                (filters.window(), values)
            }
            Self::Device { window, weight, bias } => {
                let taps = Shifted::new(&x.images()?, *window)?;
                let mut sum = taps.under(0)?.broadcast_mul(&weight.get(0)?)?;
                for tap in 1..window.taps() {
                    sum = (sum + taps.under(tap)?.broadcast_mul(&weight.get(tap)?)?)?;
                }
                (*window, sum.broadcast_add(bias)?.clamp(0f32, 6f32)?)
            }
        };
        let extent = Extent {
            height: window.outputs(x.extent.height),
            width: window.outputs(x.extent.width),
            channels: x.extent.channels,
        };
        Ok(FeatureMap {
            values: values.reshape(((), extent.channels))?,
            batch: x.batch,
            extent,
        })
    }
}

/// Images padded with zeros, of which each tap of a window sees a shifted part.
pub struct Shifted {
    side: usize,
    stride: usize,
    padded: Tensor,
    /// Rows and columns that the window's first tap sees.
    rows: Tensor,
    columns: Tensor,
}

impl Shifted {
    /// Pads `images`, `[batch, height, width, channels]`, as TensorFlow does.
    fn new(images: &Tensor, window: Window) -> candle_core::Result<Self> {
        let (_, height, width, _) = images.dims4()?;
        let padding = (window.padding(height), window.padding(width));
        Self::padded(images, (window.side(), window.stride()), padding)
    }

    /// Pads `images` alike on all sides, so that windows of `side`, odd, have their centers on pixels.
    pub fn centered(images: &Tensor, side: usize, stride: usize) -> candle_core::Result<Self> {
        let around = (side / 2, side / 2);
        Self::padded(images, (side, stride), (around, around))
    }

    fn padded(
        images: &Tensor,
        (side, stride): (usize, usize),
        ((top, bottom), (left, right)): ((usize, usize), (usize, usize)),
    ) -> candle_core::Result<Self> {
        let (_, height, width, _) = images.dims4()?;
        let places = |inputs: usize| {
            let places = (0..inputs.div_ceil(stride)).map(|output| (output * stride) as u32);
            Tensor::new(places.collect::<Vec<_>>(), images.device())
        };
        Ok(Self {
            side,
            stride,
            padded: images
                .pad_with_zeros(1, top, bottom)?
                .pad_with_zeros(2, left, right)?,
            rows: places(height)?,
            columns: places(width)?,
        })
    }

    /// The value under `tap` for every output, `[batch, height, width, channels]`.
    pub fn under(&self, tap: usize) -> candle_core::Result<Tensor> {
        let side = self.side;
        let mut images = self.padded.clone();
        for (dim, offset, places) in [(1, tap / side, &self.rows), (2, tap % side, &self.columns)] {
            images = if self.stride == 1 {
                images.narrow(dim, offset, places.dim(0)?)?
            } else {
                let left = images.narrow(dim, offset, images.dim(dim)? - offset)?;
                left.contiguous()?.index_select(places, dim)?
            };
        }
        Ok(images)
    }
}
