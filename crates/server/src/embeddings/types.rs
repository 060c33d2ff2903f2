//! OpenAI's shapes of an embeddings request and its answer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::present;
use crate::image_input::ImageInput;
use crate::limits::Limits;
use crate::service::ServiceError;
use cliplet::image::is_data_uri;

/// The body of `POST /v1/embeddings`. `model` and `user` may be there, and change nothing.
#[derive(Debug, Deserialize)]
pub struct EmbeddingsRequest {
    input: Value,
    #[serde(default)]
    pub(super) encoding_format: Encoding,
    pub(super) dimensions: Option<usize>,
    #[serde(default, rename = "model")]
    _model: Option<String>,
    #[serde(default, rename = "user")]
    _user: Option<String>,
}

/// The form in which vectors are written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// Numbers.
    #[default]
    Float,
    /// Little-endian float32 in base64.
    Base64,
}

/// One thing to embed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Text(String),
    Image(ImageInput),
}

impl EmbeddingsRequest {
    /// Number of inputs.
    pub(super) fn count(&self) -> usize {
        match &self.input {
            Value::Array(inputs) => inputs.len(),
            _ => 1,
        }
    }

    /// The inputs that are to be embedded, in order.
    pub(super) fn into_inputs(self) -> Result<Vec<Input>, ServiceError> {
        let inputs = match self.input {
            Value::Array(inputs) => inputs,
            one => vec![one],
        };
        if inputs.is_empty() {
            return Err(ServiceError::invalid(
                "input is an empty list: give a text or an image",
            ));
        }
        let named = |(i, input)| Input::read(input).map_err(|error| error.at(&format!("input {i}")));
        inputs.into_iter().enumerate().map(named).collect()
    }
}

impl Input {
    fn read(value: Value) -> Result<Self, ServiceError> {
        let part = match value {
            Value::String(text) if is_data_uri(&text) => Part::of_image(text),
            Value::String(text) => Part::of_text(text),
            other => Part::deserialize(other).map_err(|error| ServiceError::invalid(error.to_string()))?,
        };
        let (text, image, kind) = (
            part.text,
            part.image.or(part.image_url.map(ImageUrl::url)),
            part.kind,
        );
        match (text, image, kind) {
            (Some(text), None, None | Some(Kind::Text)) if !text.is_empty() => Ok(Self::Text(text)),
            (None, Some(image), None | Some(Kind::ImageUrl)) if !image.is_empty() => {
                Ok(Self::Image(ImageInput::Text(image)))
            }
            _ => Err(ServiceError::invalid(
                "it is neither one text nor one image, or empty: send a text, {\"text\": …} or {\"image\": …}",
            )),
        }
    }
}

/// An input that is an object: a text or an image, in a short form or in that of chat messages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default, rename = "type", deserialize_with = "present")]
    kind: Option<Kind>,
    #[serde(default, deserialize_with = "present")]
    text: Option<String>,
    #[serde(default, deserialize_with = "present")]
    image: Option<String>,
    #[serde(default, deserialize_with = "present")]
    image_url: Option<ImageUrl>,
}

impl Part {
    fn of_text(text: String) -> Self {
        Self {
            text: Some(text),
            ..Self::default()
        }
    }

    fn of_image(image: String) -> Self {
        Self {
            image: Some(image),
            ..Self::default()
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    ImageUrl,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageUrl {
    url: String,
    #[serde(default, rename = "detail", deserialize_with = "present")]
    _detail: Option<String>,
}

impl ImageUrl {
    fn url(self) -> String {
        self.url
    }
}

/// The answer of `POST /v1/embeddings`.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmbeddingsAnswer {
    /// Always `list`.
    object: &'static str,
    data: Vec<Embedding>,
    /// The model that is served.
    model: String,
    usage: Usage,
}

impl EmbeddingsAnswer {
    pub(super) fn new(data: Vec<Embedding>, model: String, usage: Usage) -> Self {
        Self {
            object: "list",
            data,
            model,
            usage,
        }
    }
}

/// The embedding of one input.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Embedding {
    /// Always `embedding`.
    object: &'static str,
    /// The input's place.
    index: usize,
    embedding: Vector,
}

impl Embedding {
    pub fn new(index: usize, embedding: Vector) -> Self {
        Self {
            object: "embedding",
            index,
            embedding,
        }
    }

    pub fn index(&self) -> usize {
        self.index
    }
}

/// A vector of unit length, as numbers or as base64 of little-endian float32.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Vector {
    Float(Vec<f32>),
    Base64(String),
}

impl Vector {
    pub fn encoded(vector: Vec<f32>, encoding: Encoding) -> Self {
        match encoding {
            Encoding::Float => Self::Float(vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                Self::Base64(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}

/// Tokens of the request's texts, start and end included; images have none.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

impl Usage {
    pub fn of(tokens: usize) -> Self {
        Self {
            prompt_tokens: tokens,
            total_tokens: tokens,
        }
    }
}

/// JSON Schema of [`EmbeddingsRequest`].
pub fn schema(limits: &Limits, dimension: usize) -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits.text_chars});
    let image = json!({"type": "string", "format": "image", "minLength": 1,
        "description": "base64, a data URI or (where the server allows it) a URL"});
    let part = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let url = part(json!({"url": image, "detail": {"type": "string"}}), &["url"]);
    let input = json!({"anyOf": [
        text,
        part(json!({"text": text, "type": {"const": "text"}}), &["text"]),
        part(json!({"image": image}), &["image"]),
        part(json!({"image_url": url, "type": {"const": "image_url"}}), &["image_url"]),
    ]});
    let list = json!({"type": "array", "items": input, "minItems": 1, "maxItems": limits.rows});
    json!({"type": "object", "required": ["input"], "properties": {
        "input": {"anyOf": [input, list]},
        "encoding_format": {"enum": ["float", "base64"]},
        "dimensions": {"enum": [dimension, null]},
        "model": {"type": ["string", "null"]},
        "user": {"type": ["string", "null"]},
    }, "examples": [{"input": ["a red circle", "a cat"], "model": "clip"}]})
}
