//! Labels and a model that ranks them: zero-shot classification in one call.

use std::sync::OnceLock;

use super::{LabelCache, LabelSet, PromptTemplate, RankedLabel};
use crate::clip::Clip;
use crate::embedding::{Embedding, UnitEmbedding};
use crate::error::Result;
use crate::image::ImageInput;

/// Ranks labels for images. Prompts are embedded once, when the first image comes.
pub struct ZeroShotClassifier<'a> {
    clip: &'a Clip,
    set: LabelSet,
    labels: OnceLock<Vec<UnitEmbedding>>,
}

impl<'a> ZeroShotClassifier<'a> {
    /// A classifier of `set` by `clip`.
    pub fn new(clip: &'a Clip, set: LabelSet) -> Self {
        Self {
            clip,
            set,
            labels: OnceLock::new(),
        }
    }

    /// Replaces the prompt templates; of several the mean embedding is taken.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) where there is none, or one without `{}`.
    pub fn templates<T: AsRef<str>>(self, templates: impl IntoIterator<Item = T>) -> Result<Self> {
        let templates: Result<Vec<_>> = templates
            .into_iter()
            .map(|template| PromptTemplate::new(template.as_ref()))
            .collect();
        Ok(Self::new(self.clip, self.set.with_templates(templates?)?))
    }

    /// The labels in the caller's order.
    pub fn labels(&self) -> &[String] {
        self.set.labels()
    }

    /// The embeddings of the labels, in their order.
    ///
    /// # Errors
    /// Those of [`Clip::embed_texts`].
    pub fn label_embeddings(&self) -> Result<&[UnitEmbedding]> {
        if let Some(labels) = self.labels.get() {
            return Ok(labels);
        }
        let labels = LabelCache::new().embeddings(&self.set, |prompts| self.clip.embed_texts(prompts))?;
        Ok(self.labels.get_or_init(|| labels))
    }

    /// All labels for one image, the best first.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) for what cannot be read, and those of the model.
    pub fn classify<'i>(&self, image: impl Into<ImageInput<'i>>) -> Result<Vec<RankedLabel>> {
        self.rank(&self.clip.embed_image(image)?)
    }

    /// All labels for each of several images, each with its own result: one that cannot be read does not stop
    /// the others.
    ///
    /// # Errors
    /// Those of the model; an image's own stand in its place.
    pub fn classify_batch<'i, I>(
        &self,
        images: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Result<Vec<RankedLabel>>>>
    where
        I: Into<ImageInput<'i>>,
    {
        let embeddings = self.clip.embed_image_batch(images)?;
        let ranked = embeddings
            .into_iter()
            .map(|image| image.and_then(|image| self.rank(&image)));
        Ok(ranked.collect())
    }

    /// All labels for an image that has been embedded, the best first.
    ///
    /// # Errors
    /// Those of [`Self::label_embeddings`].
    pub fn rank(&self, image: &Embedding) -> Result<Vec<RankedLabel>> {
        let logits = self.logits(image)?;
        Ok(self.clip.scorer().rank(self.labels(), &logits, usize::MAX))
    }

    /// The logit of each label, in their order.
    ///
    /// # Errors
    /// Those of [`Self::label_embeddings`].
    pub fn logits(&self, image: &Embedding) -> Result<Vec<f32>> {
        let image = image.clone().normalize();
        Ok(self.clip.scorer().logits(&image, self.label_embeddings()?))
    }
}
