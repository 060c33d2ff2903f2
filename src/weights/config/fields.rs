//! Fields of a `config.json`: their limits, and errors that name them.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The widest tower or space of embeddings.
pub const MAX_WIDTH: u64 = 1 << 14;
/// The widest hidden layer of a block's perceptron.
pub const MAX_MLP_WIDTH: u64 = 1 << 16;
/// The most blocks of a tower.
pub const MAX_LAYERS: u64 = 256;
/// The most heads of its attention.
pub const MAX_HEADS: u64 = 256;
/// The most tokens of a vocabulary.
pub const MAX_VOCAB: u64 = 1 << 21;
/// The most tokens of a text.
pub const MAX_CONTEXT: u64 = 1 << 13;
/// The largest side of an image in pixels.
pub const MAX_IMAGE: u64 = 1 << 12;
/// The most tokens that an image may be.
pub const MAX_IMAGE_TOKENS: usize = 1 << 14;

/// The fields of one tower. As in `transformers`, the older `…_dict`, where present, wins.
pub fn object(fields: &Map<String, Value>, name: &str) -> Result<Map<String, Value>> {
    let older = fields.get(&format!("{name}_dict"));
    match older.filter(|value| !value.is_null()).or(fields.get(name)) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields.clone()),
        Some(other) => Err(malformed(format!("{name} is {other}; expected an object"))),
    }
}

/// The fields of the object `name`; an error names the field that has a wrong value.
pub fn parse<T: serde::de::DeserializeOwned>(name: &str, fields: Map<String, Value>) -> Result<T> {
    let read = |fields: &Map<String, Value>| {
        let read = serde_json::from_value::<T>(Value::Object(fields.clone()));
        read.map_err(|e| e.to_string())
    };
    read(&fields).map_err(|reason| {
        // Without the wrong field there is no error, or another.
        let is_wrong = |field: &&String| {
            let mut rest = fields.clone();
            rest.remove(*field);
            read(&rest).err().as_ref() != Some(&reason)
        };
        let expected = reason.replace("u64", "a whole number").replace("f64", "a number");
        match fields.keys().find(is_wrong) {
            Some(field) => malformed(format!("{name}.{field}: {expected}")),
            None => malformed(format!("{name}: {expected}")),
        }
    })
}

/// The width of embeddings, 512 where it is not given.
pub fn projection_dim(fields: &Map<String, Value>) -> Result<usize> {
    let given = match fields.get("projection_dim") {
        None | Some(Value::Null) => 512,
        Some(value) => value
            .as_u64()
            .ok_or_else(|| malformed(format!("projection_dim is {value}; expected a whole number")))?,
    };
    size("projection_dim", given, 1, MAX_WIDTH)
}

/// The cosine below which no text describes an image, where it is given.
pub fn threshold(fields: &Map<String, Value>) -> Result<Option<f32>> {
    match fields.get("no_match_threshold") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(threshold) => Ok(Some(threshold as f32)),
            None => Err(malformed(format!(
                "no_match_threshold is {value}; expected a number"
            ))),
        },
    }
}

/// The value of the field `name`, where it is within its limits.
pub fn size(name: &str, value: u64, min: u64, max: u64) -> Result<usize> {
    if (min..=max).contains(&value) {
        Ok(value as usize)
    } else {
        Err(unsupported(format!(
            "{name} is {value}; supported are {min} to {max}"
        )))
    }
}

/// The error of a configuration that is malformed, or contradicts itself.
pub fn malformed(reason: String) -> Error {
    Error::model("config.json", reason)
}

/// The error of a configuration that is sound, of a kind that is not read.
pub fn unsupported(reason: String) -> Error {
    Error::unsupported("config.json", reason)
}
