//! The operations of the server, free of HTTP: classification and embedding of one request's images and
//! texts, within the server's limits. Each endpoint turns its own shapes into these calls.

use std::sync::Arc;

use cliplet::Embedding;
use cliplet::clip::Clip;
use cliplet::error::{Error, Result as CoreResult};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::client::Client;
use super::engine::{Engine, ImageReservation, LabelEmbeddings, Tokens};
use super::fetch::{FetchError, Fetcher};
use super::image_input::{ImageInput, decode_image_text, is_url};
use super::limits::Limits;
use super::pool::{CancelFlag, Panicked};
use super::queue::QueueError;
use super::settings::Settings;
use cliplet::image::{Cancel, PixelValues};
use cliplet::weights::ScoreRule;
use cliplet::zero_shot::{LabelSet, PromptTemplate, parse_labels};

/// Images of one request that are fetched or waiting for the pool at a time.
const IMAGES_AT_ONCE: usize = 16;

/// Embeddings of several inputs in their order, not normalized.
pub(crate) type Embeddings = Vec<Embedding>;

/// The probabilities of labels, in their order, for each of several images.
pub(crate) type Probabilities = Vec<Vec<f32>>;

/// The reason why an operation gives no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceError {
    /// The request's shape is wrong.
    Invalid(String),
    /// The shape is right, but the content cannot be used or is over a limit.
    Unusable {
        /// A stable name of the kind of error.
        code: &'static str,
        /// A sentence for a person.
        message: String,
    },
    /// There is nothing of that name.
    NotFound(String),
    /// Too much is in progress.
    Busy {
        /// Seconds after which to try again.
        seconds: u64,
    },
    /// The server is stopping.
    Stopping,
    /// A fault of the server; its log has the details.
    Internal,
}

impl ServiceError {
    /// An error of the request's shape.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Returns the error with the part of the request that it is about in front of its message.
    pub fn at(mut self, place: &str) -> Self {
        if let Self::Invalid(message) | Self::Unusable { message, .. } = &mut self {
            *message = format!("{place}: {message}");
        }
        self
    }
}

/// Refuses a `count` of `things` that is over `limit`.
pub(crate) fn check_limit(count: usize, limit: usize, things: &str) -> Result<(), ServiceError> {
    if count <= limit {
        return Ok(());
    }
    Err(ServiceError::Unusable {
        code: "over_limit",
        message: format!("{count} {things} are over this server's limit of {limit}"),
    })
}

/// Names of a request's images or texts in messages.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    /// The word for one of them, such as `row`.
    pub word: &'static str,
    /// Their numbers in the request; none where they are counted from 0.
    pub numbers: Vec<usize>,
}

impl Naming {
    /// Names that count from 0.
    pub fn counted(word: &'static str) -> Self {
        Self {
            word,
            numbers: vec![],
        }
    }

    /// A name such as `row 3`.
    pub fn name(&self, i: usize) -> String {
        format!("{} {}", self.word, self.numbers.get(i).unwrap_or(&i))
    }
}

/// A model that answers requests within limits.
pub(crate) struct Service {
    engine: Engine,
    fetcher: Option<Fetcher>,
    limits: Limits,
    templates: Vec<PromptTemplate>,
}

impl Service {
    /// Starts the engine around a loaded model.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no threads or no TLS.
    pub fn start(clip: Arc<Clip>, settings: &Settings) -> CoreResult<Self> {
        let fetcher = settings.urls.map(Fetcher::new).transpose();
        Ok(Self {
            engine: Engine::start(clip, &settings.engine)?,
            fetcher: fetcher.map_err(|error| Error::Io {
                file: "TLS".into(),
                source: std::io::Error::other(error),
            })?,
            limits: settings.limits,
            templates: settings.templates.clone(),
        })
    }

    /// The model that is served.
    pub fn clip(&self) -> &Clip {
        self.engine.clip()
    }

    /// Runs work that takes more than a moment on the pool.
    ///
    /// # Errors
    /// [`Panicked`].
    pub async fn on_pool<T: Send + 'static>(
        &self,
        client: Client,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        self.engine.on_pool(client, work).await
    }

    /// Probabilities of `labels` for each image, in their order.
    ///
    /// # Errors
    /// A [`ServiceError`] that names the image or label.
    pub async fn classify(
        &self,
        client: Client,
        images: Vec<ImageInput>,
        labels: Vec<String>,
        naming: &Naming,
    ) -> Result<Probabilities, ServiceError> {
        let (images, labels) = tokio::try_join!(
            self.embed_images(client, images, naming),
            self.embed_labels(client, labels)
        )?;
        self.probabilities(client, images.into(), labels).await
    }

    /// The probability of each label for each image, of their embeddings.
    pub async fn probabilities(
        &self,
        client: Client,
        images: Arc<Embeddings>,
        labels: LabelEmbeddings,
    ) -> Result<Probabilities, ServiceError> {
        let scorer = self.clip().scorer();
        let score = move |_: &CancelFlag| {
            let units = images.iter().map(|image| image.clone().normalize());
            units
                .map(|image| scorer.scores(&scorer.logits(&image, &labels)))
                .collect()
        };
        Ok(self.on_pool(client, score).await?)
    }

    /// `match` where each probability is of a label by itself; `None` where they add up to one.
    pub fn kind_of_probabilities(&self) -> Option<&'static str> {
        match self.clip().scorer().rule {
            ScoreRule::Softmax => None,
            ScoreRule::Sigmoid => Some("match"),
        }
    }

    /// Embeds labels through the server's templates.
    ///
    /// # Errors
    /// A [`ServiceError`] for labels over a limit, and those of the queue.
    pub async fn embed_labels(
        &self,
        client: Client,
        labels: Vec<String>,
    ) -> Result<LabelEmbeddings, ServiceError> {
        check_labels(&labels, &self.limits)?;
        let set = LabelSet::new(labels, self.templates.clone())?;
        Ok(self.engine.embed_labels(client, set.into()).await?)
    }

    /// Embeds the images and the texts of one request side by side, not normalized.
    ///
    /// # Errors
    /// A [`ServiceError`] that names the image, and those of the queues.
    pub async fn embed(
        &self,
        client: Client,
        images: Vec<ImageInput>,
        texts: Vec<Tokens>,
        naming: &Naming,
    ) -> Result<(Embeddings, Embeddings), ServiceError> {
        let embed_texts = async {
            match texts.is_empty() {
                true => Ok(vec![]),
                false => Ok(self.engine.embed_tokens(client, texts).await?),
            }
        };
        tokio::try_join!(self.embed_images(client, images, naming), embed_texts)
    }

    /// The token ids of the texts of one request, none of which may be over the limit.
    ///
    /// # Errors
    /// A [`ServiceError`] that names the text.
    pub async fn tokenize(
        &self,
        client: Client,
        texts: Vec<String>,
        naming: &Naming,
    ) -> Result<Vec<Tokens>, ServiceError> {
        if texts.is_empty() {
            return Ok(vec![]);
        }
        check_texts(&texts, &self.limits, naming)?;
        Ok(self.engine.tokenize(client, texts).await?)
    }

    /// Embeds the images of one request in order, not normalized.
    async fn embed_images(
        &self,
        client: Client,
        images: Vec<ImageInput>,
        naming: &Naming,
    ) -> Result<Embeddings, ServiceError> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let places: ImageReservation = self.engine.reserve_images(client, images.len())?;
        let pixels = stream::iter(images.into_iter().enumerate())
            .map(|(i, image)| async move {
                let pixels = self.pixels(client, image).await;
                pixels.map_err(|error| error.at(&naming.name(i)))
            })
            .buffered(IMAGES_AT_ONCE)
            .try_collect()
            .await?;
        Ok(places.run(pixels).await?)
    }

    /// The model's input for one image: fetched where it is a URL, decoded and resized on the pool.
    async fn pixels(&self, client: Client, image: ImageInput) -> Result<PixelValues, ServiceError> {
        let image = match image {
            ImageInput::Text(text) if is_url(&text) => match &self.fetcher {
                Some(fetcher) => ImageInput::File(fetcher.fetch(&text).await?),
                None => {
                    return Err(ServiceError::invalid(
                        "this server fetches no images: send base64, or start it with --allow-url-images",
                    ));
                }
            },
            given => given,
        };
        let processor = self.engine.processor();
        let prepare = move |caller: &CancelFlag| {
            let file = match image {
                ImageInput::File(file) => file,
                ImageInput::Text(text) => decode_image_text(&text)?,
            };
            let is_cancelled = || caller.is_cancelled();
            Ok(processor.preprocess_cancellable(&file, Cancel::new(&is_cancelled))?)
        };
        self.on_pool(client, prepare).await?
    }
}

/// The labels of a text, at most as many as `limits` allow.
///
/// # Errors
/// A [`ServiceError`] where there are none, too many, or one is too long.
pub(crate) fn split_labels(text: &str, limits: &Limits) -> Result<Vec<String>, ServiceError> {
    // Counted before any of them is copied.
    let parts = text
        .split([',', '\n', '\r'])
        .filter(|part| !part.trim().is_empty());
    check_limit(parts.count(), limits.labels, "labels")?;
    let labels = parse_labels(text);
    if labels.is_empty() {
        return Err(ServiceError::invalid(
            "row 0: its text holds no label: separate labels by commas",
        ));
    }
    check_labels(&labels, limits)?;
    Ok(labels)
}

fn check_labels(labels: &[String], limits: &Limits) -> Result<(), ServiceError> {
    check_limit(labels.len(), limits.labels, "labels")?;
    check_texts(labels, limits, &Naming::counted("label"))
}

/// Refuses texts that are over the limit of characters.
pub(crate) fn check_texts(texts: &[String], limits: &Limits, naming: &Naming) -> Result<(), ServiceError> {
    for (i, text) in texts.iter().enumerate() {
        let over = check_limit(text.chars().count(), limits.text_chars, "characters");
        over.map_err(|error| error.at(&naming.name(i)))?;
    }
    Ok(())
}

impl From<QueueError> for ServiceError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full { seconds } => Self::Busy { seconds },
            QueueError::Closed => Self::Stopping,
            QueueError::Failed => Self::Internal,
        }
    }
}

impl From<Panicked> for ServiceError {
    fn from(_: Panicked) -> Self {
        Self::Internal
    }
}

impl From<FetchError> for ServiceError {
    fn from(error: FetchError) -> Self {
        Self::Unusable {
            code: "unfetchable_image",
            message: format!("the image's URL was not used: {error}"),
        }
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        match error {
            Error::Image { reason, .. } => Self::Unusable {
                code: "unreadable_image",
                message: reason,
            },
            Error::Input(message) => Self::Invalid(message),
            // Nobody is left to receive the error.
            Error::Cancelled => Self::Internal,
            error => {
                tracing::error!(%error, "the core failed");
                Self::Internal
            }
        }
    }
}
