//! Weights in memory, in the form the model multiplies with, assembled tensor by tensor.
//!
//! Whatever the file, a reader hands each published tensor to an [`Assembler`] as soon as it is
//! complete; it is converted there and then, so a model is never held twice.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::weights::config::ClipConfig;
use crate::weights::layout::{Kind, TensorSpec, WeightSpec, weight_specs};
use crate::weights::values::Values;
use cliplet_kernels::{Bits, PackedMatrix, PackedMatrixBuilder};

/// Device and type of a model's dense weights, and the backend that computes with them. It is chosen once, when a model is
/// loaded, and carried by its layers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Placement {
    /// Device of the weights and of the computation.
    pub device: Device,
    /// Type of the weights and of the computation.
    pub dtype: DType,
    /// The backend there.
    pub backend: Backend,
}

/// The code that computes a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The kernels, which run on a CPU in float32. Only they multiply quantized weights; elsewhere those are held in
    /// floating point.
    Kernels,
    /// candle's operations, on any device.
    Candle,
    /// candle's operations, with its fused attention for CUDA.
    #[cfg(feature = "flash-attn")]
    FlashAttention,
}

impl Placement {
    /// Weights in the type `dtype` on `device`, computed by the fastest backend there.
    pub fn new(device: Device, dtype: DType) -> Self {
        let backend = match dtype {
            DType::F32 if device.is_cpu() => Backend::Kernels,
            #[cfg(feature = "flash-attn")]
            DType::F16 | DType::BF16 if device.is_cuda() => Backend::FlashAttention,
            _ => Backend::Candle,
        };
        Self {
            device,
            dtype,
            backend,
        }
    }

    fn tensor(&self, values: Vec<f32>, spec: &WeightSpec) -> Result<Tensor> {
        let mut shape = spec.parts[0].shape.clone();
        if let Some(first) = shape.first_mut() {
            *first *= spec.parts.len();
        }
        if spec.kind == Kind::Statistic {
            return Ok(Tensor::from_vec(values, shape, &Device::Cpu)?);
        }
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }
}

/// All weights of a model by the names of `layout.rs`; the model takes them out.
pub struct Weights {
    /// Configuration of the model that they belong to.
    pub config: ClipConfig,
    /// Device, type and backend of the weights.
    pub placement: Placement,
    /// Number of values, as published.
    pub parameters: usize,
    stored: HashMap<String, Stored>,
}

/// One weight as it is held in memory.
pub enum Stored {
    /// Floating point, in the published shape (joined parts: along their first dimension).
    Dense(Tensor),
    /// A quantized matrix, packed for the kernels.
    Packed(PackedMatrix),
    /// A quantized table, looked up by row.
    Rows(Rows),
}

/// A quantized table.
pub struct Rows {
    values: Values<'static>,
    width: usize,
}

impl Rows {
    /// The rows `indices` in floating point, one after the other.
    ///
    /// # Panics
    /// Where an index is over the table's rows.
    pub fn select(&self, indices: &[u32]) -> Vec<f32> {
        let mut out = vec![0.0; indices.len() * self.width];
        let rows = out.chunks_exact_mut(self.width).zip(indices);
        rows.for_each(|(out, &row)| self.values.read_row(row as usize, out));
        out
    }

    /// Values a row.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Weights {
    /// Takes the weight `name` out.
    pub fn take(&mut self, name: &str) -> Result<Stored> {
        self.stored
            .remove(name)
            .ok_or_else(|| malformed(format!("weight {name} is missing")))
    }

    /// Takes a weight out that is always floating point.
    pub fn take_dense(&mut self, name: &str) -> Result<Tensor> {
        match self.take(name)? {
            Stored::Dense(tensor) => Ok(tensor),
            Stored::Packed(_) | Stored::Rows(_) => Err(self.unfit(name, "is quantized")),
        }
    }

    /// The error that the weight `name` is not what the model needs.
    pub fn unfit(&self, name: &str, reason: &str) -> Error {
        malformed(format!("weight {name} {reason}"))
    }
}

/// Collects published tensors, in whatever order they come, into [`Weights`].
pub struct Assembler {
    config: ClipConfig,
    placement: Placement,
    /// WeightSpec and position in it of every published name.
    places: HashMap<String, (usize, usize)>,
    specs: Vec<WeightSpec>,
    building: Vec<Building>,
    stored: HashMap<String, Stored>,
}

/// A spec whose parts are still arriving.
#[derive(Default)]
struct Building {
    form: Form,
    joined: usize,
    /// Parts that came before one that precedes them.
    early: HashMap<usize, Values<'static>>,
}

/// The parts joined so far.
#[derive(Default)]
enum Form {
    #[default]
    Empty,
    Dense(Vec<f32>),
    Packed(PackedMatrixBuilder),
    Rows(Values<'static>),
}

impl Form {
    /// Joins the values of the next part; `packs` where quantized ones are to stay so.
    fn join(&mut self, spec: &WeightSpec, values: Values, packs: bool) -> Result<()> {
        let packed = packs && spec.kind != Kind::Table;
        if !packed && values.has_invalid_codes() {
            return Err(invalid_code());
        }
        let values = if packs {
            values
        } else {
            Values::Dense(values.into_dense(spec.cols))
        };
        match (&mut *self, values) {
            (Self::Empty, Values::Dense(values)) => *self = Self::Dense(values),
            (Self::Empty, values) if spec.kind == Kind::Table => *self = Self::Rows(values.into_owned()),
            (Self::Empty, values) => {
                let bits = if matches!(values, Values::Q8 { .. }) {
                    Bits::Q8
                } else {
                    Bits::Q4
                };
                *self = Self::Packed(PackedMatrix::builder(spec.rows(), spec.cols, bits)?);
                return self.join(spec, values, packs);
            }
            (Self::Dense(joined), Values::Dense(values)) => joined.extend_from_slice(&values),
            (Self::Packed(builder), Values::Q8 { codes, scales }) => {
                // They are looked at on the way.
                builder.push_q8(&codes, &scales)?;
                if builder.min_code() == i8::MIN {
                    return Err(invalid_code());
                }
            }
            (
                Self::Packed(builder),
                Values::Q4 {
                    nibbles,
                    multipliers,
                    scales,
                },
            ) => {
                builder.push_q4(&nibbles, &multipliers, &scales)?;
            }
            _ => {
                return Err(malformed(format!(
                    "the parts of {} are quantized differently",
                    spec.name
                )));
            }
        }
        Ok(())
    }
}

impl Assembler {
    /// An assembler of the weights that `config` asks for.
    pub fn new(config: &ClipConfig, placement: Placement) -> Self {
        let specs = weight_specs(config);
        let place = |i: usize, spec: &WeightSpec| -> Vec<(String, (usize, usize))> {
            spec.parts
                .iter()
                .enumerate()
                .map(|(j, part)| (part.name.clone(), (i, j)))
                .collect()
        };
        let places = specs
            .iter()
            .enumerate()
            .flat_map(|(i, spec)| place(i, spec))
            .collect();
        let building = specs.iter().map(|_| Building::default()).collect();
        Self {
            config: config.clone(),
            placement,
            places,
            specs,
            building,
            stored: HashMap::new(),
        }
    }

    /// The published tensor `name` and how it is used, if the model has one of that name.
    pub fn part(&self, name: &str) -> Option<(&TensorSpec, Kind)> {
        let &(spec, part) = self.places.get(name)?;
        Some((&self.specs[spec].parts[part], self.specs[spec].kind))
    }

    /// Every published tensor of the model.
    pub fn parts(&self) -> impl Iterator<Item = &TensorSpec> {
        self.specs.iter().flat_map(|spec| &spec.parts)
    }

    /// Takes the values of one published tensor, as many as its shape has.
    pub fn accept(&mut self, name: &str, values: Values) -> Result<()> {
        let &(index, part) = self
            .places
            .get(name)
            .ok_or_else(|| malformed(format!("unexpected tensor {name}")))?;
        let spec = &self.specs[index];
        let (count, expected) = (values.count(), spec.parts[part].values());
        if count != expected {
            return Err(malformed(format!(
                "tensor {name} has {count} values; expected {expected}"
            )));
        }
        if let Some(reason) = values.validate(spec.cols) {
            return Err(malformed(format!("tensor {name} {reason}")));
        }
        let building = &mut self.building[index];
        if part < building.joined || building.early.contains_key(&part) {
            return Err(malformed(format!("tensor {name} appears twice")));
        }
        let packs = self.placement.backend == Backend::Kernels && spec.kind != Kind::Projection;
        if part > building.joined {
            building.early.insert(part, values.into_owned());
            return Ok(());
        }
        let mut next = Some(values);
        while let Some(values) = next {
            building
                .form
                .join(spec, values, packs)
                .map_err(|e| malformed(format!("tensor {name}: {e}")))?;
            building.joined += 1;
            next = building.early.remove(&building.joined);
        }
        if building.joined == spec.parts.len() {
            let stored = match std::mem::take(&mut building.form) {
                Form::Empty => return Err(malformed(format!("weight {} is empty", spec.name))),
                Form::Dense(values) => Stored::Dense(self.placement.tensor(values, spec)?),
                Form::Packed(builder) => Stored::Packed(builder.finish()?),
                Form::Rows(values) => Stored::Rows(Rows {
                    values,
                    width: spec.cols,
                }),
            };
            self.stored.insert(spec.name.clone(), stored);
        }
        Ok(())
    }

    /// The weights, once every tensor has come.
    pub fn finish(self) -> Result<Weights> {
        for (spec, building) in self.specs.iter().zip(&self.building) {
            let missing = (building.joined..spec.parts.len()).find(|part| !building.early.contains_key(part));
            if let Some(part) = missing {
                return Err(malformed(format!("tensor {} is missing", spec.parts[part].name)));
            }
        }
        let parameters = self
            .specs
            .iter()
            .flat_map(|s| &s.parts)
            .map(TensorSpec::values)
            .sum();
        Ok(Weights {
            config: self.config,
            placement: self.placement,
            parameters,
            stored: self.stored,
        })
    }
}

fn invalid_code() -> Error {
    Error::Input("it has the code -128; codes are -127 to 127".into())
}

fn malformed(reason: String) -> Error {
    Error::Model {
        file: "model".into(),
        reason,
    }
}
