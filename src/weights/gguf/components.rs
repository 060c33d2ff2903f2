//! The stored tensors that are components of one published tensor, put together as they come.

use std::borrow::Cow;

use super::TensorType;
use super::plan::Role;
use crate::weights::floats::FloatType;
use crate::weights::values::Values;

/// Components of a published tensor that have come.
#[derive(Default)]
pub struct Components<'a> {
    dense: Option<Vec<f32>>,
    codes: Option<Cow<'a, [u8]>>,
    nibbles: Option<Cow<'a, [u8]>>,
    multipliers: Option<Vec<u8>>,
    scales: Option<Vec<f32>>,
}

impl<'a> Components<'a> {
    /// Adds the bytes of the stored tensor that is `role` of this one.
    pub fn add(&mut self, role: Role, bytes: Cow<'a, [u8]>) {
        match role {
            Role::Dense(kind) => {
                let float = match kind {
                    TensorType::F16 => FloatType::F16,
                    TensorType::BF16 => FloatType::BF16,
                    TensorType::F32 | TensorType::I8 => FloatType::F32,
                };
                self.dense = Some(float.to_f32(&bytes));
            }
            Role::Codes => self.codes = Some(bytes),
            Role::Nibbles => self.nibbles = Some(bytes),
            Role::Multipliers => self.multipliers = Some(bytes.into_owned()),
            Role::Scales => self.scales = Some(FloatType::F32.to_f32(&bytes)),
        }
    }

    /// The values, once all components are there; what there is of them before.
    pub fn values(self) -> Result<Values<'a>, Self> {
        match self {
            Self {
                dense: Some(values), ..
            } => Ok(Values::Dense(values)),
            Self {
                codes: Some(codes),
                scales: Some(scales),
                ..
            } => Ok(Values::Q8 {
                codes: signed(codes),
                scales,
            }),
            Self {
                nibbles: Some(nibbles),
                multipliers: Some(multipliers),
                scales: Some(scales),
                ..
            } => Ok(Values::Q4 {
                nibbles,
                multipliers,
                scales,
            }),
            components => Err(components),
        }
    }

    /// A copy that borrows from nothing.
    pub fn into_owned(self) -> Components<'static> {
        let owned = |bytes: Cow<[u8]>| Cow::Owned(bytes.into_owned());
        Components {
            codes: self.codes.map(owned),
            nibbles: self.nibbles.map(owned),
            dense: self.dense,
            multipliers: self.multipliers,
            scales: self.scales,
        }
    }
}

fn signed(bytes: Cow<[u8]>) -> Cow<[i8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytemuck::cast_slice(bytes)),
        Cow::Owned(bytes) => Cow::Owned(bytemuck::cast_vec(bytes)),
    }
}
