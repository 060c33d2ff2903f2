//! The OpenAPI document: endpoints and answers as their types declare them, and the requests' schemas,
//! which know this server's limits and dimension.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, OpenApi, ToSchema};

use super::{App, Shared, embeddings, health, inference, metrics, score};

/// An error, as OpenAI's clients read it.
#[derive(Serialize, ToSchema)]
pub(super) struct Trouble {
    error: TroubleFacts,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct TroubleFacts {
    /// For a person.
    message: String,
    /// A stable name of the kind of error.
    r#type: String,
    /// The same.
    code: String,
}

/// An error, as the Open Inference Protocol has it.
#[derive(Serialize, ToSchema)]
pub(super) struct TextTrouble {
    /// For a person.
    error: String,
}

/// The errors of an endpoint that runs the model.
macro_rules! problems {
    ($name:ident, $body:ty) => {
        #[derive(IntoResponses)]
        #[allow(dead_code, reason = "only the derived description is used")]
        pub(super) enum $name {
            /// The request's shape is wrong; the message names the row.
            #[response(status = 400)]
            Invalid($body),
            /// The key is missing or wrong.
            #[response(status = 401)]
            Unauthorized($body),
            /// There is no such model.
            #[response(status = 404)]
            NotFound($body),
            /// The body came too slowly.
            #[response(status = 408)]
            Stalled($body),
            /// The body is over the limit.
            #[response(status = 413)]
            TooLarge($body),
            /// The body is not of a type that is read.
            #[response(status = 415)]
            MediaType($body),
            /// A picture cannot be read, or something is over a limit.
            #[response(status = 422)]
            Unusable($body),
            /// The server is busy: Retry-After tells when to come back.
            #[response(status = 429)]
            Busy($body),
            /// The model failed.
            #[response(status = 500)]
            Internal($body),
            /// The server is stopping.
            #[response(status = 503)]
            Stopping($body),
            /// The request took too long.
            #[response(status = 504)]
            TooSlow($body),
        }
    };
}

problems!(Problems, Trouble);
problems!(TextProblems, TextTrouble);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "cliplet",
        description = "CLIP: zero-shot image classification, image and text embeddings."
    ),
    paths(
        score::score,
        embeddings::embeddings,
        inference::infer,
        inference::infer_version,
        inference::model,
        inference::model_version,
        inference::model_ready,
        inference::version_ready,
        inference::server,
        inference::live,
        inference::ready,
        health::alive,
        health::ready,
        metrics::metrics,
        openapi,
    )
)]
struct Document;

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Health",
    responses((status = 200, content_type = "application/json", body = Object)))]
pub(super) async fn openapi(State(app): State<Shared>) -> Json<Value> {
    Json(app.document())
}

impl App {
    fn document(&self) -> Value {
        let mut document = json!(Document::openapi());
        let limits = &self.settings.limits;
        let dimension = self.engine.clip().info().dimension;
        let schemas = &mut document["components"]["schemas"];
        schemas["ScoreRequest"] = score::schema(limits);
        schemas["EmbeddingsRequest"] = embeddings::schema(limits, dimension);
        schemas["InferRequest"] = inference::schema(limits);
        // A row that was classified has no feature, which an embedded one need not have either.
        if let Some(score) = schemas["Score"].as_object_mut() {
            let kinds = score.remove("oneOf").unwrap_or_default();
            score.insert("anyOf".into(), kinds);
        }
        // What the path parameters may be, and the key on what the door keeps behind it.
        let paths = document["paths"].as_object_mut().into_iter().flatten();
        for (_, operations) in paths {
            for operation in operations
                .as_object_mut()
                .into_iter()
                .flat_map(|all| all.values_mut())
            {
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
                if self.settings.key.is_some() && answers.is_some_and(|all| all.contains_key("401")) {
                    operation["security"] = json!([{"key": []}]);
                }
            }
        }
        if self.settings.key.is_some() {
            document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer"}});
        }
        document
    }
}
