//! The Open Inference Protocol, version 2, that clients of KServe and Triton speak, with the binary
//! tensors of its extension.
//!
//! Inputs are `image`, `text` and `labels`, each of type BYTES; outputs `image_features`,
//! `text_features` and `probs` (of the labels, for each image).

mod binary;
mod facts;
mod types;

use std::mem::take;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

pub(super) use facts::{ModelFacts, Ready, ServerFacts, ServerLive, ServerReady};
pub(super) use types::{InferAnswer, InferRequest, schema};

use super::picture::Naming;
use super::problem::Problem;
use super::{App, Shared, body};
use binary::JSON_LENGTH;
use facts::Facts;
use types::{Asked, Output};

/// The one version of a model that is served.
pub(super) const VERSION: &str = "1";

/// What the server is.
#[utoipa::path(get, path = "/v2", tag = "Open Inference Protocol", responses((status = 200, body = ServerFacts)))]
pub(super) async fn server() -> Json<ServerFacts> {
    Json(ServerFacts::default())
}

/// Whether the server answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "Open Inference Protocol",
    responses((status = 200, body = ServerLive)))]
pub(super) async fn live() -> Json<ServerLive> {
    Json(ServerLive::YES)
}

/// Whether the server takes requests: not while it stops.
#[utoipa::path(get, path = "/v2/health/ready", tag = "Open Inference Protocol",
    responses((status = 200, body = ServerReady), (status = 503, body = super::openapi::TextTrouble)))]
pub(super) async fn ready(State(app): State<Shared>) -> Result<Json<ServerReady>, Problem> {
    app.check_ready()?;
    Ok(Json(ServerReady::YES))
}

/// What the model takes and gives.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")),
    responses((status = 200, body = ModelFacts), (status = 401, body = super::openapi::TextTrouble),
        (status = 404, body = super::openapi::TextTrouble)))]
pub(super) async fn model(
    State(app): State<Shared>,
    Path(model): Path<String>,
) -> Result<Json<ModelFacts>, Problem> {
    app.check_model(&model, VERSION)?;
    Ok(Json(app.facts().describe()))
}

/// What a version of the model takes and gives.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    responses((status = 200, body = ModelFacts), (status = 401, body = super::openapi::TextTrouble),
        (status = 404, body = super::openapi::TextTrouble)))]
pub(super) async fn model_version(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<ModelFacts>, Problem> {
    app.check_model(&model, &version)?;
    Ok(Json(app.facts().describe()))
}

/// Whether the model takes requests.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")),
    responses((status = 200, body = Ready), (status = 404, body = super::openapi::TextTrouble),
        (status = 503, body = super::openapi::TextTrouble)))]
pub(super) async fn model_ready(
    State(app): State<Shared>,
    Path(model): Path<String>,
) -> Result<Json<Ready>, Problem> {
    version_ready(State(app), Path((model, VERSION.into()))).await
}

/// Whether a version of the model takes requests.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    responses((status = 200, body = Ready), (status = 404, body = super::openapi::TextTrouble),
        (status = 503, body = super::openapi::TextTrouble)))]
pub(super) async fn version_ready(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<Ready>, Problem> {
    app.check_model(&model, &version)?;
    app.check_ready()?;
    Ok(Json(Ready::new(&app.model_name)))
}

/// Runs the model on tensors.
///
/// `image` and `text` give `image_features` and `text_features`, not normalised; `image` with
/// `labels` gives `probs`, a row for each image. Tensors may follow the JSON in binary, as the
/// protocol's extension has it (`Inference-Header-Content-Length`).
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name")), request_body = ref("#/components/schemas/InferRequest"),
    responses((status = 200, body = InferAnswer), super::openapi::TextProblems))]
pub(super) async fn infer(
    State(app): State<Shared>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    infer_version(State(app), Path((model, VERSION.into())), request).await
}

/// Runs a version of the model on tensors, as the path without a version does.
#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "the model's name"),
        ("version" = String, Path, description = "the model's version")),
    request_body = ref("#/components/schemas/InferRequest"),
    responses((status = 200, body = InferAnswer), super::openapi::TextProblems))]
pub(super) async fn infer_version(
    State(app): State<Shared>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    app.check_model(&model, &version)?;
    let json_length = json_length(request.headers())?;
    let mut json = body::read(request, &app).await?;
    let tensors = match json_length {
        Some(length) if length <= json.len() => json.split_off(length),
        Some(length) => {
            return Err(Problem::invalid(format!(
                "{JSON_LENGTH} is {length} but the body has {} bytes",
                json.len()
            )));
        }
        None => bytes::Bytes::new(),
    };
    let request: InferRequest = body::parse(&app, json).await?;
    let mut asked = request.into_asked(tensors, &app.settings.limits)?;
    let outputs = app.infer(&mut asked).await?;
    asked.answer(&app.model_name, VERSION, outputs)
}

impl App {
    fn facts(&self) -> Facts<'_> {
        let dimension = self.engine.clip().info().dimension;
        Facts::new(&self.model_name, VERSION, dimension)
    }

    fn check_model(&self, model: &str, version: &str) -> Result<(), Problem> {
        let name = &self.model_name;
        if model != name && model != self.engine.clip().info().name {
            return Err(Problem::not_found(format!(
                "no model of this name: \"{name}\" is served"
            )));
        }
        if version != VERSION {
            return Err(Problem::not_found(format!(
                "no such version of \"{name}\": it has version {VERSION}"
            )));
        }
        Ok(())
    }

    /// Every output that the inputs give.
    async fn infer(&self, asked: &mut Asked) -> Result<Vec<Output>, Problem> {
        let texts = take(&mut asked.texts);
        let texts = self.tokenize(texts, Naming::counted("text")).await?;
        let labels = take(&mut asked.labels);
        let labelled = async {
            match labels.is_empty() {
                true => Ok(None),
                false => self.embed_labels(labels).await.map(Some),
            }
        };
        let pictures = take(&mut asked.images);
        let embedded = self.embed_both(pictures, texts, Naming::counted("image"));
        let ((images, texts), labels) = tokio::try_join!(embedded, labelled)?;
        let mut outputs = Vec::new();
        if let Some(labels) = labels {
            let probs: Vec<_> = images
                .iter()
                .map(|image| self.probabilities(image, &labels))
                .collect();
            outputs.push(Output::new(types::PROBS, probs));
        }
        if !images.is_empty() {
            outputs.push(Output::new(types::IMAGE_FEATURES, images));
        }
        if !texts.is_empty() {
            outputs.push(Output::new(types::TEXT_FEATURES, texts));
        }
        Ok(outputs)
    }
}

/// Length of the body's JSON where tensors follow it; `None` where the body is JSON alone. Clients of
/// Triton send no content type, those of KServe do.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(length) = text(JSON_LENGTH) {
        let length = length
            .parse()
            .map_err(|_| Problem::invalid(format!("{JSON_LENGTH} is \"{length}\", not a number of bytes")));
        return length.map(Some);
    }
    let kind = text(header::CONTENT_TYPE.as_str()).unwrap_or("application/json");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") {
        true => Ok(None),
        false => Err(Problem::media_type(format!(
            "the body's type is neither JSON nor JSON with binary tensors: send application/json, or {JSON_LENGTH}"
        ))),
    }
}
