//! Weights in memory, in the form the model multiplies with, assembled tensor by tensor.
//!
//! Whatever the file, a reader hands each published tensor to an [`Assembler`] as soon as it is
//! complete; it is converted there and then, so a model is never held twice.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::weights::config::ClipConfig;
use crate::weights::layout::{Kind, Part, Slot, slots};
use crate::weights::values::Values;
use cliplet_kernels::{Bits, PackedMatrix, PackedMatrixBuilder};

/// Where and in which type a model's dense weights are held.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Device of the weights and of the computation.
    pub device: Device,
    /// Type of the weights and of the computation.
    pub dtype: DType,
}

impl Placement {
    /// Whether our own kernels, which run on the CPU in f32, compute here. Only they multiply
    /// quantized weights; elsewhere those are held in floating point.
    pub fn has_kernels(&self) -> bool {
        self.device.is_cpu() && self.dtype == DType::F32
    }

    fn tensor(&self, values: Vec<f32>, slot: &Slot) -> Result<Tensor> {
        let mut shape = slot.parts[0].shape.clone();
        if let Some(first) = shape.first_mut() {
            *first *= slot.parts.len();
        }
        if slot.kind == Kind::Statistic {
            return Ok(Tensor::from_vec(values, shape, &Device::Cpu)?);
        }
        Ok(Tensor::from_vec(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }
}

/// All weights of a model by the names of [`crate::weights::layout`]; the model takes them out.
pub struct Weights {
    /// What they are the weights of.
    pub config: ClipConfig,
    /// Where they are.
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
    /// Slot and position in it of every published name.
    places: HashMap<String, (usize, usize)>,
    slots: Vec<Slot>,
    building: Vec<Building>,
    stored: HashMap<String, Stored>,
}

/// A slot whose parts are still arriving.
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
    fn join(&mut self, slot: &Slot, values: Values, packs: bool) -> Result<()> {
        let packed = packs && slot.kind != Kind::Table;
        if !packed && values.strays() {
            return Err(stray());
        }
        let values = if packs {
            values
        } else {
            Values::Dense(values.into_dense(slot.cols))
        };
        match (&mut *self, values) {
            (Self::Empty, Values::Dense(values)) => *self = Self::Dense(values),
            (Self::Empty, values) if slot.kind == Kind::Table => *self = Self::Rows(values.into_owned()),
            (Self::Empty, values) => {
                let bits = if matches!(values, Values::Q8 { .. }) {
                    Bits::Q8
                } else {
                    Bits::Q4
                };
                *self = Self::Packed(PackedMatrix::builder(slot.rows(), slot.cols, bits)?);
                return self.join(slot, values, packs);
            }
            (Self::Dense(joined), Values::Dense(values)) => joined.extend_from_slice(&values),
            (Self::Packed(builder), Values::Q8 { codes, scales }) => {
                // They are looked at on the way.
                builder.push_q8(&codes, &scales)?;
                if builder.min_code() == i8::MIN {
                    return Err(stray());
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
                    slot.name
                )));
            }
        }
        Ok(())
    }
}

impl Assembler {
    /// An assembler of the weights that `config` asks for.
    pub fn new(config: &ClipConfig, placement: Placement) -> Self {
        let slots = slots(config);
        let place = |i: usize, slot: &Slot| -> Vec<(String, (usize, usize))> {
            slot.parts
                .iter()
                .enumerate()
                .map(|(j, part)| (part.name.clone(), (i, j)))
                .collect()
        };
        let places = slots
            .iter()
            .enumerate()
            .flat_map(|(i, slot)| place(i, slot))
            .collect();
        let building = slots.iter().map(|_| Building::default()).collect();
        Self {
            config: config.clone(),
            placement,
            places,
            slots,
            building,
            stored: HashMap::new(),
        }
    }

    /// The published tensor `name` and how it is used, if the model has one of that name.
    pub fn part(&self, name: &str) -> Option<(&Part, Kind)> {
        let &(slot, part) = self.places.get(name)?;
        Some((&self.slots[slot].parts[part], self.slots[slot].kind))
    }

    /// Every published tensor of the model.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.slots.iter().flat_map(|slot| &slot.parts)
    }

    /// Takes the values of one published tensor, as many as its shape has.
    pub fn accept(&mut self, name: &str, values: Values) -> Result<()> {
        let &(index, part) = self
            .places
            .get(name)
            .ok_or_else(|| malformed(format!("unexpected tensor {name}")))?;
        let slot = &self.slots[index];
        let (count, expected) = (values.count(), slot.parts[part].values());
        if count != expected {
            return Err(malformed(format!(
                "tensor {name} has {count} values; expected {expected}"
            )));
        }
        if let Some(fault) = values.fault(slot.cols) {
            return Err(malformed(format!("tensor {name} {fault}")));
        }
        let building = &mut self.building[index];
        if part < building.joined || building.early.contains_key(&part) {
            return Err(malformed(format!("tensor {name} appears twice")));
        }
        let packs = self.placement.has_kernels() && slot.kind != Kind::Projection;
        if part > building.joined {
            building.early.insert(part, values.into_owned());
            return Ok(());
        }
        let mut next = Some(values);
        while let Some(values) = next {
            building
                .form
                .join(slot, values, packs)
                .map_err(|e| malformed(format!("tensor {name}: {e}")))?;
            building.joined += 1;
            next = building.early.remove(&building.joined);
        }
        if building.joined == slot.parts.len() {
            let stored = match std::mem::take(&mut building.form) {
                Form::Empty => return Err(malformed(format!("weight {} is empty", slot.name))),
                Form::Dense(values) => Stored::Dense(self.placement.tensor(values, slot)?),
                Form::Packed(builder) => Stored::Packed(builder.finish()?),
                Form::Rows(values) => Stored::Rows(Rows {
                    values,
                    width: slot.cols,
                }),
            };
            self.stored.insert(slot.name.clone(), stored);
        }
        Ok(())
    }

    /// The weights, once every tensor has come.
    pub fn finish(self) -> Result<Weights> {
        for (slot, building) in self.slots.iter().zip(&self.building) {
            let missing = (building.joined..slot.parts.len()).find(|part| !building.early.contains_key(part));
            if let Some(part) = missing {
                return Err(malformed(format!("tensor {} is missing", slot.parts[part].name)));
            }
        }
        let parameters = self.slots.iter().flat_map(|s| &s.parts).map(Part::values).sum();
        Ok(Weights {
            config: self.config,
            placement: self.placement,
            parameters,
            stored: self.stored,
        })
    }
}

fn stray() -> Error {
    Error::Input("it has the code -128; codes are -127 to 127".into())
}

fn malformed(reason: String) -> Error {
    Error::Model {
        file: "model".into(),
        reason,
    }
}
