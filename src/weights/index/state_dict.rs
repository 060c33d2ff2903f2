//! Tensors of a pickled state dict: where and how the values of each are stored.

use std::collections::HashMap;

use super::unpickle::{Id, Pickle, Value};
use crate::weights::floats::FloatType;

/// Keys under which PyTorch's training loops put the weights among other things.
const NESTED: &str = "state_dict";
/// Prefix that wrappers for several GPUs put before every name.
const WRAPPED: &str = "module.";

/// A tensor's place in a storage, of which several tensors may be parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    /// Name of the storage among the archive's.
    pub storage: String,
    /// Name of the storage's type, such as `FloatStorage`.
    pub storage_type: String,
    /// Index of the tensor's first value in the storage.
    pub offset: usize,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Values between neighbors, for each dimension.
    pub strides: Vec<usize>,
}

impl TensorEntry {
    /// Storage type of its values, if it is floating point that can be read.
    pub fn float(&self) -> Option<FloatType> {
        match self.storage_type.as_str() {
            "FloatStorage" => Some(FloatType::F32),
            "HalfStorage" => Some(FloatType::F16),
            "BFloat16Storage" => Some(FloatType::BF16),
            _ => None,
        }
    }

    /// Returns true if its values lie one after the other in the order of its shape.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == expected;
            expected = expected.saturating_mul(*size);
            fits
        })
    }

    /// Index in the storage one behind the tensor's last value; `None` where that is beyond any storage.
    pub fn end(&self) -> Option<usize> {
        let mut last = self.offset;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(size.checked_sub(1)?.checked_mul(*stride)?)?;
        }
        last.checked_add(1)
    }
}

/// The tensors of a pickle by their names.
///
/// # Errors
/// A sentence on what is malformed.
pub fn tensors(pickle: &Pickle) -> Result<HashMap<String, TensorEntry>, String> {
    let outer = dict(pickle, pickle.root()).ok_or("does not hold a dictionary of tensors")?;
    let nested = outer.iter().find(|(key, _)| text(pickle, *key) == Some(NESTED));
    let entries = nested
        .and_then(|(_, nested)| dict(pickle, *nested))
        .unwrap_or(outer);
    let mut found = HashMap::new();
    for (key, value) in entries {
        let (Some(name), Some(arguments)) = (text(pickle, *key), rebuilt(pickle, *value)) else {
            continue;
        };
        let entry = entry(pickle, arguments).ok_or_else(|| format!("describes tensor {name} wrongly"))?;
        found.insert(name.strip_prefix(WRAPPED).unwrap_or(name).to_string(), entry);
    }
    Ok(found)
}

/// Arguments of `_rebuild_tensor_v2`, which makes a tensor of a storage, where `value` is the call of it, perhaps
/// within those that make a parameter or a subclass of the tensor.
fn rebuilt(pickle: &Pickle, mut value: Id) -> Option<&[Id]> {
    // A parameter of a subclass is the deepest there is.
    for _ in 0..3 {
        let Value::Call(function, arguments) = pickle.get(value) else {
            return None;
        };
        let arguments = tuple(pickle, *arguments)?;
        match global(pickle, *function)? {
            "torch._utils._rebuild_tensor_v2" => return Some(arguments),
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                value = *arguments.first()?;
            }
            "torch._tensor._rebuild_from_type_v2" => {
                let inner = global(pickle, *arguments.first()?)?;
                return match inner {
                    "torch._utils._rebuild_tensor_v2" => tuple(pickle, *arguments.get(2)?),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
    None
}

/// The entry that arguments `(storage, offset, shape, strides, …)` describe, if they are right.
fn entry(pickle: &Pickle, arguments: &[Id]) -> Option<TensorEntry> {
    let [storage, offset, shape, strides, ..] = arguments else {
        return None;
    };
    let Value::Persistent(id) = pickle.get(*storage) else {
        return None;
    };
    // ("storage", type, key, device, number of values)
    let [_, storage_type, key, ..] = tuple(pickle, *id)? else {
        return None;
    };
    let number = |id: &Id| match pickle.get(*id) {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    };
    let numbers = |id| tuple(pickle, id)?.iter().map(number).collect::<Option<Vec<_>>>();
    let storage_type = global(pickle, *storage_type)?;
    let entry = TensorEntry {
        storage: text(pickle, *key)?.to_string(),
        storage_type: storage_type.rsplit('.').next()?.to_string(),
        offset: number(offset)?,
        shape: numbers(*shape)?,
        strides: numbers(*strides)?,
    };
    (entry.shape.len() == entry.strides.len()).then_some(entry)
}

fn text(pickle: &Pickle, id: Id) -> Option<&str> {
    match pickle.get(id) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn global(pickle: &Pickle, id: Id) -> Option<&str> {
    match pickle.get(id) {
        Value::Global(name) => Some(name),
        _ => None,
    }
}

fn tuple(pickle: &Pickle, id: Id) -> Option<&[Id]> {
    match pickle.get(id) {
        Value::Tuple(items) => Some(items),
        _ => None,
    }
}

fn dict(pickle: &Pickle, id: Id) -> Option<&[(Id, Id)]> {
    match pickle.get(id) {
        Value::Dict(entries) => Some(entries),
        _ => None,
    }
}
