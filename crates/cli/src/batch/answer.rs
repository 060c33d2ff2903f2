//! The answer for a row, in the fields of the server's `/score`.

use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::zero_shot::Scorer;
use cliplet::{Embedding, UnitEmbedding};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pipeline::PreparedRow;

/// The answer for one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Number of the row in the input, from 0.
    pub row: u64,
    /// The row's own `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    /// Path of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Probability of each of [`Self::labels`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probs: Option<Vec<f32>>,
    /// The labels in their order, or the best first where a number of them was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Embedding of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_features: Option<Vec<f32>>,
    /// Embedding of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_features: Option<Vec<f32>>,
    /// The reason why the row failed; then it has none of the results above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The work that is done for every row.
pub enum Task {
    /// Labels are ranked for the image.
    ZeroShot {
        labels: Vec<String>,
        embeddings: Vec<UnitEmbedding>,
        top_k: Option<usize>,
    },
    /// Image and text are embedded.
    Embeddings { normalize: bool },
}

impl Task {
    /// Answers a chunk of rows, in order.
    ///
    /// # Errors
    /// Those of the model; a row that could not be prepared has its error in its answer.
    pub fn answer(&self, clip: &Clip, chunk: Vec<PreparedRow>) -> Result<Vec<Answer>, Error> {
        let mut pixels = Vec::new();
        let mut texts = Vec::new();
        let mut answers = Vec::with_capacity(chunk.len());
        for PreparedRow { answer, inputs, .. } in chunk {
            let (image, text) = inputs.unwrap_or_default();
            answers.push((answer, image.is_some(), text.is_some()));
            pixels.extend(image);
            texts.extend(text);
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut images = clip.embed_images(&pixels)?.into_iter();
        let mut texts = clip.embed_texts(&texts)?.into_iter();
        Ok(answers
            .into_iter()
            .map(|(answer, image, text)| {
                let image = image.then(|| images.next()).flatten();
                let text = text.then(|| texts.next()).flatten();
                match (&image, &text) {
                    // A row with an error, or with its answer from an earlier run.
                    (None, None) => answer,
                    _ => self.fill(answer, image, text, clip.scorer()),
                }
            })
            .collect())
    }

    /// Adds the results of the task to the answer of a row.
    fn fill(
        &self,
        mut answer: Answer,
        image: Option<Embedding>,
        text: Option<Embedding>,
        scorer: Scorer,
    ) -> Answer {
        match self {
            Self::Embeddings { normalize } => {
                let values = |embedding: Embedding| match normalize {
                    true => embedding.normalize().into_vec(),
                    false => embedding.into_vec(),
                };
                answer.image_features = image.map(values);
                answer.text_features = text.map(values);
            }
            Self::ZeroShot {
                labels,
                embeddings,
                top_k,
            } => {
                if let Some(image) = image {
                    let logits = scorer.logits(&image.normalize(), embeddings);
                    let (labels, probs) = match top_k {
                        None => (labels.clone(), scorer.scores(&logits)),
                        Some(k) => scorer
                            .rank(labels, &logits, *k)
                            .into_iter()
                            .map(|ranked| (ranked.label, ranked.score))
                            .unzip(),
                    };
                    answer.labels = Some(labels);
                    answer.probs = Some(probs);
                }
            }
        }
        answer
    }
}
