//! The protocol's shapes, and how a request's tensors become pictures, texts and labels.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::binary::{JSON_LENGTH, elements, write};
use crate::body::present;
use crate::picture::Picture;
use crate::problem::Problem;
use crate::settings::Limits;

pub const IMAGE_FEATURES: &str = "image_features";
pub const TEXT_FEATURES: &str = "text_features";
pub const PROBS: &str = "probs";

/// The JSON of a request to run a model.
#[derive(Debug, Deserialize)]
pub struct InferRequest {
    #[serde(default, deserialize_with = "present")]
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    inputs: Vec<InputTensor>,
    outputs: Option<Vec<WantedOutput>>,
}

/// Those parameters that the server heeds.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct InputTensor {
    name: String,
    datatype: String,
    shape: Vec<u64>,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct WantedOutput {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// What a request asks for.
pub struct Asked {
    pub images: Vec<Picture>,
    pub texts: Vec<String>,
    pub labels: Vec<String>,
    id: Option<String>,
    outputs: Option<Vec<WantedOutput>>,
    binary: bool,
}

impl InferRequest {
    /// What is asked; binary tensors lie in `tensors`, in the order of the inputs that have them.
    pub fn into_asked(self, mut tensors: Bytes, limits: &Limits) -> Result<Asked, Problem> {
        let mut asked = Asked {
            images: vec![],
            texts: vec![],
            labels: vec![],
            id: self.id,
            outputs: self.outputs,
            binary: self.parameters.binary_data_output.unwrap_or(false),
        };
        for input in self.inputs {
            let name = input.name.clone();
            asked
                .take(input, &mut tensors, limits)
                .map_err(|problem| problem.at(&format!("input \"{name}\"")))?;
        }
        if !tensors.is_empty() {
            let left = tensors.len();
            return Err(Problem::invalid(format!(
                "{left} bytes of binary data belong to no input"
            )));
        }
        asked.check()?;
        Ok(asked)
    }
}

impl Asked {
    fn take(&mut self, input: InputTensor, tensors: &mut Bytes, limits: &Limits) -> Result<(), Problem> {
        let name = input.name.clone();
        let (taken, most) = match name.as_str() {
            "image" => (!self.images.is_empty(), limits.rows),
            "text" => (!self.texts.is_empty(), limits.rows),
            "labels" => (!self.labels.is_empty(), limits.labels),
            _ => return Err(Problem::invalid("there are \"image\", \"text\" and \"labels\"")),
        };
        if taken {
            return Err(Problem::invalid("it is given twice"));
        }
        let elements = input.elements(tensors, most)?;
        if let Some(i) = elements.iter().position(Bytes::is_empty) {
            return Err(Problem::invalid(format!("element {i} is empty")));
        }
        let mut elements = elements.into_iter();
        match name.as_str() {
            "image" => self.images = elements.map(picture).collect(),
            "text" => self.texts = elements.map(text).collect::<Result<_, _>>()?,
            _ => {
                self.labels = elements.try_fold(vec![], |mut labels, label| {
                    labels.push(text(label)?);
                    Ok::<_, Problem>(labels)
                })?
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Problem> {
        if self.images.is_empty() && self.texts.is_empty() {
            return Err(Problem::invalid("there is no input \"image\" or \"text\""));
        }
        if self.images.is_empty() && !self.labels.is_empty() {
            return Err(Problem::invalid(
                "input \"labels\" wants an input \"image\" beside it",
            ));
        }
        let given = |name: &str| match name {
            IMAGE_FEATURES => !self.images.is_empty(),
            TEXT_FEATURES => !self.texts.is_empty(),
            PROBS => !self.labels.is_empty(),
            _ => false,
        };
        let wanted = self.outputs.as_deref().unwrap_or_default();
        match wanted.iter().find(|output| !given(&output.name)) {
            Some(output) => Err(Problem::invalid(format!(
                "output \"{}\" does not come of these inputs",
                output.name
            ))),
            None => Ok(()),
        }
    }

    /// The answer: those of `outputs` that were asked for, or all, in JSON or in binary.
    pub fn answer(&self, name: &str, version: &str, outputs: Vec<Output>) -> Result<Response, Problem> {
        let mut tensors = Vec::new();
        let outputs = outputs.into_iter().filter_map(|mut output| {
            let mut binary = self.binary;
            if let Some(wanted) = self.outputs.as_deref().filter(|wanted| !wanted.is_empty()) {
                let wanted = wanted.iter().find(|wanted| wanted.name == output.name)?;
                binary = wanted.parameters.binary_data.unwrap_or(binary);
            }
            if binary {
                let data = output.data.take().unwrap_or_default();
                output.parameters = Some(BinarySize {
                    binary_data_size: 4 * data.len(),
                });
                write(&data, &mut tensors);
            }
            Some(output)
        });
        let answer = InferAnswer {
            model_name: name.into(),
            model_version: version.into(),
            id: self.id.clone(),
            outputs: outputs.collect(),
        };
        if tensors.is_empty() {
            return Ok(Json(answer).into_response());
        }
        let mut body = serde_json::to_vec(&answer).map_err(|_| Problem::internal())?;
        let length = body.len().to_string();
        body.append(&mut tensors);
        let kind = (header::CONTENT_TYPE.as_str(), "application/octet-stream");
        Ok(([kind, (JSON_LENGTH, &length)], body).into_response())
    }
}

impl InputTensor {
    /// As many elements as the shape holds, which may be `most`.
    fn elements(self, tensors: &mut Bytes, most: usize) -> Result<Vec<Bytes>, Problem> {
        if self.datatype != "BYTES" {
            let given = &self.datatype;
            return Err(Problem::invalid(format!("its datatype is {given}: send BYTES")));
        }
        let unfit = || Problem::invalid(format!("its shape {:?} does not hold its elements", self.shape));
        let held = self
            .shape
            .iter()
            .try_fold(1u64, |all, &length| all.checked_mul(length));
        let held = held.filter(|_| !self.shape.is_empty()).ok_or_else(unfit)?;
        // Judged before anything is made of the data, which is then not read past what the shape holds.
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        Problem::over(held, most, "elements")?;
        let found = match (self.parameters.binary_data_size, self.data) {
            (Some(size), None) if size <= tensors.len() => elements(tensors.split_to(size), held)?,
            (Some(size), None) => {
                return Err(Problem::invalid(format!(
                    "it has {size} bytes of binary data, but the body has {} left",
                    tensors.len()
                )));
            }
            (None, Some(data)) => {
                let mut found = Vec::new();
                flat(data, held, &mut found)?;
                found
            }
            _ => return Err(Problem::invalid("it has no data, or both data and binary data")),
        };
        if found.len() != held {
            return Err(unfit());
        }
        if found.is_empty() {
            return Err(Problem::invalid("it has no elements"));
        }
        Ok(found)
    }
}

/// Adds the strings of a list to `found`, in row-major order where lists lie in it, up to the first that
/// is over `most`.
fn flat(data: Value, most: usize, found: &mut Vec<Bytes>) -> Result<(), Problem> {
    let Value::Array(items) = data else {
        return Err(Problem::invalid("its data is no list"));
    };
    for item in items {
        if found.len() > most {
            break;
        }
        match item {
            Value::String(text) => found.push(text.into()),
            Value::Array(_) => flat(item, most, found)?,
            _ => return Err(Problem::invalid("its data holds what is no string")),
        }
    }
    Ok(())
}

/// Text where every byte is printable ASCII, which no picture's file is; else the file itself.
fn picture(element: Bytes) -> Picture {
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match String::from_utf8(element.to_vec()) {
        Ok(text) if text.as_bytes().iter().all(printable) => Picture::Text(text),
        _ => Picture::File(element),
    }
}

fn text(element: Bytes) -> Result<String, Problem> {
    String::from_utf8(element.into()).map_err(|_| Problem::invalid("an element is no UTF-8 text"))
}

/// The JSON of an answer.
#[derive(Serialize, ToSchema)]
pub struct InferAnswer {
    model_name: String,
    model_version: String,
    /// The request's id, where it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Output>,
}

/// A tensor of an answer.
#[derive(Serialize, ToSchema)]
pub struct Output {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    /// Its values in row-major order.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<f32>>,
}

/// Where a tensor's values follow the JSON.
#[derive(Serialize, ToSchema)]
struct BinarySize {
    binary_data_size: usize,
}

impl Output {
    /// A matrix by its rows.
    pub fn new(name: &'static str, rows: Vec<Vec<f32>>) -> Self {
        Self {
            name,
            datatype: "FP32",
            shape: vec![rows.len(), rows.first().map_or(0, Vec::len)],
            parameters: None,
            data: Some(rows.concat()),
        }
    }
}

/// JSON Schema of [`InferRequest`]'s JSON.
pub fn schema(limits: &Limits) -> Value {
    let picture = json!({"type": "string", "format": "picture", "minLength": 1,
        "description": "base64, a data URI or (where the server allows it) a URL"});
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits.text_chars});
    let tensor = |name: &str, element: &Value, most: usize| {
        json!({"type": "object", "required": ["name", "datatype", "shape", "data"], "properties": {
            "name": {"const": name},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            "data": {"type": "array", "items": element, "minItems": 1, "maxItems": most}}})
    };
    let image = tensor("image", &picture, limits.rows);
    let texts = tensor("text", &text, limits.rows);
    let labels = tensor("labels", &text, limits.labels);
    let inputs = |tensors: &[&Value]| {
        let count = tensors.len();
        json!({"type": "array", "prefixItems": tensors, "items": false, "minItems": count, "maxItems": count})
    };
    json!({"type": "object", "required": ["inputs"], "properties": {
        "id": {"type": "string"},
        "inputs": {"description": "in any order; the shape holds as many elements as the data", "anyOf": [
            inputs(&[&image]), inputs(&[&texts]), inputs(&[&image, &texts]), inputs(&[&image, &labels])]},
    }, "examples": [
        {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a red circle", "a cat"]}]}
    ]})
}
