//! Weights in memory, in the form the model multiplies with, assembled tensor by tensor.
//!
//! Whatever the file, a reader hands each published tensor to an [`Assembler`] as soon as it is
//! complete; it is converted there and then, so a model is never held twice.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::weights::config::ClipConfig;
use crate::weights::layout::{Kind, Part, Slot, slots};

/// Where and in which type a model's dense weights are held.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Device of the weights and of the computation.
    pub device: Device,
    /// Type of the weights and of the computation.
    pub dtype: DType,
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
        }
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
    dense: Vec<f32>,
    joined: usize,
    /// Parts that came before one that precedes them.
    early: HashMap<usize, Vec<f32>>,
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

    /// Takes the values of one published tensor, as many as its shape has.
    pub fn accept(&mut self, name: &str, values: Vec<f32>) -> Result<()> {
        let &(index, part) = self
            .places
            .get(name)
            .ok_or_else(|| malformed(format!("unexpected tensor {name}")))?;
        let slot = &self.slots[index];
        let expected = slot.parts[part].values();
        if values.len() != expected {
            return Err(malformed(format!(
                "tensor {name} has {} values; expected {expected}",
                values.len()
            )));
        }
        let building = &mut self.building[index];
        if part < building.joined || building.early.contains_key(&part) {
            return Err(malformed(format!("tensor {name} appears twice")));
        }
        building.early.insert(part, values);
        while let Some(values) = building.early.remove(&building.joined) {
            if building.dense.is_empty() {
                building.dense = values;
            } else {
                building.dense.extend_from_slice(&values);
            }
            building.joined += 1;
        }
        if building.joined == slot.parts.len() {
            let dense = std::mem::take(&mut building.dense);
            let mut shape = slot.parts[0].shape.clone();
            if let Some(first) = shape.first_mut() {
                *first *= slot.parts.len();
            }
            let Placement { device, dtype } = &self.placement;
            let tensor = Tensor::from_vec(dense, shape, device)?.to_dtype(*dtype)?;
            self.stored.insert(slot.name.clone(), Stored::Dense(tensor));
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

fn malformed(reason: String) -> Error {
    Error::Model {
        file: "model".into(),
        reason,
    }
}
