//! The protocol's shapes, and the way from a request's tensors to images, texts and labels.

use std::ops::Deref;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::binary::{JSON_LENGTH, elements, write};
use crate::api_error::ApiError;
use crate::body::present;
use crate::image_input::ImageInput;
use crate::limits::Limits;
use crate::service::{Naming, ServiceError, check_limit, check_texts};

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

/// The parameters that the server heeds.
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

/// The inputs of a request, within the limits.
#[derive(Default)]
pub struct InferInputs {
    pub images: Vec<ImageInput>,
    pub texts: Vec<String>,
    pub labels: Vec<String>,
}

/// The form in which a request wants its answer.
pub struct AnswerForm {
    id: Option<String>,
    outputs: Vec<WantedOutput>,
    binary: bool,
}

impl InferRequest {
    /// The inputs and the form of the answer; binary tensors lie in `tensors`, in the order of the inputs that
    /// have them.
    pub fn into_inputs(
        self,
        mut tensors: Bytes,
        limits: &Limits,
    ) -> Result<(InferInputs, AnswerForm), ServiceError> {
        let form = AnswerForm {
            id: self.id,
            outputs: self.outputs.unwrap_or_default(),
            binary: self.parameters.binary_data_output.unwrap_or(false),
        };
        let mut inputs = InferInputs::default();
        for input in self.inputs {
            let name = input.name.clone();
            inputs
                .take(input, &mut tensors, limits)
                .map_err(|error| error.at(&format!("input \"{name}\"")))?;
        }
        if !tensors.is_empty() {
            let left = tensors.len();
            return Err(ServiceError::invalid(format!(
                "{left} bytes of binary data belong to no input"
            )));
        }
        inputs.check(&form.outputs)?;
        check_texts(&inputs.texts, limits, &Naming::counted("text"))?;
        check_texts(&inputs.labels, limits, &Naming::counted("label"))?;
        Ok((inputs, form))
    }
}

impl InferInputs {
    /// Adds the elements of one tensor.
    fn take(&mut self, input: InputTensor, tensors: &mut Bytes, limits: &Limits) -> Result<(), ServiceError> {
        let name = input.name.clone();
        let (given, most) = match name.as_str() {
            "image" => (!self.images.is_empty(), limits.rows),
            "text" => (!self.texts.is_empty(), limits.rows),
            "labels" => (!self.labels.is_empty(), limits.labels),
            _ => {
                return Err(ServiceError::invalid(
                    "there are \"image\", \"text\" and \"labels\"",
                ));
            }
        };
        if given {
            return Err(ServiceError::invalid("it is given twice"));
        }
        let elements = input.elements(tensors, most)?;
        if let Some(i) = elements.iter().position(Bytes::is_empty) {
            return Err(ServiceError::invalid(format!("element {i} is empty")));
        }
        let elements = elements.into_iter();
        match name.as_str() {
            "image" => self.images = elements.map(image).collect(),
            "text" => self.texts = elements.map(text).collect::<Result<_, _>>()?,
            _ => self.labels = elements.map(text).collect::<Result<_, _>>()?,
        }
        Ok(())
    }

    /// Refuses inputs that do not belong together, and outputs that do not come of them.
    fn check(&self, outputs: &[WantedOutput]) -> Result<(), ServiceError> {
        if self.images.is_empty() && self.texts.is_empty() {
            return Err(ServiceError::invalid("there is no input \"image\" or \"text\""));
        }
        if self.images.is_empty() && !self.labels.is_empty() {
            return Err(ServiceError::invalid(
                "input \"labels\" wants an input \"image\" beside it",
            ));
        }
        let given = |name: &str| match name {
            IMAGE_FEATURES => !self.images.is_empty(),
            TEXT_FEATURES => !self.texts.is_empty(),
            PROBS => !self.labels.is_empty(),
            _ => false,
        };
        match outputs.iter().find(|output| !given(&output.name)) {
            Some(output) => Err(ServiceError::invalid(format!(
                "output \"{}\" does not come of these inputs",
                output.name
            ))),
            None => Ok(()),
        }
    }
}

impl AnswerForm {
    /// Writes the answer: those of `outputs` that were asked for, or all, in JSON or in binary.
    pub fn write(&self, name: &str, version: &str, outputs: Vec<Output>) -> Result<Response, ApiError> {
        let mut tensors = Vec::new();
        let outputs = outputs.into_iter().filter_map(|mut output| {
            let mut binary = self.binary;
            if !self.outputs.is_empty() {
                let wanted = self.outputs.iter().find(|wanted| wanted.name == output.name)?;
                binary = wanted.parameters.binary_data.unwrap_or(binary);
            }
            if binary {
                let data = output.data.take().unwrap_or_default();
                output.parameters.binary_data_size = Some(4 * data.len());
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
        let mut body = serde_json::to_vec(&answer).map_err(|_| ApiError::internal())?;
        if tensors.is_empty() {
            return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
        }
        let length = body.len().to_string();
        body.append(&mut tensors);
        let kind = (header::CONTENT_TYPE.as_str(), "application/octet-stream");
        Ok(([kind, (JSON_LENGTH, &length)], body).into_response())
    }
}

impl InputTensor {
    /// The elements, as many as the shape holds, which may be `most`.
    fn elements(self, tensors: &mut Bytes, most: usize) -> Result<Vec<Bytes>, ServiceError> {
        if self.datatype != "BYTES" {
            let given = &self.datatype;
            return Err(ServiceError::invalid(format!(
                "its datatype is {given}: send BYTES"
            )));
        }
        let unfit =
            || ServiceError::invalid(format!("its shape {:?} does not hold its elements", self.shape));
        let held = self
            .shape
            .iter()
            .try_fold(1u64, |all, &length| all.checked_mul(length));
        let held = held.filter(|_| !self.shape.is_empty()).ok_or_else(unfit)?;
        // Checked before anything is made of the data, which is then not read past what the shape holds.
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        check_limit(held, most, "elements")?;
        let found = match (self.parameters.binary_data_size, self.data) {
            (Some(size), None) if size <= tensors.len() => elements(tensors.split_to(size), held)?,
            (Some(size), None) => {
                return Err(ServiceError::invalid(format!(
                    "it has {size} bytes of binary data, but the body has {} left",
                    tensors.len()
                )));
            }
            (None, Some(data)) => {
                let mut found = Vec::new();
                flat(data, held, &mut found)?;
                found
            }
            _ => {
                return Err(ServiceError::invalid(
                    "it has no data, or both data and binary data",
                ));
            }
        };
        if found.len() != held {
            return Err(unfit());
        }
        if found.is_empty() {
            return Err(ServiceError::invalid("it has no elements"));
        }
        Ok(found)
    }
}

/// Adds the strings of a list to `found`, in row-major order where lists lie in it, up to the first that
/// is over `most`.
fn flat(data: Value, most: usize, found: &mut Vec<Bytes>) -> Result<(), ServiceError> {
    let Value::Array(items) = data else {
        return Err(ServiceError::invalid("its data is no list"));
    };
    for item in items {
        if found.len() > most {
            break;
        }
        match item {
            Value::String(text) => found.push(text.into()),
            Value::Array(_) => flat(item, most, found)?,
            _ => return Err(ServiceError::invalid("its data holds what is no string")),
        }
    }
    Ok(())
}

/// Text where every byte is printable ASCII, which no image's file is; else the file itself.
fn image(element: Bytes) -> ImageInput {
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if !element.iter().all(printable) {
        return ImageInput::File(element);
    }
    match String::from_utf8(element.into()) {
        Ok(text) => ImageInput::Text(text),
        Err(error) => ImageInput::File(error.into_bytes().into()),
    }
}

fn text(element: Bytes) -> Result<String, ServiceError> {
    String::from_utf8(element.into()).map_err(|_| ServiceError::invalid("an element is no UTF-8 text"))
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
    #[serde(skip_serializing_if = "OutputParameters::is_empty")]
    #[schema(required = false)]
    parameters: OutputParameters,
    /// Its values in row-major order.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<f32>>,
}

/// Parameters of a tensor of an answer; absent where there are none.
#[derive(Default, Serialize, ToSchema)]
struct OutputParameters {
    /// Length in bytes of values that follow the JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    binary_data_size: Option<usize>,
    /// `match` for probabilities of labels that the model judges each by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kind: Option<&'static str>,
}

impl OutputParameters {
    fn is_empty(&self) -> bool {
        self.binary_data_size.is_none() && self.kind.is_none()
    }
}

impl Output {
    /// A matrix by its rows.
    pub fn new<R: Deref<Target = [f32]>>(name: &'static str, rows: &[R]) -> Self {
        Self {
            name,
            datatype: "FP32",
            shape: vec![rows.len(), rows.first().map_or(0, |row| row.len())],
            parameters: OutputParameters::default(),
            data: Some(rows.iter().flat_map(|row| row.iter().copied()).collect()),
        }
    }

    /// The kind of its values, where it is not the usual one.
    pub fn of_kind(mut self, kind: Option<&'static str>) -> Self {
        self.parameters.kind = kind;
        self
    }
}

/// JSON Schema of [`InferRequest`]'s JSON.
pub fn schema(limits: &Limits) -> Value {
    let image_element = json!({"type": "string", "format": "image", "minLength": 1,
        "description": "base64, a data URI or (where the server allows it) a URL"});
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits.text_chars});
    let tensor = |name: &str, element: &Value, most: usize| {
        json!({"type": "object", "required": ["name", "datatype", "shape", "data"], "properties": {
            "name": {"const": name},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            "data": {"type": "array", "items": element, "minItems": 1, "maxItems": most}}})
    };
    let image = tensor("image", &image_element, limits.rows);
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
