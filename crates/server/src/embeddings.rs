//! `POST /v1/embeddings`: OpenAI's shape, for images as well as texts.
//!
//! Embeddings are of unit length, as OpenAI's are, so that a client's dot product is a cosine.

mod types;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

pub(super) use types::{EmbeddingsRequest, schema};

use super::api_error::{ApiError, Errors};
use super::client::Client;
use super::image_input::ImageInput;
use super::limits::Limits;
use super::service::{Naming, ServiceError, check_limit, check_texts};
use super::{Shared, body};
use types::{Embedding, EmbeddingsAnswer, Encoding, Input, Usage, Vector};

/// Embeds texts and images to vectors of unit length.
///
/// `input` is a text, a part, or a list of them. A part is `{"text": …}`, `{"image": …}`, or a part of
/// OpenAI's chat messages (`{"type": "image_url", "image_url": {"url": …}}`). A text that is a data
/// URI of an image is taken for the image, so that clients which only send texts can send images.
#[utoipa::path(post, path = "/v1/embeddings", tag = "OpenAI", request_body = ref("#/components/schemas/EmbeddingsRequest"),
    responses((status = 200, body = EmbeddingsAnswer), Errors))]
pub(super) async fn embeddings(
    State(app): State<Shared>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, ApiError> {
    let bytes = body::json(request).await?;
    let (limits, dimension) = (app.limits, app.service.clip().info().dimension);
    let convert = move |request: EmbeddingsRequest| Ok(Inputs::checked(request, dimension, &limits)?);
    let inputs = body::parse(&app, client, bytes, convert).await?;
    let texts = app
        .service
        .tokenize(client, inputs.texts, &inputs.text_naming)
        .await?;
    let tokens = texts.iter().map(Vec::len).sum();
    let (images, texts) = app
        .service
        .embed(client, inputs.images, texts, &inputs.image_naming)
        .await?;

    let places = inputs
        .image_naming
        .numbers
        .into_iter()
        .chain(inputs.text_naming.numbers);
    let vectors = images.into_iter().chain(texts);
    let mut data: Vec<_> = places
        .zip(vectors)
        .map(|(index, embedding)| {
            let unit = embedding.normalize().into_vec();
            Embedding::new(index, Vector::encoded(unit, inputs.encoding))
        })
        .collect();
    data.sort_by_key(Embedding::index);
    let values = data.len() * dimension;
    let answer = EmbeddingsAnswer::new(data, app.model_name.clone(), Usage::of(tokens));
    body::answer(&app, client, values, answer).await
}

/// The images and texts of a request, within the limits, and their places in it.
pub(super) struct Inputs {
    pub(super) images: Vec<ImageInput>,
    image_naming: Naming,
    pub(super) texts: Vec<String>,
    text_naming: Naming,
    encoding: Encoding,
}

impl Inputs {
    pub(super) fn checked(
        request: EmbeddingsRequest,
        dimension: usize,
        limits: &Limits,
    ) -> Result<Self, ServiceError> {
        if let Some(wanted) = request.dimensions.filter(|&wanted| wanted != dimension) {
            return Err(ServiceError::invalid(format!(
                "dimensions is {wanted}, but this model's embeddings have {dimension} and cannot be cut"
            )));
        }
        check_limit(request.count(), limits.rows, "inputs")?;
        let naming = Naming::counted("input");
        let mut inputs = Self {
            images: vec![],
            image_naming: naming.clone(),
            texts: vec![],
            text_naming: naming,
            encoding: request.encoding_format,
        };
        for (i, input) in request.into_inputs()?.into_iter().enumerate() {
            match input {
                Input::Text(text) => {
                    inputs.texts.push(text);
                    inputs.text_naming.numbers.push(i);
                }
                Input::Image(image) => {
                    inputs.images.push(image);
                    inputs.image_naming.numbers.push(i);
                }
            }
        }
        check_texts(&inputs.texts, limits, &inputs.text_naming)?;
        Ok(inputs)
    }
}
