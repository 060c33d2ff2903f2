//! The affine maps of CLIP, with what follows them fused where the backend can.

use candle_core::Tensor;
use candle_nn::ops::sigmoid;

use crate::error::Result;
use crate::model::batch_norm::BatchNorm;
use crate::model::cpu;
use crate::weights::{Backend, Placement, Stored, Weights};
use cliplet_kernels::{Activation, Numbers, PackedMatrix, Pointwise};

/// `x W^T + b`.
pub enum Linear {
    /// Quantized, multiplied by the kernels.
    Packed {
        matrix: PackedMatrix,
        bias: Option<Vec<f32>>,
    },
    /// Floating point, multiplied by candle and finished by the kernels.
    Cpu { weight: Tensor, bias: Option<Vec<f32>> },
    /// All by candle, on any device.
    Device { weight: Tensor, bias: Option<Tensor> },
}

/// An operation fused with a [`Linear`], on its output.
pub enum Epilogue<'a> {
    /// Nothing.
    None,
    /// The activation is applied.
    Activation(Activation),
    /// This tensor, of the output's shape, is added.
    Add(&'a Tensor),
}

impl Linear {
    /// Takes `name.weight`, its first dimension the outputs, and `name.bias` out of `weights`.
    pub fn load(weights: &mut Weights, name: &str, bias: bool) -> Result<Self> {
        let bias = bias
            .then(|| weights.take_dense(&format!("{name}.bias")))
            .transpose()?;
        match weights.take(&format!("{name}.weight"))? {
            Stored::Dense(weight) => Self::dense(weight.flatten_from(1)?, bias, &weights.placement),
            Stored::Packed(matrix) => {
                let bias = bias.as_ref().map(cpu::to_vec).transpose()?;
                Ok(Self::Packed { matrix, bias })
            }
            Stored::Rows(_) => Err(weights.unfit(name, "is a table, not a matrix")),
        }
    }

    /// The map of a floating-point `weight`, `[outputs, inputs]`, and `bias`.
    pub fn dense(weight: Tensor, bias: Option<Tensor>, placement: &Placement) -> Result<Self> {
        if placement.backend != Backend::Kernels {
            return Ok(Self::Device { weight, bias });
        }
        let bias = bias.as_ref().map(cpu::to_vec).transpose()?;
        Ok(Self::Cpu { weight, bias })
    }

    /// Takes the pointwise convolution `name.weight`, `[outputs, inputs, 1, 1]`, out of `weights`, and folds the
    /// batch normalization `norm` into it.
    pub fn load_normalized(weights: &mut Weights, (name, norm): (&str, &str), eps: f32) -> Result<Self> {
        let norm = BatchNorm::load(weights, norm, eps)?;
        match weights.take(&format!("{name}.weight"))? {
            Stored::Packed(mut matrix) => {
                matrix.scale_outputs(&norm.scale);
                Ok(Self::Packed {
                    matrix,
                    bias: Some(norm.shift),
                })
            }
            Stored::Dense(weight) => {
                let weight = norm.fold(&weight.flatten_from(1)?)?;
                if weights.placement.backend == Backend::Kernels {
                    let bias = Some(norm.shift);
                    return Ok(Self::Cpu { weight, bias });
                }
                let bias = Tensor::new(norm.shift, weight.device())?.to_dtype(weight.dtype())?;
                Ok(Self::Device {
                    weight,
                    bias: Some(bias),
                })
            }
            Stored::Rows(_) => Err(weights.unfit(name, "is a table, not a matrix")),
        }
    }

    /// The map for the kernels' passes over images, where its weights are theirs.
    pub fn pointwise(&self) -> Option<Pointwise<'_>> {
        match self {
            Self::Packed {
                matrix,
                bias: Some(bias),
            } => Some(Pointwise { matrix, bias }),
            _ => None,
        }
    }

    /// The numbers that attention behind the map multiplies: codes where the map's own are, whose errors are larger.
    pub fn numbers(&self) -> Numbers {
        match self {
            Self::Packed { .. } => Numbers::Codes,
            _ => Numbers::Floats,
        }
    }

    /// Maps `x`, `[rows, inputs]`, to `[rows, outputs]`.
    pub fn forward(&self, x: &Tensor, epilogue: Epilogue) -> candle_core::Result<Tensor> {
        let activation = if let Epilogue::Activation(activation) = epilogue {
            Some(activation)
        } else {
            None
        };
        let y = match self {
            Self::Packed { matrix, bias } => {
                let product = cpu::Product {
                    matrix,
                    bias: bias.as_deref(),
                    activation,
                };
                return match epilogue {
                    Epilogue::Add(residual) => x.apply_op2_no_bwd(residual, &product),
                    _ => x.apply_op1_no_bwd(&product),
                };
            }
            Self::Cpu { weight, bias } => {
                let y = x.matmul(&weight.t()?)?;
                if bias.is_some() || activation.is_some() {
                    y.inplace_op1(&cpu::BiasActivation {
                        bias: bias.as_deref(),
                        activation,
                    })?;
                }
                y
            }
            Self::Device { weight, bias } => {
                let y = x.matmul(&weight.t()?)?;
                let y = if let Some(bias) = bias {
                    y.broadcast_add(bias)?
                } else {
                    y
                };
                match activation {
                    None => y,
                    Some(activation) => activate(y, activation, Backend::Candle)?,
                }
            }
        };
        if let Epilogue::Add(residual) = epilogue {
            y + residual
        } else {
            Ok(y)
        }
    }
}

/// The activation of each value, by `backend`; the kernels change the values in place.
pub fn activate(y: Tensor, activation: Activation, backend: Backend) -> candle_core::Result<Tensor> {
    if backend == Backend::Kernels {
        y.inplace_op1(&cpu::BiasActivation {
            bias: None,
            activation: Some(activation),
        })?;
        return Ok(y);
    }
    match activation {
        Activation::QuickGelu => &y * sigmoid(&(&y * 1.702)?)?,
        Activation::Gelu => y.gelu_erf(),
        Activation::GeluTanh => y.gelu(),
        Activation::Relu6 => y.clamp(0f32, 6f32),
    }
}
