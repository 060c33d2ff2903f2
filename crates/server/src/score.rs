//! `POST /score`: zero-shot classification and embeddings in the shapes of Azure ML's CLIP endpoints.

mod types;

use axum::Json;
use axum::extract::State;

pub use types::Task;
pub(super) use types::{Score, ScoreRequest, schema};

use super::body;
use super::engine::{LabelEmbeddings, Tokens};
use super::picture::{Naming, Picture};
use super::problem::Problem;
use super::{App, Shared};
use cliplet::Embedding;
use cliplet::zero_shot::{LabelSet, logits, parse_labels, softmax};
use types::Ask;

/// Answers a frame of rows.
///
/// Labels for pictures (the first row's text, and an image in every row) are classified; rows that
/// are all texts, all images, or all both are embedded, not normalised. Where a frame fits both,
/// `params.task` decides, else the server's `--task`.
#[utoipa::path(post, path = "/score", tag = "Azure ML", request_body = ref("#/components/schemas/ScoreRequest"),
    responses((status = 200, body = Vec<Score>), super::openapi::Problems))]
pub(super) async fn score(
    State(app): State<Shared>,
    body::Json(request): body::Json<ScoreRequest>,
) -> Result<Json<Vec<Score>>, Problem> {
    Problem::over(request.rows(), app.settings.limits.rows, "rows")?;
    Ok(Json(match request.into_ask(app.settings.task)? {
        Ask::ZeroShot { labels, images } => app.zero_shot(&labels, images).await?,
        Ask::Embeddings { images, texts } => app.embeddings(images, texts).await?,
    }))
}

impl App {
    async fn zero_shot(&self, labels: &str, images: Vec<String>) -> Result<Vec<Score>, Problem> {
        let labels = parse_labels(labels);
        if labels.is_empty() {
            return Err(Problem::invalid(
                "row 0: its text holds no label: separate labels by commas",
            ));
        }
        // The answer repeats them in every row.
        let length = images.len() * labels.iter().map(String::len).sum::<usize>();
        Problem::over(
            length,
            self.settings.limits.body_bytes,
            "bytes of labels in the answer's rows",
        )?;
        let pictures = images.into_iter().map(Picture::Text).collect();
        let (images, embeddings) = tokio::try_join!(
            self.embed_pictures(pictures, Naming::counted("row")),
            self.embed_labels(labels.clone())
        )?;
        let scores = images.iter().map(|image| Score::ZeroShot {
            probs: self.probabilities(image, &embeddings),
            labels: labels.clone(),
        });
        Ok(scores.collect())
    }

    /// Embeds labels through the server's templates.
    pub(super) async fn embed_labels(&self, labels: Vec<String>) -> Result<LabelEmbeddings, Problem> {
        Problem::over(labels.len(), self.settings.limits.labels, "labels")?;
        self.check_texts(&labels, Naming::counted("label"))?;
        let set = LabelSet::new(labels, self.settings.templates.clone())?;
        Ok(self.engine.embed_labels(set.into()).await?)
    }

    /// The probability of each label for a picture.
    pub(super) fn probabilities(&self, image: &[f32], labels: &LabelEmbeddings) -> Vec<f32> {
        let image = Embedding::from(image.to_vec()).normalize();
        softmax(&logits(&image, labels, self.engine.clip().logit_scale()))
    }

    async fn embeddings(&self, images: Vec<String>, texts: Vec<String>) -> Result<Vec<Score>, Problem> {
        let images = images.into_iter().map(Picture::Text).collect();
        let texts = self.tokenize(texts, Naming::counted("row")).await?;
        let (images, texts) = self.embed_both(images, texts, Naming::counted("row")).await?;
        let (mut images, mut texts) = (images.into_iter(), texts.into_iter());
        let rows = images.len().max(texts.len());
        Ok((0..rows)
            .map(|_| Score::Embeddings {
                image_features: images.next(),
                text_features: texts.next(),
            })
            .collect())
    }

    /// Embeds the pictures and the texts of one request side by side, not normalised.
    pub(super) async fn embed_both(
        &self,
        pictures: Vec<Picture>,
        texts: Vec<Tokens>,
        naming: Naming<'_>,
    ) -> Result<(Vec<Vec<f32>>, Vec<Vec<f32>>), Problem> {
        tokio::try_join!(
            async {
                match pictures.is_empty() {
                    true => Ok(vec![]),
                    false => self.embed_pictures(pictures, naming).await,
                }
            },
            async {
                match texts.is_empty() {
                    true => Ok(vec![]),
                    false => Ok(self.engine.embed_tokens(texts).await?),
                }
            }
        )
    }

    /// The ids of the texts of one request, none of which may be over the limit.
    pub(super) async fn tokenize(
        &self,
        texts: Vec<String>,
        naming: Naming<'_>,
    ) -> Result<Vec<Tokens>, Problem> {
        self.check_texts(&texts, naming)?;
        Ok(self.engine.tokenize(texts).await?)
    }

    fn check_texts(&self, texts: &[String], naming: Naming<'_>) -> Result<(), Problem> {
        for (i, text) in texts.iter().enumerate() {
            let over = Problem::over(
                text.chars().count(),
                self.settings.limits.text_chars,
                "characters",
            );
            over.map_err(|problem| problem.at(&naming.name(i)))?;
        }
        Ok(())
    }
}
