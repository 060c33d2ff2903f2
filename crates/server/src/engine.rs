//! The model behind its queues: one for pictures, one for texts, each with a thread of its own, a
//! pool that prepares pictures, and label sets kept by content. Knows no HTTP.

use std::sync::Arc;

use metrics::counter;
use moka::future::Cache;

use super::pool::{Panicked, Pool};
use super::queue::{Batching, Places, Queue, Refusal};
use cliplet::clip::Clip;
use cliplet::error::{Error, Result as CoreResult};
use cliplet::image::{ImageProcessor, PixelValues};
use cliplet::zero_shot::{LabelCache, LabelSet};
use cliplet::{Embedding, UnitEmbedding};

/// Memory for the embeddings of label sets, in bytes.
const LABEL_CACHE_BYTES: u64 = 256 << 20;

/// How the engine is set up.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Batches of the image tower.
    pub images: Batching,
    /// Batches of the text tower.
    pub texts: Batching,
    /// Threads that decode and resize pictures; 0 is one for each core.
    pub picture_threads: usize,
    /// Pixels of the largest picture.
    pub picture_pixels: u64,
}

/// Places in the image tower's queue.
pub type ImagePlaces = Places<PixelValues, Vec<f32>>;

/// A text's ids.
pub type Tokens = Vec<u32>;

/// Embeddings of labels, one normalised vector each, shared with the cache.
pub type LabelEmbeddings = Arc<Vec<UnitEmbedding>>;

/// A model that many callers use at once.
pub struct Engine {
    clip: Arc<Clip>,
    images: Queue<PixelValues, Vec<f32>>,
    texts: Queue<Tokens, Vec<f32>>,
    pool: Pool,
    processor: Arc<ImageProcessor>,
    labels: Cache<Arc<LabelSet>, LabelEmbeddings>,
}

impl Engine {
    /// Starts the queues and the pool around a loaded model.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no threads.
    pub fn start(clip: Arc<Clip>, settings: &EngineSettings) -> CoreResult<Self> {
        let threads = |source| Error::Io {
            file: "threads".into(),
            source,
        };
        let (images, texts) = (clip.clone(), clip.clone());
        let values = |embeddings: Vec<Embedding>| embeddings.into_iter().map(Embedding::into_vec).collect();
        let run_images = move |pixels: Vec<PixelValues>| images.embed_images(&pixels).map(values);
        let run_texts = move |tokens: Vec<Tokens>| texts.embed_tokens(&tokens).map(values);
        let processor = clip.image_processor().clone();
        let vector_bytes = 4 * clip.info().dimension as u32;
        Ok(Self {
            images: Queue::start("image", settings.images, run_images).map_err(threads)?,
            texts: Queue::start("text", settings.texts, run_texts).map_err(threads)?,
            pool: Pool::new(settings.picture_threads),
            processor: Arc::new(processor.with_pixel_limit(settings.picture_pixels)),
            labels: Cache::builder()
                .max_capacity(LABEL_CACHE_BYTES)
                .weigher(move |set: &Arc<LabelSet>, _| {
                    let text: usize = set.labels().iter().map(|label| label.len() + 64).sum();
                    vector_bytes.saturating_mul(set.labels().len() as u32) + text as u32
                })
                .build(),
            clip,
        })
    }

    /// The model itself, for what it is and its scale.
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    /// Takes places for `count` pictures, before any of them is fetched or decoded.
    ///
    /// # Errors
    /// [`Refusal::Full`] or [`Refusal::Closed`].
    pub fn reserve_images(&self, count: usize) -> Result<ImagePlaces, Refusal> {
        self.images.reserve(count)
    }

    /// Runs work of the caller's on the pool, such as reading JSON.
    ///
    /// # Errors
    /// [`Panicked`].
    pub async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        self.pool.run(work).await
    }

    /// What makes a picture file into what the image tower takes.
    pub fn processor(&self) -> Arc<ImageProcessor> {
        self.processor.clone()
    }

    /// Texts to ids, on the pool: a text that cannot be read then fails alone, not with its batch.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn tokenize(&self, texts: Vec<String>) -> Result<Vec<Tokens>, Refusal> {
        let clip = self.clip.clone();
        let encode = move || {
            let tokenizer = clip.tokenizer()?;
            texts.iter().map(|text| tokenizer.encode(text)).collect()
        };
        let tokens: CoreResult<_> = self.on_pool(encode).await.map_err(|_| Refusal::Failed)?;
        tokens.map_err(|error| {
            tracing::error!(%error, "a text could not be read");
            Refusal::Failed
        })
    }

    /// Embeds texts, not normalised, in their order.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn embed_tokens(&self, texts: Vec<Tokens>) -> Result<Vec<Vec<f32>>, Refusal> {
        self.texts.reserve(texts.len())?.run(texts).await
    }

    /// Embeddings of a label set: from the cache, or computed once for all who ask at that time.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn embed_labels(&self, set: Arc<LabelSet>) -> Result<LabelEmbeddings, Refusal> {
        let entry = self.labels.entry(set.clone());
        let compute = async {
            let mut cache = LabelCache::new();
            let prompts = cache.missing(&set);
            let tokens = self.tokenize(prompts.clone()).await?;
            let embeddings = self.embed_tokens(tokens).await?;
            cache.add(prompts, embeddings.into_iter().map(Embedding::from).collect());
            Ok(Arc::new(cache.ensembles(&set)))
        };
        let entry = entry
            .or_try_insert_with(compute)
            .await
            .map_err(|refusal: Arc<Refusal>| (*refusal).clone())?;
        let found = if entry.is_fresh() { "miss" } else { "hit" };
        counter!("cliplet_label_sets_total", "cache" => found).increment(1);
        Ok(entry.into_value())
    }
}
