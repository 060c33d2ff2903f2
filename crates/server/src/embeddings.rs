//! `POST /v1/embeddings`: OpenAI's shape, for pictures as well as texts.
//!
//! Embeddings are of unit length, as OpenAI's are, so that a client's dot product is a cosine.

mod types;

use axum::Json;
use axum::extract::State;

pub(super) use types::{EmbeddingsAnswer, EmbeddingsRequest, schema};

use super::picture::Naming;
use super::problem::Problem;
use super::{Shared, body};
use types::{Embedding, Input, Usage, Vector};

/// Embeds texts and images to vectors of unit length.
///
/// `input` is a text, a part, or a list of them. A part is `{"text": …}`, `{"image": …}`, or a part of
/// OpenAI's chat messages (`{"type": "image_url", "image_url": {"url": …}}`). A text that is a data
/// URI of an image is taken for the image, so that clients which only send texts can send pictures.
#[utoipa::path(post, path = "/v1/embeddings", tag = "OpenAI", request_body = ref("#/components/schemas/EmbeddingsRequest"),
    responses((status = 200, body = EmbeddingsAnswer), super::openapi::Problems))]
pub(super) async fn embeddings(
    State(app): State<Shared>,
    body::Json(request): body::Json<EmbeddingsRequest>,
) -> Result<Json<EmbeddingsAnswer>, Problem> {
    let dimension = app.engine.clip().info().dimension;
    if let Some(wanted) = request.dimensions.filter(|&wanted| wanted != dimension) {
        return Err(Problem::invalid(format!(
            "dimensions is {wanted}, but this model's embeddings have {dimension} and cannot be cut"
        )));
    }
    Problem::over(request.count(), app.settings.limits.rows, "inputs")?;
    let encoding = request.encoding_format;
    let inputs = request.into_inputs()?;

    let (mut pictures, mut texts, mut picture_places, mut text_places) = (vec![], vec![], vec![], vec![]);
    for (i, input) in inputs.into_iter().enumerate() {
        match input {
            Input::Text(text) => {
                texts.push(text);
                text_places.push(i);
            }
            Input::Image(picture) => {
                pictures.push(picture);
                picture_places.push(i);
            }
        }
    }
    let naming = [&picture_places, &text_places].map(|numbers| Naming {
        what: "input",
        numbers,
    });
    let texts = app.tokenize(texts, naming[1]).await?;
    let tokens = texts.iter().map(Vec::len).sum();
    let (images, texts) = app.embed_both(pictures, texts, naming[0]).await?;

    let images = picture_places.into_iter().zip(images);
    let all = images.chain(text_places.into_iter().zip(texts));
    let mut data: Vec<_> = all
        .map(|(index, vector)| {
            let vector = cliplet::Embedding::from(vector).normalize().into_vec();
            Embedding::new(index, Vector::encoded(vector, encoding))
        })
        .collect();
    data.sort_by_key(Embedding::index);
    Ok(Json(EmbeddingsAnswer::new(
        data,
        app.model_name.clone(),
        Usage::of(tokens),
    )))
}
