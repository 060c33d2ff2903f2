//! The OpenAPI document: endpoints and answers as their types declare them, and the requests' schemas,
//! which know this server's limits and dimension.

use std::sync::Arc;

use axum::{Extension, Json};
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{App, Shared, embeddings, inference, score};

#[derive(OpenApi)]
#[openapi(info(
    title = "cliplet",
    description = "CLIP: zero-shot image classification, image and text embeddings."
))]
struct Head;

/// The document of a server.
#[derive(Clone)]
pub(super) struct Document(pub Arc<Value>);

/// A router without routes, for the document's head.
pub(super) fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Head::openapi())
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Health",
    responses((status = 200, content_type = "application/json", body = Object)))]
pub(super) async fn openapi(Extension(document): Extension<Document>) -> Json<Value> {
    Json(Value::clone(&document.0))
}

impl App {
    /// Adds the schemas that depend on this server to a document.
    pub(super) fn complete(&self, document: utoipa::openapi::OpenApi) -> Value {
        let mut document = json!(document);
        let dimension = self.service.clip().info().dimension;
        let schemas = &mut document["components"]["schemas"];
        schemas["ScoreRequest"] = score::schema(&self.limits);
        schemas["EmbeddingsRequest"] = embeddings::schema(&self.limits, dimension);
        schemas["InferRequest"] = inference::schema(&self.limits);
        // A row that was classified has no feature, which an embedded one need not have either.
        if let Some(score) = schemas["Score"].as_object_mut() {
            let kinds = score.remove("oneOf").unwrap_or_default();
            score.insert("anyOf".into(), kinds);
        }
        let paths = document["paths"].as_object_mut().into_iter().flatten();
        let operations = paths.flat_map(|(_, operations)| operations.as_object_mut());
        for operation in operations.flat_map(|operations| operations.values_mut()) {
            self.complete_operation(operation);
        }
        if !self.api_keys().is_empty() {
            document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer"}});
        }
        document
    }

    /// Adds the values that path parameters may have, and the key where one is needed.
    fn complete_operation(&self, operation: &mut Value) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let only = match parameter["name"] == "version" {
                true => inference::VERSION,
                false => &self.model_name,
            };
            parameter["schema"] = json!({"type": "string", "enum": [only]});
        }
        if let Some(body) = operation.get_mut("requestBody") {
            body["required"] = json!(true);
        }
        let answers = operation["responses"].as_object_mut();
        if !self.api_keys().is_empty() && answers.is_some_and(|all| all.contains_key("401")) {
            operation["security"] = json!([{"key": []}]);
        }
    }
}
