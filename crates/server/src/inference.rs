//! The Open Inference Protocol, version 2, that clients of KServe and Triton speak, with the binary
//! tensors of its extension.
//!
//! Inputs are `image`, `text` and `labels`, each of type BYTES; outputs `image_features`,
//! `text_features` and `probs` (of the labels, for each image).

mod binary;
mod metadata;
mod types;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;

pub(super) use types::{InferRequest, schema};

use super::api_error::{ApiError, OpenInferenceErrorBody, OpenInferenceErrors};
use super::client::Client;
use super::pool::CancelFlag;
use super::service::{Embeddings, Naming, ServiceError};
use super::{App, Shared, body};
use binary::JSON_LENGTH;
use metadata::{ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady};
use types::{InferAnswer, InferInputs, Output};

/// The one version of a model that is served.
pub(super) const VERSION: &str = "1";

/// Describes the server.
#[utoipa::path(get, path = "/v2", tag = "Open Inference Protocol", responses((status = 200, body = ServerMetadata)))]
pub(super) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata::default())
}

/// Tells that the server answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "Open Inference Protocol",
    responses((status = 200, body = ServerLive)))]
pub(super) async fn live() -> Json<ServerLive> {
    Json(ServerLive::YES)
}

/// Tells that the server takes requests, which it does not while it stops.
#[utoipa::path(get, path = "/v2/health/ready", tag = "Open Inference Protocol",
    responses((status = 200, body = ServerReady), (status = 503, body = OpenInferenceErrorBody)))]
pub(super) async fn ready(State(app): State<Shared>) -> Result<Json<ServerReady>, ApiError> {
    app.check_ready()?;
    Ok(Json(ServerReady::YES))
}

/// Describes the model's inputs and outputs.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")),
    responses((status = 200, body = ModelMetadata), (status = 401, body = OpenInferenceErrorBody),
        (status = 404, body = OpenInferenceErrorBody)))]
pub(super) async fn model(
    State(app): State<Shared>,
    Path(model): Path<String>,
) -> Result<Json<ModelMetadata>, ApiError> {
    app.check_model(&model, VERSION)?;
    Ok(Json(app.metadata()))
}

/// Describes the inputs and outputs of a version of the model.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    responses((status = 200, body = ModelMetadata), (status = 401, body = OpenInferenceErrorBody),
        (status = 404, body = OpenInferenceErrorBody)))]
pub(super) async fn model_version(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<ModelMetadata>, ApiError> {
    app.check_model(&model, &version)?;
    Ok(Json(app.metadata()))
}

/// Tells that the model takes requests.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")),
    responses((status = 200, body = ModelReady), (status = 404, body = OpenInferenceErrorBody),
        (status = 503, body = OpenInferenceErrorBody)))]
pub(super) async fn model_ready(
    State(app): State<Shared>,
    Path(model): Path<String>,
) -> Result<Json<ModelReady>, ApiError> {
    version_ready(State(app), Path((model, VERSION.into()))).await
}

/// Tells that a version of the model takes requests.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    responses((status = 200, body = ModelReady), (status = 404, body = OpenInferenceErrorBody),
        (status = 503, body = OpenInferenceErrorBody)))]
pub(super) async fn version_ready(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<ModelReady>, ApiError> {
    app.check_model(&model, &version)?;
    app.check_ready()?;
    Ok(Json(ModelReady::new(&app.model_name)))
}

/// Runs the model on tensors.
///
/// `image` and `text` give `image_features` and `text_features`, not normalized; `image` with
/// `labels` gives `probs`, a row for each image. Tensors may follow the JSON in binary, as the
/// protocol's extension has it (`Inference-Header-Content-Length`).
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")), request_body = ref("#/components/schemas/InferRequest"),
    responses((status = 200, body = InferAnswer), OpenInferenceErrors))]
pub(super) async fn infer(
    State(app): State<Shared>,
    Path(model): Path<String>,
    client: Extension<Client>,
    request: Request,
) -> Result<Response, ApiError> {
    infer_version(State(app), Path((model, VERSION.into())), client, request).await
}

/// Runs a version of the model on tensors, as the path without a version does.
#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    request_body = ref("#/components/schemas/InferRequest"),
    responses((status = 200, body = InferAnswer), OpenInferenceErrors))]
pub(super) async fn infer_version(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, ApiError> {
    app.check_model(&model, &version)?;
    let json_length = json_length(request.headers())?;
    let mut json = body::bytes(request).await?;
    let tensors = match json_length {
        Some(length) if length <= json.len() => json.split_off(length),
        Some(length) => {
            return Err(ApiError::invalid(format!(
                "{JSON_LENGTH} is {length} but the body has {} bytes",
                json.len()
            )));
        }
        None => Bytes::new(),
    };
    let limits = app.limits;
    let convert = move |request: InferRequest| Ok(request.into_inputs(tensors, &limits)?);
    let (inputs, form) = body::parse(&app, client, json, convert).await?;
    let outputs = app.infer(client, inputs).await?;
    let name = app.model_name.clone();
    let write = move |_: &CancelFlag| form.write(&name, VERSION, outputs);
    app.service.on_pool(client, write).await?
}

impl App {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata::new(&self.model_name, VERSION, self.service.clip().info())
    }

    fn check_model(&self, model: &str, version: &str) -> Result<(), ServiceError> {
        let name = &self.model_name;
        if model != name && model != self.service.clip().info().name {
            return Err(ServiceError::NotFound(format!(
                "no model of this name: \"{name}\" is served"
            )));
        }
        if version != VERSION {
            return Err(ServiceError::NotFound(format!(
                "no such version of \"{name}\": it has version {VERSION}"
            )));
        }
        Ok(())
    }

    /// Every output that the inputs give.
    async fn infer(&self, client: Client, inputs: InferInputs) -> Result<Vec<Output>, ServiceError> {
        let service = &self.service;
        let InferInputs {
            images,
            texts,
            labels,
        } = inputs;
        let texts = service.tokenize(client, texts, &Naming::counted("text")).await?;
        let embed_labels = async {
            match labels.is_empty() {
                true => Ok(None),
                false => service.embed_labels(client, labels).await.map(Some),
            }
        };
        let naming = Naming::counted("image");
        let embedded = service.embed(client, images, texts, &naming);
        let ((images, texts), labels) = tokio::try_join!(embedded, embed_labels)?;
        let mut outputs = Vec::new();
        let images: std::sync::Arc<Embeddings> = images.into();
        if let Some(labels) = labels {
            let probs = service.probabilities(client, images.clone(), labels).await?;
            outputs.push(Output::new(types::PROBS, &probs).of_kind(service.kind_of_probabilities()));
        }
        if !images.is_empty() {
            outputs.push(Output::new(types::IMAGE_FEATURES, &images));
        }
        if !texts.is_empty() {
            outputs.push(Output::new(types::TEXT_FEATURES, &texts));
        }
        Ok(outputs)
    }
}

/// Length of the body's JSON where tensors follow it; `None` where the body is JSON alone. The header of that
/// length stands for the content type of a body with binary tensors, which Triton's clients leave out: like
/// the type of JSON, no web page can send it to another origin without asking first.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(length) = text(JSON_LENGTH) {
        let length = length
            .parse()
            .map_err(|_| ApiError::invalid(format!("{JSON_LENGTH} is \"{length}\", not a number of bytes")));
        return length.map(Some);
    }
    match body::is_json(text(header::CONTENT_TYPE.as_str())) {
        true => Ok(None),
        false => Err(ApiError::media_type(format!(
            "the body's type is neither JSON nor JSON with binary tensors: send the header \"Content-Type: \
             application/json\", or {JSON_LENGTH}"
        ))),
    }
}
