//! `POST /score`: zero-shot classification and embeddings in the shapes of Azure ML's CLIP endpoints.

mod types;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

pub use types::Task;
pub(super) use types::{ScoreRequest, schema};

use super::api_error::{ApiError, Errors};
use super::client::Client;
use super::image_input::ImageInput;
use super::service::{Naming, check_limit, check_texts, split_labels};
use super::{App, Shared, body};
use crate::limits::Limits;
use cliplet::Embedding;
use types::{Score, ScoreTask};

/// Answers a frame of rows.
///
/// Labels for images (the first row's text, and an image in every row) are classified; rows that
/// are all texts, all images, or all both are embedded, not normalized. Where a frame fits both,
/// `params.task` decides, else the server's `--task`.
#[utoipa::path(post, path = "/score", tag = "Azure ML", request_body = ref("#/components/schemas/ScoreRequest"),
    responses((status = 200, body = Vec<Score>), Errors))]
pub(super) async fn score(
    State(app): State<Shared>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, ApiError> {
    let bytes = body::json(request).await?;
    let (limits, task) = (app.limits, app.task);
    let convert = move |request: ScoreRequest| checked(request, task, &limits);
    let scores = match body::parse(&app, client, bytes, convert).await? {
        Work::Classify { images, labels } => app.classify_rows(client, images, labels).await?,
        Work::Embed { images, texts } => app.embed_rows(client, images, texts).await?,
    };
    let values = scores.iter().map(Score::values).sum();
    body::answer(&app, client, values, scores).await
}

/// A task whose parts are within the limits.
pub(super) enum Work {
    Classify {
        images: Vec<ImageInput>,
        labels: Vec<String>,
    },
    Embed {
        images: Vec<ImageInput>,
        texts: Vec<String>,
    },
}

/// The task of a request, if it is within the limits.
pub(super) fn checked(
    request: ScoreRequest,
    otherwise: Option<Task>,
    limits: &Limits,
) -> Result<Work, ApiError> {
    check_limit(request.rows(), limits.rows, "rows")?;
    let inputs = |images: Vec<String>| images.into_iter().map(ImageInput::Text).collect();
    match request.into_task(otherwise)? {
        ScoreTask::ZeroShot { labels, images } => {
            let labels = split_labels(&labels, limits)?;
            // The answer repeats them in every row.
            let length = images.len() * labels.iter().map(String::len).sum::<usize>();
            check_limit(length, limits.body_bytes, "bytes of labels in the answer's rows")?;
            Ok(Work::Classify {
                images: inputs(images),
                labels,
            })
        }
        ScoreTask::Embeddings { images, texts } => {
            check_texts(&texts, limits, &Naming::counted("row"))?;
            Ok(Work::Embed {
                images: inputs(images),
                texts,
            })
        }
    }
}

impl App {
    async fn classify_rows(
        &self,
        client: Client,
        images: Vec<ImageInput>,
        labels: Vec<String>,
    ) -> Result<Vec<Score>, ApiError> {
        let naming = Naming::counted("row");
        let probabilities = self
            .service
            .classify(client, images, labels.clone(), &naming)
            .await?;
        let rows = probabilities.into_iter().map(|probs| Score::ZeroShot {
            probs,
            labels: labels.clone(),
            kind: self.service.kind_of_probabilities(),
        });
        Ok(rows.collect())
    }

    async fn embed_rows(
        &self,
        client: Client,
        images: Vec<ImageInput>,
        texts: Vec<String>,
    ) -> Result<Vec<Score>, ApiError> {
        let naming = Naming::counted("row");
        let texts = self.service.tokenize(client, texts, &naming).await?;
        let (images, texts) = self.service.embed(client, images, texts, &naming).await?;
        let (mut images, mut texts) = (images.into_iter(), texts.into_iter());
        let rows = images.len().max(texts.len());
        let row = |_| Score::Embeddings {
            image_features: images.next().map(Embedding::into_vec),
            text_features: texts.next().map(Embedding::into_vec),
        };
        Ok((0..rows).map(row).collect())
    }
}
