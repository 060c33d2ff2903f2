//! The model behind its queues: one for images, one for texts, each with a thread of its own, a pool that
//! prepares images, and a cache of label sets by content. It knows no HTTP.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use moka::future::Cache;

use super::client::Client;
use super::pool::{CancelFlag, Panicked, Pool};
use super::queue::{Batching, Queue, QueueError, Reservation};
use cliplet::clip::Clip;
use cliplet::error::{Error, Result as CoreResult};
use cliplet::image::{ImageProcessor, PixelValues};
use cliplet::zero_shot::{LabelCache, LabelSet};
use cliplet::{Embedding, UnitEmbedding};

/// Memory for the embeddings of label sets, in bytes.
const LABEL_CACHE_BYTES: u64 = 256 << 20;

/// Settings of batches, threads and the largest image.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Batches of the image tower.
    pub images: Batching,
    /// Batches of the text tower.
    pub texts: Batching,
    /// Threads that decode and resize images; 0 is one for each core.
    pub decode_threads: usize,
    /// Pixels of the largest image.
    pub max_pixels: u64,
}

/// Places in the image tower's queue.
pub(crate) type ImageReservation = Reservation<PixelValues, Embedding>;

/// The token ids of a text.
pub(crate) type Tokens = Vec<u32>;

/// Embeddings of labels, shared with the cache.
pub(crate) type LabelEmbeddings = Arc<Vec<UnitEmbedding>>;

/// A model that many callers use at once.
pub(crate) struct Engine {
    clip: Arc<Clip>,
    images: Queue<PixelValues, Embedding>,
    texts: Queue<Tokens, Embedding>,
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
        let run_images = move |pixels: Vec<PixelValues>| images.embed_images(&pixels);
        let run_texts = move |tokens: Vec<Tokens>| texts.embed_tokens(&tokens);
        let processor = clip.image_processor().clone();
        let vector_bytes = 4 * clip.info().dimension as u32;
        Ok(Self {
            images: Queue::start("image", settings.images, run_images).map_err(threads)?,
            texts: Queue::start("text", settings.texts, run_texts).map_err(threads)?,
            pool: Pool::new(settings.decode_threads),
            processor: Arc::new(processor.with_pixel_limit(settings.max_pixels)),
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

    /// Takes places for `count` images of `client`, before any of them is fetched or decoded.
    ///
    /// # Errors
    /// [`QueueError::Full`] or [`QueueError::Closed`].
    pub fn reserve_images(&self, client: Client, count: usize) -> Result<ImageReservation, QueueError> {
        self.images.reserve(client, count)
    }

    /// Runs work of the caller's on the pool, such as reading JSON.
    ///
    /// # Errors
    /// [`Panicked`].
    pub async fn on_pool<T: Send + 'static>(
        &self,
        client: Client,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        self.pool.run(client, work).await
    }

    /// The step from an image file to the input of the image tower.
    pub fn processor(&self) -> Arc<ImageProcessor> {
        self.processor.clone()
    }

    /// The token ids of texts, made on the pool: a text that cannot be read then fails alone, not with its batch.
    ///
    /// # Errors
    /// [`QueueError::Failed`].
    pub async fn tokenize(&self, client: Client, texts: Vec<String>) -> Result<Vec<Tokens>, QueueError> {
        let clip = self.clip.clone();
        let encode = move |_: &CancelFlag| {
            let tokenizer = clip.tokenizer()?;
            texts.iter().map(|text| tokenizer.encode(text)).collect()
        };
        let tokens: CoreResult<_> = self
            .on_pool(client, encode)
            .await
            .map_err(|_| QueueError::Failed)?;
        tokens.map_err(|error| {
            tracing::error!(%error, "a text could not be read");
            QueueError::Failed
        })
    }

    /// Embeds texts, not normalized, in their order.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn embed_tokens(
        &self,
        client: Client,
        texts: Vec<Tokens>,
    ) -> Result<Vec<Embedding>, QueueError> {
        self.texts.reserve(client, texts.len())?.run(texts).await
    }

    /// Embeddings of a label set: from the cache, or computed once for all callers at that time.
    ///
    /// # Errors
    /// Those of the queue.
    pub async fn embed_labels(
        &self,
        client: Client,
        set: Arc<LabelSet>,
    ) -> Result<LabelEmbeddings, QueueError> {
        let entry = self.labels.entry(set.clone());
        let compute = async {
            let mut cache = LabelCache::new();
            let prompts = cache.missing(&set);
            let tokens = self.tokenize(client, prompts.clone()).await?;
            let embeddings = self.embed_tokens(client, tokens).await?;
            cache.add(prompts, embeddings);
            Ok(Arc::new(cache.ensembles(&set)))
        };
        let entry = entry
            .or_try_insert_with(compute)
            .await
            .map_err(|error: Arc<QueueError>| (*error).clone())?;
        let found = if entry.is_fresh() { "miss" } else { "hit" };
        counter!("cliplet_label_sets_total", "cache" => found).increment(1);
        Ok(entry.into_value())
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        let wait = Duration::from_millis(2);
        Self {
            images: Batching {
                largest: 32,
                wait,
                places: 512,
            },
            texts: Batching {
                largest: 256,
                wait,
                places: 8192,
            },
            decode_threads: 0,
            max_pixels: 50_000_000,
        }
    }
}
